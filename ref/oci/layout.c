// SPDX-License-Identifier: MIT
#include "oci/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULE_VERSION "oci.layout.version"
#define RULE_INDEX "oci.layout.index"
#define RULE_TAG "oci.layout.tag"

#define MARKER "oci-layout"
#define INDEX "index.json"
#define MARKER_MAX 4096 /* bytes, ours: it holds one version */

static const char marker[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
static const char empty_index[] =
	"{\"manifests\":[],\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
	"\"schemaVersion\":2}";

void lp_layout_free(struct lp_layout *l)
{
	if (*l->path) {
		lp_fd_close(&l->dir);
		lp_fd_close(&l->file);
	}
	lp_archive_free(&l->archive);
	*l = (struct lp_layout){.dir = -1, .file = -1};
}

/* A member of the archive as a file of its own. */
static enum lp_code copy_member(const struct lp_layout *l, const char *name, int *out,
				struct lp_err *err)
{
	const struct lp_archive_member *m = lp_archive_find(&l->archive, name);
	LP_AUTO(lp_fd_close) int fd = -1;
	off_t from;
	size_t left;

	if (!m)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s has no %s", l->path, name);
	fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return lp_fail_errno(err, "create a temporary file");
	from = (off_t)m->off;
	for (left = (size_t)m->bytes; left;) {
		ssize_t n = sendfile(fd, l->file, &from, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lp_fail_errno(err, "copy %s from %s", name, l->path);
		left -= (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET))
		return lp_fail_errno(err, "seek");
	*out = fd;
	fd = -1;
	return LP_OK;
}

static enum lp_code open_file(const struct lp_layout *l, const char *name, int *out,
			      struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	struct stat st;

	if (l->dir < 0)
		return copy_member(l, name, out, err);
	/* Not to hang on a fifo, which is refused below. */
	fd = openat(l->dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s has no %s", l->path, name);
	if (fd < 0 || fstat(fd, &st))
		return lp_fail_errno(err, "open %s/%s", l->path, name);
	if (!S_ISREG(st.st_mode))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "oci.layout.file",
			       "%s/%s is not a regular file", l->path, name);
	*out = fd;
	fd = -1;
	return LP_OK;
}

static enum lp_code load(const struct lp_layout *l, const char *name, size_t max,
			 struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	uint64_t bytes = 0;

	if (open_file(l, name, &fd, err) || lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (bytes > max)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_INDEX,
			       "%s has %llu bytes, the limit is %zu", name,
			       (unsigned long long)bytes, max);
	if (lp_buf_reserve(out, (size_t)bytes, max, err) ||
	    lp_file_pread(fd, 0, out->p, (size_t)bytes, err))
		return lp_within(err, "%s", name);
	out->len = (size_t)bytes;
	return LP_OK;
}

enum lp_code lp_layout_marker(const void *p, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	const char *version;

	if (n > MARKER_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_VERSION,
			       "%s has %zu bytes, the limit is %d", MARKER, n, MARKER_MAX);
	if (lp_json_parse(p, n, RULE_VERSION, &doc, err) ||
	    lp_json_string(doc, "imageLayoutVersion", LP_JSON_REQUIRED, RULE_VERSION, &version,
			   err))
		return err->code;
	/* image-layout.md: 1.0.0 is the only version there is */
	if (strcmp(version, "1.0.0"))
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_VERSION,
			       "layout version \"%.40s\", want 1.0.0", version);
	return LP_OK;
}

static enum lp_code check_marker(const struct lp_layout *l, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (load(l, MARKER, MARKER_MAX, &text, err) || lp_layout_marker(text.p, text.len, err))
		return err->code;
	return LP_OK;
}

/* Open @path, whatever it is. */
static enum lp_code attach(struct lp_layout *l, const char *path, struct lp_err *err)
{
	struct stat st;

	if (strlen(path) >= sizeof(l->path) || !*path)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a layout's path has %zu bytes",
			       strlen(path));
	*l = (struct lp_layout){.dir = -1, .file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	if (l->file < 0 && errno == ENOENT)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: no such layout", path);
	if (l->file < 0)
		return lp_fail_errno(err, "open %s", path);
	snprintf(l->path, sizeof(l->path), "%s", path);
	if (fstat(l->file, &st))
		return lp_fail_errno(err, "stat %s", path);
	if (S_ISDIR(st.st_mode)) {
		l->dir = l->file;
		l->file = -1;
		return LP_OK;
	}
	if (!S_ISREG(st.st_mode))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "%s is neither a directory nor a file", path);
	if (lp_archive_open(&l->archive, l->file, err))
		return lp_within(err, "%s", path);
	return LP_OK;
}

