// SPDX-License-Identifier: MIT
#include "image/verify.h"

#include "format/format.h"
#include "image/parse.h"

#include <stdlib.h>

/* Blob 0 is the last layer, as formats of whole images want it. */
struct verifying {
	struct lp_parse parse;
	const struct lp_format *format;
	struct lp_descriptor *d;	/* [n] borrowed members */
	struct lp_source *source;	/* [n] */
	size_t n;
};

static void verifying_free(struct verifying *v)
{
	for (size_t i = 0; v->source && i < v->n; i++)
		lp_source_free(&v->source[i]);
	free(v->source);
	free(v->d);
}

static enum lp_code verify_blob(struct lp_image *i, size_t n, struct lp_progress *progress,
				struct lp_err *err)
{
	const struct lp_descriptor *d = lp_image_descriptor(i, n);
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_hash_reader_free) struct lp_hash_reader hash = {.hash = {.ctx = NULL}};
	struct lp_reader *stream;
	struct lp_digest got;

	if (lp_image_source(i, n, &source, err) || lp_source_stream(&source, &stream, err) ||
	    lp_hash_reader_open(&hash, stream, d->digest.alg, err) ||
	    lp_read_rest(&hash.reader, NULL, err))
		return err->code;
	lp_hash_end(&hash.hash, &got);
	lp_progress_add(progress, hash.bytes);
	if (i->layout.bare) /* a name, which nobody vouches for: image/bare.h */
		return LP_OK;
	return lp_digest_check(&got, &d->digest, LP_NO_OFFSET, "oci.layer.digest", "the blob", err);
}

/* In the child. */
static enum lp_code check(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			  struct lp_err *err)
{
	struct verifying *v = (struct verifying *)((char *)p - offsetof(struct verifying, parse));

	(void)result;
	return v->format->check(v->d, blob, v->n, err);
}

static enum lp_code prepare(struct verifying *v, struct lp_image *i, struct lp_err *err)
{
	const struct lp_open_options options = {.allow_unverified = false};

	v->d = calloc(v->n, sizeof(*v->d));
	v->source = calloc(v->n, sizeof(*v->source));
	if (!v->d || !v->source)
		return lp_fail_errno(err, "%zu layers", v->n);
	for (size_t k = 0; k < v->n; k++) {
		size_t last = i->manifest.nlayer - 1, n = k > last ? k : k ? k - 1 : last;

		v->d[k] = *lp_image_descriptor(i, n);
		if (lp_image_source(i, n, &v->source[k], err))
			return err->code;
	}
	return lp_format_of(v->d, v->source, &options, &v->format, err);
}

enum lp_code lp_verify(struct lp_image *i, struct lp_progress *progress, struct lp_err *err)
{
	LP_AUTO(verifying_free) struct verifying v = {.n = lp_image_blobs(i)};
	LP_AUTO(lp_buf_free) struct lp_buf result = {0};

	for (size_t n = 0; n < v.n; n++)
		if (verify_blob(i, n, progress, err))
			return lp_within(err, "layer %zu", n);
	if (prepare(&v, i, err))
		return err->code;
	v.parse = (struct lp_parse){.run = check, .layer = v.d, .dir = -1};
	return lp_parse_run(&v.parse, v.source, v.n, &result, err);
}
