// SPDX-License-Identifier: MIT
#include "image/bare.h"

#include "format/format.h"
#include "image/refers.h"
#include "tree/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define RULE_SIZE "image.bare.size"
#define RULE_FILE "oci.layout.file"

#define FOLDER "image"
#define BOOT "image/image.boot"
#define MEDIA_TAR "application/vnd.oci.image.layer.v1.tar"

static enum lp_code open_boot(const char *path, int *fd, uint64_t *bytes, struct lp_err *err)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 && errno == ENOENT)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: no such file", path);
	if (*fd < 0 || fstat(*fd, &st))
		return lp_fail_errno(err, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_FILE, "%s is not a regular file",
			       path);
	*bytes = (uint64_t)st.st_size;
	if (*bytes > LP_BARE_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_SIZE,
			       "%s has %llu bytes", path, (unsigned long long)*bytes);
	return LP_OK;
}

static enum lp_code put_header(struct lp_writer *out, const char *path, uint32_t mode,
			       uint64_t bytes, struct lp_err *err)
{
	const struct lp_entry e = {.path = path, .mode = mode, .size = bytes};
	LP_AUTO(lp_buf_free) struct lp_buf text = {.p = NULL};

	if (lp_tar_header(&e, &text, err))
		return err->code;
	return lp_write(out, text.p, text.len, err);
}

static enum lp_code put_body(struct lp_writer *out, int from, uint64_t bytes, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	struct lp_reader *stream;

	if (lp_source_file(&source, from, err) || lp_source_stream(&source, &stream, err))
		return err->code;
	return lp_copy(stream, out, bytes, err);
}

/* The bootstrap at @path as a layer: a tar in *@fd, which is @d. */
static enum lp_code make_layer(const char *path, int *fd, struct lp_descriptor *d,
			       struct lp_err *err)
{
	static const uint8_t zero[LP_TAR_EOF_BYTES];
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer hash = {.hash = {.ctx = NULL}};
	LP_AUTO(lp_fd_close) int from = -1;
	struct lp_fd_writer file;
	uint64_t bytes = 0;
	int body;

	if (open_boot(path, &from, &bytes, err))
		return err->code;
	*fd = memfd_create("bootstrap", MFD_CLOEXEC);
	if (*fd < 0)
		return lp_fail_errno(err, "memory for a bootstrap");
	lp_fd_writer_open(&file, *fd);
	if (lp_hash_writer_open(&hash, &file.writer, LP_SHA256, err) ||
	    put_header(&hash.writer, FOLDER, S_IFDIR | 0755, 0, err) ||
	    put_header(&hash.writer, BOOT, S_IFREG | 0444, bytes, err))
		return err->code;
	body = from; /* consumed */
	from = -1;
	if (put_body(&hash.writer, body, bytes, err) ||
	    lp_write(&hash.writer, zero, lp_tar_pad(bytes), err) ||
	    lp_write(&hash.writer, zero, sizeof(zero), err))
		return lp_within(err, "%s", path);
	d->bytes = hash.bytes;
	lp_hash_end(&hash.hash, &d->digest);
	memcpy(d->media_type, MEDIA_TAR, sizeof(MEDIA_TAR));
	return lp_descriptor_set_note(d, LP_NOTE_NYDUS_BOOTSTRAP, "true", err);
}

/* The blob @digest as the next layer of @m, if it is there. */
static enum lp_code add_blob(struct lp_layout *l, const struct lp_digest *digest,
			     struct lp_manifest *m, struct lp_err *err)
{
	struct lp_descriptor *d = &m->layer[m->nlayer];
	LP_AUTO(lp_fd_close) int fd = -1;
	enum lp_code code = lp_layout_blob(l, digest, &fd, err);

	if (code == LP_EMISSING)
		return LP_OK;
	if (code || lp_file_bytes(fd, &d->bytes, err))
		return err->code;
	m->nlayer++;
	d->digest = *digest;
	memcpy(d->media_type, LP_MEDIA_NYDUS_BLOB, sizeof(LP_MEDIA_NYDUS_BLOB));
	return lp_descriptor_set_note(d, LP_NOTE_NYDUS_BLOB, "true", err);
}

/* Layers of @i: the blobs that @last needs, and @last, which is the caller's. */
static enum lp_code list_layers(struct lp_image *i, const struct lp_descriptor *last,
				struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf needs = {.p = NULL};
	struct lp_manifest *m = &i->manifest;
	size_t n;

	if (lp_image_blob(i, last, &source, err) ||
	    lp_refers(lp_format_named("rafs"), last, &source, &needs, err))
		return err->code;
	n = needs.len / sizeof(struct lp_digest);
	m->layer = calloc(n + 1, sizeof(*m->layer));
	if (!m->layer)
		return lp_fail_errno(err, "%zu layers", n);
	for (size_t k = 0; k < n; k++)
		if (add_blob(&i->layout, (const struct lp_digest *)(const void *)needs.p + k, m,
			     err))
			return err->code;
	return lp_descriptor_copy(&m->layer[m->nlayer++], last, err);
}

/* A configuration with nothing but what there has to be. */
static enum lp_code make_config(struct lp_image *i, const struct lp_platform *platform,
				struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *ids = json_array();
	LP_AUTO(lp_json_free) json_t *doc = NULL;

	for (size_t k = 0; k < i->manifest.nlayer; k++) {
		char text[LP_DIGEST_TEXT];

		lp_digest_text(&i->manifest.layer[k].digest, text);
		json_array_append_new(ids, json_string(text));
	}
	doc = json_pack("{s:s, s:s, s:{}, s:{s:s, s:O}}", "architecture", platform->arch, "os",
			platform->os, "config", "rootfs", "type", "layers", "diff_ids", ids);
	if (!doc || json_array_size(ids) != i->manifest.nlayer)
		return lp_fail_errno(err, "a configuration");
	if (lp_json_print(doc, &i->config_text, LP_CONFIG_MAX, err))
		return err->code;
	return lp_config_parse(i->config_text.p, i->config_text.len, &i->config, err);
}

static enum lp_code make_documents(struct lp_image *i, const struct lp_platform *platform,
				   struct lp_err *err)
{
	static const char manifest[] = "application/vnd.oci.image.manifest.v1+json";
	static const char config[] = "application/vnd.oci.image.config.v1+json";
	struct lp_manifest *m = &i->manifest;

	if (make_config(i, platform, err))
		return err->code;
	memcpy(m->media_type, manifest, sizeof(manifest));
	memcpy(m->config.media_type, config, sizeof(config));
	m->config.bytes = i->config_text.len;
	lp_digest_of(LP_SHA256, i->config_text.p, i->config_text.len, &m->config.digest);
	if (lp_manifest_print(m, &i->manifest_text, err))
		return err->code;
	lp_digest_of(LP_SHA256, i->manifest_text.p, i->manifest_text.len, &i->digest);
	return LP_OK;
}

enum lp_code lp_bare_open(struct lp_image *i, const struct lp_platform *platform,
			  struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor last = {.bytes = 0};
	LP_AUTO(lp_fd_close) int fd = -1;
	char blobs[1024];
	int layer;

	lp_reference_blobs(&i->ref, blobs);
	if (make_layer(i->ref.path, &fd, &last, err))
		return err->code;
	layer = fd; /* consumed */
	fd = -1;
	if (lp_layout_bare(&i->layout, blobs, layer, &last.digest, err) ||
	    list_layers(i, &last, err) || make_documents(i, platform, err))
		return err->code;
	return LP_OK;
}
