// SPDX-License-Identifier: MIT
#include "image/convert.h"

#include "image/beside.h"
#include "image/bundle.h"
#include "image/dict.h"
#include "image/flatten.h"
#include "image/made.h"
#include "image/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS_AT_ONCE 2 /* ours: one inflates while another deflates */

/* One layer on its way. */
struct work {
	struct lp_job made_job, kept_job;
	struct lp_pool *keepers;	/* that run what keeps it */
	struct lp_parse parse;
	const struct lp_convert_options *options;
	struct lp_image *from;
	struct lp_target *to;
	size_t n;
	bool flat;			/* all of the image is one layer */
	struct lp_spool spool;
	int out;			/* the new blob */
	struct lp_descriptor made;
	struct lp_digest diffid;
	enum lp_code code, kept;
	struct lp_err err;		/* when one of them says so */
};

/* Keeps what a format tells in a spool. */
struct spool_sink {
	struct lp_sink sink;
	struct lp_spool *spool;
};

static enum lp_code take_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	return lp_spool_add(((struct spool_sink *)s)->spool, e, err);
}

static enum lp_code take_body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	return lp_spool_body(((struct spool_sink *)s)->spool, p, n, err);
}

/* What is to be encoded: a layer, every format that is a tar read as one; or the image. */
static enum lp_code feed(struct work *w, struct lp_source *blob, struct lp_sink *sink,
			 struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store store = {.dir = -1};

	if (!w->flat)
		return lp_format_named("oci")->open(w->parse.layer, blob, 1, NULL, sink, err);
	if (lp_store_open(&store, w->options->store, err))
		return err->code;
	store.later = true;
	return lp_flatten(w->from, &store, sink, err);
}

/* A spool, then all of it at once. */
static enum lp_code build_spooled(struct work *w, struct lp_source *blob,
				  const struct lp_build_options *o, struct lp_writer *out,
				  struct lp_built *built, struct lp_err *err)
{
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer hash = {.hash = {.ctx = NULL}};
	struct spool_sink sink = {.sink = {.entry = take_entry, .body = take_body},
				  .spool = &w->spool};

	if (feed(w, blob, &sink.sink, err) ||
	    lp_hash_writer_open(&hash, out, LP_SHA256, err) ||
	    w->options->to->build_layer(&w->spool, o, &hash.writer, built, err))
		return err->code;
	built->bytes = hash.bytes;
	lp_hash_end(&hash.hash, &built->digest);
	return LP_OK;
}

/* Entry by entry. */
static enum lp_code build_streamed(struct work *w, struct lp_source *blob,
				   const struct lp_build_options *o, struct lp_writer *out,
				   struct lp_built *built, struct lp_err *err)
{
	struct lp_builder *b;
	enum lp_code rc;

	if (w->options->to->builder(o, out, &b, err))
		return err->code;
	rc = feed(w, blob, &b->sink, err);
	rc = rc ? rc : b->end(b, built, err);
	b->free(b);
	return rc;
}

/* In the child; of what is flattened, in this process: that was parsed and checked before. */
static enum lp_code convert(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			    struct lp_err *err)
{
	struct work *w = (struct work *)((char *)p - offsetof(struct work, parse));
	LP_AUTO(lp_pool_free) struct lp_pool pool = {.nthread = 0};
	struct lp_build_options o = w->options->build;
	struct lp_built built = {.nnote = 0};
	struct lp_fd_writer out;
	struct lp_made m;

	o.pool = &pool;
	lp_fd_writer_open(&out, w->out);
	if (lp_pool_start(&pool, w->options->threads, err))
		return err->code;
	if (w->options->to->builder && !o.nprefetch
		    ? build_streamed(w, blob, &o, &out.writer, &built, err)
		    : build_spooled(w, blob, &o, &out.writer, &built, err))
		return err->code;
	lp_made_pack(&built, &m);
	return lp_buf_add(result, &m, sizeof(m), sizeof(m), err);
}

static void tell_progress(struct lp_parse *p, uint64_t bytes)
{
	struct work *w = (struct work *)((char *)p - offsetof(struct work, parse));

	if (w->options->progress)
		lp_progress_add(w->options->progress, bytes);
}

