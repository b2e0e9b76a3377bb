// SPDX-License-Identifier: MIT
#include "mount/unpack.h"

#include "base/pool.h"
#include "format/format.h"
#include "image/parse.h"
#include "mount/extract.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAYERS_AT_ONCE 4 /* ours: downloads and inflates overlap, the disk is one */

/* One layer on its way. */
struct work {
	struct lp_job job;
	struct lp_parse parse;
	struct lp_image *image;
	struct lp_store *store;
	struct lp_progress *progress;
	size_t n;
	enum lp_code code;
	struct lp_err err;		/* when code says so */
};

/* An extraction that remembers the diffID it is told. */
struct unpacking {
	struct lp_extract extract;	/* first: its sink is what the format is given */
	struct lp_digest diffid;
};

static enum lp_code take_diffid(struct lp_sink *s, const struct lp_digest *d, struct lp_err *err)
{
	(void)err;
	((struct unpacking *)s)->diffid = *d;
	return LP_OK;
}

/* In the child: a layer of any format that is a tar is read as one. */
static enum lp_code extract(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			    struct lp_err *err)
{
	const struct lp_format *format = lp_format_named("oci");
	struct lp_open_options options = {.allow_unverified = false};
	struct unpacking u = {.diffid = {.alg = LP_NO_DIGEST}};

	if (lp_extract_open(&u.extract, p->dir, err))
		return err->code;
	u.extract.sink.diffid = take_diffid;
	if (format->open(p->layer, blob, 1, &options, &u.extract.sink, err) ||
	    lp_extract_end(&u.extract, err) ||
	    lp_buf_add(result, &u.diffid, sizeof(u.diffid), sizeof(u.diffid), err))
		return err->code;
	return LP_OK;	/* the child exits: nothing is freed */
}

static void tell_progress(struct lp_parse *p, uint64_t bytes)
{
	struct work *w = (struct work *)((char *)p - offsetof(struct work, parse));

	if (w->progress)
		lp_progress_add(w->progress, bytes);
}

static enum lp_code fill(struct work *w, int dir, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf result = {0};
	struct lp_digest got = {.alg = LP_NO_DIGEST};

	w->parse = (struct lp_parse){.run = extract, .layer = &w->image->manifest.layer[w->n],
				     .dir = dir, .progress = tell_progress};
	if (lp_image_source(w->image, w->n, &source, err) ||
	    lp_parse_run(&w->parse, &source, 1, &result, err))
		return err->code;
	if (result.len == sizeof(got))
		memcpy(&got, result.p, sizeof(got));
	if (lp_digest_check(&got, &w->image->config.diffid[w->n], LP_NO_OFFSET,
			    "oci.config.diffid", "the plain layer", err))
		return err->code;
	if (!w->store->later && syncfs(dir))
		return lp_fail_errno(err, "sync");
	return LP_OK;
}

static enum lp_code unpack_layer(struct work *w, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	char final[LP_STORE_NAME], staged[LP_STAGE_NAME];
	struct lp_err left;

	lp_store_layer_name(&w->image->config.diffid[w->n], final);
	if (lp_store_has(w->store, final))
		return LP_OK;
	if (lp_store_stage(w->store, staged, &dir, err))
		return err->code;
	if (!fill(w, dir, err) && !lp_store_publish(w->store, staged, final, err))
		return LP_OK;
	if (lp_store_remove(w->store, staged, &left))
		return err->code; /* what is left is swept once we are gone */
	return err->code;
}

static void run_layer(struct lp_job *job)
{
	struct work *w = (struct work *)job;

	w->code = unpack_layer(w, &w->err);
	if (w->code)
		lp_within(&w->err, "layer %zu", w->n);
}

static enum lp_code unpack_layers(struct lp_image *i, struct lp_store *s,
				  struct lp_progress *progress, struct lp_err *err)
{
	size_t n = i->manifest.nlayer;
	struct work *w;
	LP_AUTO(lp_pool_free) struct lp_pool pool = {.nthread = 0};
	enum lp_code rc = LP_OK;

	if (n && lp_pool_start(&pool, n < LAYERS_AT_ONCE ? n : LAYERS_AT_ONCE, err))
		return err->code;
	w = calloc(n + 1, sizeof(*w));
	if (!w)
		return lp_fail_errno(err, "%zu layers", n);
	for (size_t k = 0; k < n; k++) {
		w[k].job.run = run_layer;
		w[k].image = i;
		w[k].store = s;
		w[k].progress = progress;
		w[k].n = k;
		lp_pool_put(&pool, &w[k].job);
	}
	for (size_t k = 0; k < n; k++) {
		lp_pool_wait(&pool, &w[k].job);
		if (w[k].code && !rc) {
			*err = w[k].err;
			rc = w[k].code;
		}
	}
	free(w);
	return rc;
}

enum lp_code lp_unpack(struct lp_image *i, struct lp_store *s, struct lp_progress *progress,
		       struct lp_unpacked *u, struct lp_err *err)
{
	char name[LP_REFERENCE_TEXT];

	lp_image_key(&i->ref, i->prefer, name);
	if (lp_image_config(i, err) || lp_unpacked_make(u, s, i, err) ||
	    unpack_layers(i, s, progress, err) || lp_store_name_set(s, name, &i->digest, err))
		return err->code;
	return LP_OK;
}