enum lp_code lp_layout_open(struct lp_layout *out, const char *path, struct lp_err *err)
{
	LP_AUTO(lp_layout_free) struct lp_layout l = {.dir = -1, .file = -1};

	*out = l;
	if (attach(&l, path, err))
		return err->code;
	if (check_marker(&l, err))
		return lp_within(err, "%s", path);
	*out = l;
	l = (struct lp_layout){.dir = -1, .file = -1};
	return LP_OK;
}

enum lp_code lp_layout_bare(struct lp_layout *l, const char *path, int fd,
			    const struct lp_digest *own, struct lp_err *err)
{
	*l = (struct lp_layout){.bare = true, .file = fd,
				.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	snprintf(l->path, sizeof(l->path), "%s", path);
	if (own)
		l->own = *own;
	if (l->dir >= 0)
		return LP_OK;
	if (errno == ENOENT)
		lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: no such directory", path);
	else
		lp_fail_errno(err, "open %s", path);
	lp_layout_free(l);
	return err->code;
}

/* Everybody who changes index.json holds this; closing it lets go. */
static enum lp_code lock(const struct lp_layout *l, int *out, struct lp_err *err)
{
	/* A description of our own: flock() does not part threads that share one. */
	LP_AUTO(lp_fd_close) int fd = openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", l->path);
	do
		rc = flock(fd, LOCK_EX);
	while (rc && errno == EINTR);
	if (rc)
		return lp_fail_errno(err, "lock %s", l->path);
	*out = fd;
	fd = -1;
	return LP_OK;
}

static enum lp_code make_dirs(const char *path, struct lp_err *err)
{
	char part[1024];

	for (size_t i = 1; path[i - 1]; i++) {
		if (path[i] && path[i] != '/')
			continue;
		if (i >= sizeof(part))
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a path of %zu bytes", i);
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return lp_fail_errno(err, "make directory %s", part);
	}
	return LP_OK;
}

/* The files of an empty layout, oci-layout last: a directory without it is no layout yet. */
static enum lp_code fill(const struct lp_layout *l, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int held = -1;

	if (lock(l, &held, err))
		return err->code;
	if (!faccessat(l->dir, MARKER, F_OK, 0))
		return LP_OK;
	if ((mkdirat(l->dir, "blobs", 0755) && errno != EEXIST) ||
	    (mkdirat(l->dir, "blobs/sha256", 0755) && errno != EEXIST))
		return lp_fail_errno(err, "make directories in %s", l->path);
	if (lp_file_save(l->dir, INDEX, empty_index, sizeof(empty_index) - 1, err) ||
	    lp_file_save(l->dir, MARKER, marker, sizeof(marker) - 1, err))
		return lp_within(err, "%s", l->path);
	return LP_OK;
}

enum lp_code lp_layout_create(struct lp_layout *out, const char *path, struct lp_err *err)
{
	LP_AUTO(lp_layout_free) struct lp_layout l = {.dir = -1, .file = -1};
	struct stat st;

	*out = l;
	if (stat(path, &st) && make_dirs(path, err))
		return err->code;
	if (attach(&l, path, err))
		return err->code;
	if (l.dir < 0)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s is not a directory", path);
	if (fill(&l, err) || check_marker(&l, err))
		return err->code;
	*out = l;
	l = (struct lp_layout){.dir = -1, .file = -1};
	return LP_OK;
}

static enum lp_code load_index(const struct lp_layout *l, json_t **out, json_t **manifests,
			       struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	uint64_t schema;

	if (load(l, INDEX, LP_INDEX_MAX, &text, err) ||
	    lp_json_parse(text.p, text.len, RULE_INDEX, &doc, err) ||
	    lp_json_u64(doc, "schemaVersion", LP_JSON_REQUIRED, RULE_INDEX, &schema, err) ||
	    lp_json_child(doc, "manifests", JSON_ARRAY, LP_JSON_REQUIRED, RULE_INDEX, manifests,
			  err))
		return lp_within(err, "%s", l->path);
	if (schema != 2)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_INDEX,
			       "index.json of schema version %llu, want 2",
			       (unsigned long long)schema);
	*out = doc;
	doc = NULL;
	return LP_OK;
}