static enum lp_code convert_layer(struct work *w, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf result = {0};
	int keep[2];

	if (lp_target_stage(w->to, &w->out, err) ||
	    lp_spool_open(&w->spool, w->options->tmp, err) ||
	    (!w->flat && lp_image_source(w->from, w->n, &source, err)))
		return err->code;
	keep[0] = w->out;
	keep[1] = w->spool.fd;
	w->parse = (struct lp_parse){.run = convert, .layer = &w->from->manifest.layer[w->n],
				     .keep = keep, .nkeep = 2, .dir = -1, .threads = true,
				     .progress = tell_progress};
	if ((w->flat ? convert(&w->parse, NULL, &result, err)
		     : lp_parse_run(&w->parse, &source, 1, &result, err)) ||
	    lp_made_accept(&result, &w->made, &w->diffid, err))
		return err->code;
	lp_pool_put(w->keepers, &w->kept_job);
	return LP_OK;
}

static enum lp_code copy_layer(struct work *w, struct lp_err *err)
{
	w->diffid = w->from->config.diffid[w->n];
	if (lp_descriptor_copy(&w->made, &w->from->manifest.layer[w->n], err) ||
	    lp_target_copy(w->to, w->from, &w->from->manifest.layer[w->n], err))
		return err->code;
	if (w->options->progress)
		lp_progress_add(w->options->progress, w->made.bytes);
	return LP_OK;
}

static void run_layer(struct lp_job *job)
{
	struct work *w = (struct work *)((char *)job - offsetof(struct work, made_job));

	w->code = w->options->to ? convert_layer(w, &w->err) : copy_layer(w, &w->err);
	if (w->code)
		lp_within(&w->err, "layer %zu", w->n);
}

/* A disk or a registry is waited for while the processors make what is next. */
static void keep_layer(struct lp_job *job)
{
	struct work *w = (struct work *)((char *)job - offsetof(struct work, kept_job));

	w->kept = lp_target_keep(w->to, &w->made, w->out, &w->err);
	if (w->kept)
		lp_within(&w->err, "layer %zu", w->n);
}

/* The first layer with the blob of layer @n. */
static size_t twin(const struct lp_manifest *m, size_t n)
{
	size_t k = 0;

	while (k < n && !lp_digest_equal(&m->layer[k].digest, &m->layer[n].digest))
		k++;
	return k;
}

static enum lp_code run_layers(struct work *w, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_pool_free) struct lp_pool pool = {.nthread = 0};
	enum lp_code rc = LP_OK;

	if (n && lp_pool_start(&pool, LAYERS_AT_ONCE, err))
		return err->code;
	for (size_t i = 0; i < n; i++)
		if (twin(&w[i].from->manifest, i) == i)
			lp_pool_put(&pool, &w[i].made_job);
	for (size_t i = 0; i < n; i++) {
		size_t t = twin(&w[i].from->manifest, i);

		if (t == i)
			lp_pool_wait(&pool, &w[i].made_job);
		if (w[i].code && !rc) {
			*err = w[i].err;
			rc = w[i].code;
		}
		w[i].diffid = w[t].diffid;
		if (t != i && !rc)
			rc = lp_descriptor_copy(&w[i].made, &w[t].made, err);
	}
	return rc;
}

static enum lp_code wait_kept(struct work *w, size_t n, struct lp_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (twin(&w[i].from->manifest, i) != i)
			continue;
		lp_pool_wait(w[i].keepers, &w[i].kept_job);
		if (w[i].kept) {
			*err = w[i].err;
			return w[i].kept;
		}
	}
	return LP_OK;
}

/*
 * The last layer of a format whose images have one for all, behind the @m->nlayer that are
 * there; in front of it, what the dictionary lends.
 */
static enum lp_code bundle(struct work *w, struct lp_manifest *m, struct lp_digest *diffid,
			   struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor last = {.bytes = 0};
	LP_AUTO(lp_buf_free) struct lp_buf needs = {.p = NULL};
	size_t n = m->nlayer;
	int *fd = calloc(n + 1, sizeof(*fd));
	const struct lp_blobs blobs = {.d = m->layer, .fd = fd, .n = n};
	struct lp_digest plain;
	enum lp_code rc;

	if (!fd)
		return lp_fail_errno(err, "%zu layers", n);
	for (size_t i = 0; i < n; i++)
		fd[i] = w[twin(&w[i].from->manifest, i)].out;
	rc = lp_bundle(w->to, w->options, &blobs, &last, &plain, &needs, err);
	free(fd);
	if (rc || (w->options->dict &&
		   lp_dict_lend(w->options->dict, w->to, &needs, m, diffid, &last, err)) ||
	    lp_descriptor_copy(&m->layer[m->nlayer], &last, err))
		return err->code;
	diffid[m->nlayer++] = plain;
	return LP_OK;
}

