// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "image/fill.h"
#include "image/publish.h"

#include <stdio.h>

struct args {
	struct lp_common common;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull check",
	.operands = "IMAGE",
	.what = "verify everything of an image: documents, metadata, chunks, whole blobs",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 1,
	.most = 1,
};

/* A store of its own, within the user's: nothing that was verified before is believed. */
struct workplace {
	struct lp_store outer, inner;
	char name[LP_STAGE_NAME];
	int dir;
};

static enum lp_code workplace_open(struct workplace *w, const char *store, struct lp_err *err)
{
	char path[sizeof(w->outer.path) + LP_STAGE_NAME + 1];

	if (lp_store_open(&w->outer, store, err) ||
	    lp_store_stage(&w->outer, w->name, &w->dir, err))
		return err->code;
	snprintf(path, sizeof(path), "%s/%s", w->outer.path, w->name);
	if (lp_store_open(&w->inner, path, err))
		return err->code;
	w->inner.later = true;
	return LP_OK;
}

static void workplace_free(struct workplace *w)
{
	struct lp_err left = {0};

	if (w->inner.path[0])
		lp_store_discard(&w->inner);
	if (w->name[0] && lp_store_remove(&w->outer, w->name, &left))
		lp_log_say(usage.program, "%s stays: %s", w->name, left.msg);
	lp_fd_close(&w->dir);
	lp_store_free(&w->inner);
	lp_store_free(&w->outer);
}

/* The stored bytes of layer @n are what its descriptor promises. */
static enum lp_code check_blob(struct lp_image *i, size_t n, struct lp_progress *progress,
			       struct lp_err *err)
{
	const struct lp_descriptor *d = &i->manifest.layer[n];
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_hash_reader_free) struct lp_hash_reader hash = {.hash = {.ctx = NULL}};
	struct lp_reader *stream;
	struct lp_digest got;

	if (lp_image_source(i, n, &source, err) || lp_source_stream(&source, &stream, err) ||
	    lp_hash_reader_open(&hash, stream, d->digest.alg, err) ||
	    lp_read_rest(&hash.reader, NULL, err))
		return lp_within(err, "layer %zu", n);
	lp_progress_add(progress, d->bytes);
	lp_hash_end(&hash.hash, &got);
	if (lp_digest_check(&got, &d->digest, LP_NO_OFFSET, "oci.layer.digest", "the blob", err))
		return lp_within(err, "layer %zu", n);
	return LP_OK;
}

static enum lp_code check_all(const struct args *a, struct lp_image *i, struct lp_store *s,
			      struct lp_err *err)
{
	struct lp_progress progress;
	uint64_t bytes = 0;
	enum lp_code rc;

	for (size_t n = 0; n < i->manifest.nlayer; n++)
		bytes += 2 * i->manifest.layer[n].bytes;
	lp_progress_start(&progress, "check", bytes);
	rc = lp_publish(i, s, a->common.allow_unverified, &progress, err);
	rc = rc ? rc : lp_fill(i, s, &progress, err);
	for (size_t n = 0; !rc && n < i->manifest.nlayer; n++)
		rc = check_blob(i, n, &progress, err);
	lp_progress_end(&progress);
	return rc;
}

static enum lp_code check(const struct args *a, const char *name, struct lp_err *err)
{
	LP_AUTO(workplace_free) struct workplace w = {.outer = {.dir = -1}, .inner = {.dir = -1},
						      .dir = -1};
	LP_AUTO(lp_image_free) struct lp_image image = LP_IMAGE_EMPTY;
	char text[LP_DIGEST_TEXT];

	if (workplace_open(&w, a->common.store, err) ||
	    lp_common_open(&a->common, name, &image, err) || check_all(a, &image, &w.inner, err))
		return err->code;
	lp_digest_text(&image.digest, text);
	printf(a->common.json ? "{\"digest\":\"%s\",\"layers\":%zu}\n" : "%s: %zu layers verified\n",
	       text, image.manifest.nlayer);
	return LP_OK;
}

int lp_cmd_check(int argc, char **argv)
{
	struct args a = {.common = {.store = NULL}};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_common_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_common_end(&usage, check(&a, argv[operand], &err), &err, a.common.json);
}