/* The tag of an entry of index.json; "": none. */
static const char *tag_of(const json_t *entry)
{
	const json_t *notes = json_object_get(entry, "annotations");
	const char *tag = json_string_value(json_object_get(notes, LP_NOTE_REF_NAME));

	return tag ? tag : "";
}

/* What refers to others and has no name of its own. */
static bool is_aside(const json_t *entry)
{
	return !*tag_of(entry) && json_object_get(entry, "artifactType");
}

static size_t count_images(const json_t *manifests)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(manifests); i++)
		n += !is_aside(json_array_get(manifests, i));
	return n;
}

static enum lp_code fail_missing(const struct lp_layout *l, const char *tag,
				 const json_t *manifests, struct lp_err *err)
{
	char tags[160] = "";

	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const char *name = tag_of(json_array_get(manifests, i));
		size_t used = strlen(tags);

		snprintf(tags + used, sizeof(tags) - used, "%s%.80s", used ? ", " : "",
			 *name ? name : "one without a tag");
	}
	return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE_TAG, "%.100s: no %s%.80s, there is: %s",
		       l->path, *tag ? "image " : "single image", tag, *tags ? tags : "none");
}

enum lp_code lp_layout_find(struct lp_layout *l, const char *tag, struct lp_descriptor *out,
			    struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	LP_AUTO(lp_descriptor_free) struct lp_descriptor found = {0};
	json_t *manifests, *entry;
	size_t i;

	*out = found;
	if (load_index(l, &doc, &manifests, err))
		return err->code;
	if (!*tag && count_images(manifests) > 1)
		return fail_missing(l, tag, manifests, err);
	json_array_foreach(manifests, i, entry) {
		LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};

		if (*tag ? strcmp(tag_of(entry), tag) != 0 : is_aside(entry))
			continue;
		if (lp_descriptor_parse(entry, &d, err))
			return lp_within(err, "%s: index.json: entry %zu", l->path, i);
		if (found.digest.alg && !lp_digest_equal(&found.digest, &d.digest))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_TAG,
				       "%s: two images have the tag \"%.80s\"", l->path, tag);
		if (lp_descriptor_copy(&found, &d, err))
			return err->code;
	}
	if (!found.digest.alg)
		return fail_missing(l, tag, manifests, err);
	*out = found;
	found = (struct lp_descriptor){0};
	return LP_OK;
}

/* Take the entries of @tag out of @manifests and put @d in. */
static enum lp_code replace(json_t *manifests, const char *tag, const struct lp_descriptor *d,
			    struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor named = {0};

	for (size_t i = json_array_size(manifests); i-- > 0;)
		if (!strcmp(tag_of(json_array_get(manifests, i)), tag))
			json_array_remove(manifests, i);
	if (lp_descriptor_copy(&named, d, err) ||
	    (*tag && lp_descriptor_set_note(&named, LP_NOTE_REF_NAME, tag, err)))
		return err->code;
	if (json_array_append_new(manifests, lp_descriptor_json(&named)))
		return lp_fail_errno(err, "add to index.json");
	return LP_OK;
}

static enum lp_code refuse_archive(const struct lp_layout *l, struct lp_err *err)
{
	if (l->dir >= 0)
		return LP_OK;
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s is an archive, which is only read",
		       l->path);
}

enum lp_code lp_layout_tag(struct lp_layout *l, const char *tag, const struct lp_descriptor *d,
			   struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	LP_AUTO(lp_fd_close) int held = -1;
	json_t *manifests;

	if (refuse_archive(l, err) || lock(l, &held, err) || load_index(l, &doc, &manifests, err) ||
	    replace(manifests, tag, d, err) || lp_json_print(doc, &text, LP_INDEX_MAX, err) ||
	    lp_file_save(l->dir, INDEX, text.p, text.len, err))
		return lp_within(err, "tag \"%.80s\"", tag);
	return LP_OK;
}