static enum lp_code put_documents(struct work *w, struct lp_manifest *m,
				  const struct lp_buf *config, struct lp_digest *digest,
				  struct lp_err *err)
{
	const struct lp_convert_options *o = w->options;
	struct lp_descriptor made = {.bytes = 0};

	if (o->merge_manifest || o->with_referrer)
		return lp_beside(w->from, w->to, o, m, config, digest, err);
	if (lp_target_finish(w->to, m, config, lp_target_tag(w->to), &made, err))
		return err->code;
	*digest = made.digest;
	return LP_OK;
}

/* The documents of the new image. */
static enum lp_code finish(struct work *w, size_t n, struct lp_digest *digest,
			   struct lp_err *err)
{
	const struct lp_image *dict = w->options->dict;
	size_t room = n + 2 + (dict ? lp_image_blobs(dict) : 0);
	struct lp_image *from = w->from;
	struct lp_manifest m = {.notes = from->manifest.notes, .nlayer = n};
	LP_AUTO(lp_buf_free) struct lp_buf config = {0};
	struct lp_digest *diffid = calloc(room, sizeof(*diffid));
	enum lp_code rc;

	m.layer = calloc(room, sizeof(*m.layer));
	rc = diffid && m.layer ? LP_OK : lp_fail_errno(err, "%zu layers", n);
	for (size_t i = 0; i < n && !rc; i++) {
		m.layer[i] = w[i].made;
		diffid[i] = w[i].diffid;
	}
	if (!rc && n && w->options->to->build_image)
		rc = bundle(w, &m, diffid, err);
	rc = rc ? rc : wait_kept(w, n, err);
	rc = rc ? rc : lp_config_rewrite(&from->config, diffid, m.nlayer, &config, err);
	rc = rc ? rc : put_documents(w, &m, &config, digest, err);
	for (size_t i = n; i < m.nlayer; i++)
		lp_descriptor_free(&m.layer[i]);
	free(m.layer);
	free(diffid);
	return rc;
}

static void work_free(struct work *w, size_t n)
{
	for (size_t i = 0; w && i < n; i++) {
		lp_spool_free(&w[i].spool);
		lp_fd_close(&w[i].out);
		lp_descriptor_free(&w[i].made);
	}
	free(w);
}

/* With the dictionary loaded, into layers of @to. */
static enum lp_code convert_all(struct lp_image *from, struct lp_target *to,
				const struct lp_convert_options *o, bool flat,
				struct lp_digest *digest, struct lp_err *err)
{
	size_t n = flat ? 1 : from->manifest.nlayer;
	struct work *w = calloc(n + 1, sizeof(*w));
	struct lp_pool keepers = {.nthread = 0};
	enum lp_code rc;

	if (!w)
		return lp_fail_errno(err, "%zu layers", n);
	for (size_t i = 0; i < n; i++)
		w[i] = (struct work){.made_job = {.run = run_layer},
				     .kept_job = {.run = keep_layer}, .keepers = &keepers,
				     .options = o, .from = from, .to = to, .n = i,
				     .flat = flat, .out = -1, .spool = {.fd = -1}};
	rc = lp_pool_start(&keepers, LAYERS_AT_ONCE, err);
	rc = rc ? rc : run_layers(w, n, err);
	if (!rc && o->to)
		rc = finish(w, n, digest, err);
	else if (!rc)
		rc = lp_target_finish_copy(to, from, err);
	if (!rc && !o->to)
		*digest = from->digest;
	lp_pool_free(&keepers);
	work_free(w, n);
	return rc;
}

enum lp_code lp_convert(struct lp_image *from, struct lp_target *to,
			const struct lp_convert_options *o, struct lp_digest *digest,
			struct lp_err *err)
{
	LP_AUTO(lp_map_free) struct lp_map dict = {0};
	struct lp_convert_options all = *o;
	bool flat = false;

	if (lp_image_config(from, err) || (o->to && lp_flatten_wanted(from, &flat, err)) ||
	    lp_dict_load(o, &dict, err))
		return err->code;
	all.build.dict = dict.p;
	all.build.dict_bytes = dict.bytes;
	return convert_all(from, to, &all, flat, digest, err);
}
