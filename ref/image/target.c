// SPDX-License-Identifier: MIT
#include "image/target.h"

#include "fetch/referrers.h"
#include "oci/subject.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"

enum lp_code lp_target_open(struct lp_target *t, const struct lp_reference *ref,
			    const struct lp_registry_options *o, int tmp, struct lp_err *err)
{
	t->ref = *ref;
	t->tmp = tmp;
	if (ref->transport == LP_DOCKER)
		return lp_registry_open(&t->registry, ref, o, err);
	if (ref->transport == LP_OCI)
		return lp_layout_create(&t->layout, ref->path, err);
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
		       "images are written to docker:// and oci: only");
}

void lp_target_free(struct lp_target *t)
{
	lp_registry_free(&t->registry);
	lp_layout_free(&t->layout);
}

enum lp_code lp_target_stage(struct lp_target *t, int *fd, struct lp_err *err)
{
	if (!t->registry)
		return lp_layout_stage(&t->layout, fd, err);
	*fd = openat(t->tmp, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (*fd < 0)
		return lp_fail_errno(err, "create a temporary file");
	return LP_OK;
}

enum lp_code lp_target_keep(struct lp_target *t, const struct lp_descriptor *d, int fd,
			    struct lp_err *err)
{
	bool had;

	if (t->registry)
		return lp_registry_push_blob(t->registry, d, fd, NULL, &had, err);
	return lp_layout_commit(&t->layout, fd, &d->digest, err);
}

enum lp_code lp_target_has(struct lp_target *t, const struct lp_descriptor *d, bool *had,
			   struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	enum lp_code code;

	if (t->registry)
		return lp_registry_has(t->registry, &d->digest, had, err);
	code = lp_layout_blob(&t->layout, &d->digest, &fd, err);
	*had = !code;
	return code == LP_EMISSING ? LP_OK : code;
}

/* The stored bytes of the blob @d of @from into a new file, hashed on the way. */
static enum lp_code stage_copy(struct lp_target *t, struct lp_image *from,
			       const struct lp_descriptor *d, int *fd, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_hash_reader_free) struct lp_hash_reader hash = {.hash = {.ctx = NULL}};
	struct lp_fd_writer out;
	struct lp_reader *stream;
	struct lp_digest got;

	if (lp_target_stage(t, fd, err) || lp_image_blob(from, d, &source, err) ||
	    lp_source_stream(&source, &stream, err) ||
	    lp_hash_reader_open(&hash, stream, d->digest.alg, err))
		return err->code;
	lp_fd_writer_open(&out, *fd);
	if (lp_copy(&hash.reader, &out.writer, d->bytes, err))
		return err->code;
	lp_hash_end(&hash.hash, &got);
	return lp_digest_check(&got, &d->digest, LP_NO_OFFSET, "oci.layer.digest", "the blob", err);
}

enum lp_code lp_target_copy(struct lp_target *t, struct lp_image *from,
			    const struct lp_descriptor *d, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;

	if (stage_copy(t, from, d, &fd, err) || lp_target_keep(t, d, fd, err))
		return err->code;
	return LP_OK;
}

/* A small document as a blob. */
static enum lp_code put(struct lp_target *t, const struct lp_buf *b, struct lp_descriptor *d,
			struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;

	d->bytes = b->len;
	lp_digest_of(LP_SHA256, b->p, b->len, &d->digest);
	if (lp_target_stage(t, &fd, err) || lp_file_pwrite(fd, 0, b->p, b->len, err) ||
	    lp_target_keep(t, d, fd, err))
		return err->code;
	return LP_OK;
}

const char *lp_target_tag(const struct lp_target *t)
{
	return t->ref.tag[0] || t->registry ? t->ref.tag : "latest";
}

static enum lp_code push_document(struct lp_target *t, const struct lp_buf *text,
				  const struct lp_descriptor *d, const char *tag,
				  struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *entry = NULL;
	struct lp_digest subject;
	bool linked = false;

	if (lp_registry_push_manifest(t->registry, tag, d->media_type, text, &linked, err) ||
	    lp_subject_entry(text, d, &entry, &subject, err))
		return err->code;
	return entry && !linked ? lp_registry_link(t->registry, &subject, entry, err) : LP_OK;
}

static enum lp_code put_document(struct lp_target *t, const struct lp_buf *text,
				 struct lp_descriptor *d, const char *tag, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *entry = NULL;
	struct lp_digest subject;

	if (put(t, text, d, err) || lp_subject_entry(text, d, &entry, &subject, err))
		return err->code;
	if (tag[0])
		return lp_layout_tag(&t->layout, tag, d, err);
	return entry ? lp_layout_add(&t->layout, entry, err) : LP_OK;
}

enum lp_code lp_target_document(struct lp_target *t, const struct lp_buf *text,
				const char *media_type, const char *tag,
				struct lp_descriptor *made, struct lp_err *err)
{
	*made = (struct lp_descriptor){.bytes = text->len};
	lp_digest_of(LP_SHA256, text->p, text->len, &made->digest);
	snprintf(made->media_type, sizeof(made->media_type), "%s", media_type);
	return t->registry ? push_document(t, text, made, tag, err)
			   : put_document(t, text, made, tag, err);
}

enum lp_code lp_target_finish(struct lp_target *t, struct lp_manifest *m,
			      const struct lp_buf *config, const char *tag,
			      struct lp_descriptor *made, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	snprintf(m->media_type, sizeof(m->media_type), "%s", MEDIA_MANIFEST);
	snprintf(m->config.media_type, sizeof(m->config.media_type), "%s", MEDIA_CONFIG);
	if (put(t, config, &m->config, err) || lp_manifest_print(m, &text, err) ||
	    lp_target_document(t, &text, MEDIA_MANIFEST, tag, made, err))
		return err->code;
	return LP_OK;
}

/* What no manifest lists, so that nobody else will bring it. */
static enum lp_code copy_borrowed(struct lp_target *t, struct lp_image *from, struct lp_err *err)
{
	for (size_t n = 0; n < from->nborrowed; n++) {
		bool had;

		if (lp_target_has(t, &from->borrowed[n], &had, err) ||
		    (!had && lp_target_copy(t, from, &from->borrowed[n], err)))
			return lp_within(err, "borrowed blob %zu", n);
	}
	return LP_OK;
}

enum lp_code lp_target_finish_copy(struct lp_target *t, struct lp_image *from, struct lp_err *err)
{
	struct lp_descriptor config = {.bytes = 0}, made;

	if (copy_borrowed(t, from, err))
		return err->code;
	if (put(t, &from->config_text, &config, err))
		return err->code;
	return lp_target_document(t, &from->manifest_text, from->manifest.media_type,
				  lp_target_tag(t), &made, err);
}