enum lp_code lp_layout_add(struct lp_layout *l, json_t *entry, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	LP_AUTO(lp_fd_close) int held = -1;
	const json_t *digest = json_object_get(entry, "digest");
	json_t *manifests, *other;
	size_t i;

	if (refuse_archive(l, err) || lock(l, &held, err) || load_index(l, &doc, &manifests, err))
		return err->code;
	json_array_foreach(manifests, i, other)
		if (json_equal(json_object_get(other, "digest"), digest))
			return LP_OK;
	if (json_array_append(manifests, entry))
		return lp_fail_errno(err, "add to index.json");
	if (lp_json_print(doc, &text, LP_INDEX_MAX, err) ||
	    lp_file_save(l->dir, INDEX, text.p, text.len, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_layout_index(struct lp_layout *l, struct lp_index *out, struct lp_err *err)
{
	return load_index(l, &out->document, &out->entries, err);
}

static void blob_name(const struct lp_digest *d, char out[static 8 + LP_DIGEST_TEXT])
{
	char hex[LP_DIGEST_TEXT];

	lp_digest_hex(d, hex);
	snprintf(out, 8 + LP_DIGEST_TEXT, "blobs/%.15s/%.128s", lp_alg_name(d->alg), hex);
}

enum lp_code lp_layout_blob(struct lp_layout *l, const struct lp_digest *d, int *fd,
			    struct lp_err *err)
{
	char name[8 + LP_DIGEST_TEXT];

	if (l->bare && l->file >= 0 && lp_digest_equal(d, &l->own)) {
		*fd = fcntl(l->file, F_DUPFD_CLOEXEC, 0);
		return *fd >= 0 ? LP_OK : lp_fail_errno(err, "a blob");
	}
	if (l->bare)
		lp_digest_hex(d, name);
	else
		blob_name(d, name);
	return open_file(l, name, fd, err);
}

enum lp_code lp_layout_load(struct lp_layout *l, const struct lp_descriptor *d, size_t max,
			    const char *rule, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_digest got;

	if (d->bytes > max)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, rule,
			       "a document of %llu bytes, the limit is %zu",
			       (unsigned long long)d->bytes, max);
	if (lp_layout_blob(l, &d->digest, &fd, err) ||
	    lp_buf_reserve(out, (size_t)d->bytes, max, err) ||
	    lp_file_pread(fd, 0, out->p, (size_t)d->bytes, err))
		return err->code;
	out->len = (size_t)d->bytes;
	lp_digest_of(d->digest.alg, out->p, out->len, &got);
	return lp_digest_check(&got, &d->digest, LP_NO_OFFSET, rule, "the document", err);
}

enum lp_code lp_layout_stage(struct lp_layout *l, int *fd, struct lp_err *err)
{
	if (refuse_archive(l, err))
		return err->code;
	*fd = openat(l->dir, "blobs", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	if (*fd < 0)
		return lp_fail_errno(err, "create a temporary file in %s/blobs", l->path);
	return LP_OK;
}

enum lp_code lp_layout_commit(struct lp_layout *l, int fd, const struct lp_digest *d,
			      struct lp_err *err)
{
	char name[8 + LP_DIGEST_TEXT], self[40], parent[24];

	blob_name(d, name);
	snprintf(parent, sizeof(parent), "blobs/%.15s", lp_alg_name(d->alg));
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fdatasync(fd))
		return lp_fail_errno(err, "sync a blob of %s", l->path);
	if (mkdirat(l->dir, parent, 0755) && errno != EEXIST)
		return lp_fail_errno(err, "make directory %s/%s", l->path, parent);
	/* A blob that is there already has the same bytes: its name is their digest. */
	if (linkat(AT_FDCWD, self, l->dir, name, AT_SYMLINK_FOLLOW) && errno != EEXIST)
		return lp_fail_errno(err, "name %s/%s", l->path, name);
	return LP_OK;
}

enum lp_code lp_layout_put(struct lp_layout *l, const void *p, size_t n, struct lp_descriptor *d,
			   struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;

	lp_digest_of(LP_SHA256, p, n, &d->digest);
	d->bytes = n;
	if (lp_layout_stage(l, &fd, err) || lp_file_write(fd, p, n, err) ||
	    lp_layout_commit(l, fd, &d->digest, err))
		return err->code;
	return LP_OK;
}
