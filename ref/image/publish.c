// SPDX-License-Identifier: MIT
#include "image/publish.h"

#include "base/pool.h"
#include "image/parse.h"
#include "image/translate.h"
#include "layer/device.h"
#include "tree/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULE_RESULT "image.parser.result"
#define LAYERS_AT_ONCE 8 /* ours: enough to overlap round trips, few enough children */

/* What all layers share. */
struct publication {
	struct lp_image *image;
	struct lp_store *store;
	struct lp_local local;		/* being filled */
	struct lp_open_options options;
	struct lp_publish_options o;
	int stage;			/* the staged directory */
};

/* One layer on its way. */
struct work {
	struct lp_job job;
	struct lp_parse parse;
	struct publication *p;
	size_t n;			/* which layer */
	const struct lp_format *format;
	struct lp_source source;
	int table, tree, data;		/* what the child writes to */
	struct lp_translate_result result;
	struct lp_buf run;		/* of struct lp_translate_run */
	enum lp_code code;
	struct lp_err err;		/* when code says so */
};

/* In the child. */
static enum lp_code translate(struct lp_parse *parse, struct lp_source *blob,
			      struct lp_buf *result, struct lp_err *err)
{
	struct work *w = (struct work *)((char *)parse - offsetof(struct work, parse));
	struct lp_translate t;

	if (lp_translate_open(&t, w->format->stream ? w->data : -1, err) ||
	    w->format->open(parse->layer, blob, 1, &w->p->options, &t.sink, err) ||
	    lp_translate_end(&t, parse->layer, w->table, w->tree, result, err))
		return err->code;
	return LP_OK;	/* the child exits: nothing is freed */
}

static void tell_progress(struct lp_parse *parse, uint64_t bytes)
{
	struct work *w = (struct work *)((char *)parse - offsetof(struct work, parse));

	if (w->p->o.progress)
		lp_progress_add(w->p->o.progress, bytes);
}

static enum lp_code open_file(struct work *w, const char *suffix, int *fd, struct lp_err *err)
{
	char name[48];

	snprintf(name, sizeof(name), "tree.%zu.%s", w->n, suffix);
	*fd = openat(w->p->stage, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd < 0)
		return lp_fail_errno(err, "create %s", name);
	return LP_OK;
}

static enum lp_code open_unnamed(struct work *w, int *fd, struct lp_err *err)
{
	*fd = openat(w->p->stage, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (*fd < 0)
		return lp_fail_errno(err, "create a temporary file");
	return LP_OK;
}

/* The child's result, and what it wrote, believed only after a look. */
static enum lp_code accept(struct work *w, struct lp_buf *result, struct lp_err *err)
{
	size_t head = sizeof(w->result);
	LP_AUTO(lp_table_free) struct lp_table table = {.map = {.bytes = 0}};
	LP_AUTO(lp_map_free) struct lp_map map = {.bytes = 0};
	struct lp_erofs tree;

	if (result->len < head || (result->len - head) % sizeof(struct lp_translate_run))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "%zu bytes",
			       result->len);
	memcpy(&w->result, result->p, head);
	if (lp_buf_add(&w->run, result->p + head, result->len - head, SIZE_MAX, err) ||
	    lp_table_open(&table, w->table, &w->result.table, err) ||
	    lp_map_fd(&map, w->tree, err) || lp_erofs_open(&tree, map.p, map.bytes, err) ||
	    lp_erofs_check(&tree, false, err))
		return err->code;
	return LP_OK;
}

static enum lp_code keep_device(struct work *w, struct lp_err *err)
{
	struct lp_local_layer *l = &w->p->local.layer[w->n];

	snprintf(l->format, sizeof(l->format), "%s", w->format->name);
	return lp_device_create(w->p->store, w->table, w->format->stream,
				w->format->stream ? w->data : -1, l->device, err);
}

static enum lp_code choose_format(struct work *w, const struct lp_descriptor *d,
				  struct lp_err *err)
{
	w->format = w->p->o.plain ? lp_format_named("oci") : NULL;
	return w->format ? LP_OK : lp_format_of(d, &w->source, &w->p->options, &w->format, err);
}

static enum lp_code publish_layer(struct work *w, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf result = {0};
	const struct lp_descriptor *d = &w->p->image->manifest.layer[w->n];
	int keep[3];

	if (lp_image_source(w->p->image, w->n, &w->source, err) || choose_format(w, d, err) ||
	    open_file(w, "erofs", &w->tree, err) || open_unnamed(w, &w->table, err) ||
	    (w->format->stream && open_unnamed(w, &w->data, err)))
		return err->code;
	keep[0] = w->tree;
	keep[1] = w->table;
	keep[2] = w->data;
	w->parse = (struct lp_parse){.run = translate, .layer = d, .keep = keep,
				     .nkeep = w->data < 0 ? 2 : 3, .dir = -1,
				     .progress = tell_progress};
	if (lp_parse_run(&w->parse, &w->source, &result, err) || accept(w, &result, err))
		return err->code;
	return LP_OK;
}

static void run_layer(struct lp_job *job)
{
	struct work *w = (struct work *)job;

	w->code = publish_layer(w, &w->err);
	if (w->code)
		lp_within(&w->err, "layer %zu", w->n);
}

static void work_free(struct work *w, size_t n)
{
	for (size_t i = 0; w && i < n; i++) {
		lp_source_free(&w[i].source);
		lp_fd_close(&w[i].table);
		lp_fd_close(&w[i].tree);
		lp_fd_close(&w[i].data);
		lp_buf_free(&w[i].run);
	}
	free(w);
}

/* All layers at once; the configuration is fetched meanwhile by this thread. */
static enum lp_code publish_layers(struct publication *p, struct work *w, struct lp_err *err)
{
	size_t n = p->local.nlayer;
	LP_AUTO(lp_pool_free) struct lp_pool pool = {.nthread = 0};
	enum lp_code rc;

	if (n && lp_pool_start(&pool, n < LAYERS_AT_ONCE ? n : LAYERS_AT_ONCE, err))
		return err->code;
	for (size_t i = 0; i < n; i++) {
		w[i].p = p;
		w[i].n = i;
		w[i].job.run = run_layer;
		w[i].table = w[i].tree = w[i].data = -1;
		lp_pool_put(&pool, &w[i].job);
	}
	rc = lp_image_config(p->image, err);
	for (size_t i = 0; i < n; i++)
		lp_pool_wait(&pool, &w[i].job);
	for (size_t i = 0; i < n && !rc; i++)
		if (w[i].code) {
			*err = w[i].err;
			rc = w[i].code;
		}
	return rc;
}

/* A layer that was read whole is what the configuration says; then devices may appear. */
static enum lp_code keep_devices(struct publication *p, struct work *w, struct lp_err *err)
{
	for (size_t i = 0; i < p->local.nlayer; i++) {
		p->local.layer[i].diffid = p->image->config.diffid[i];
		if ((w[i].format->stream &&
		     lp_digest_check(&w[i].result.diffid, &p->local.layer[i].diffid, LP_NO_OFFSET,
				     "oci.config.diffid", "the plain layer", err)) ||
		    keep_device(&w[i], err))
			return lp_within(err, "layer %zu", i);
	}
	return LP_OK;
}

static enum lp_code merge(struct publication *p, struct work *w, struct lp_err *err)
{
	size_t n = p->local.nlayer;
	struct lp_erofs *tree = calloc(n + 1, sizeof(*tree));
	struct lp_map *map = calloc(n + 1, sizeof(*map));
	struct lp_erofs_device *device = calloc(n + 1, sizeof(*device));
	LP_AUTO(lp_tree_free) struct lp_tree merged = {.nnode = 0};
	LP_AUTO(lp_fd_close) int fd = openat(p->stage, "meta.erofs",
					     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum lp_code rc = LP_OK;

	if (!tree || !map || !device || fd < 0)
		rc = lp_fail_errno(err, "meta.erofs");
	for (size_t i = 0; i < n && !rc; i++) {
		char hex[LP_DIGEST_TEXT];

		rc = lp_map_fd(&map[i], w[i].tree, err);
		rc = rc ? rc : lp_erofs_open(&tree[i], map[i].p, map[i].bytes, err);
		lp_digest_hex(&p->local.layer[i].blob, hex);
		snprintf(device[i].tag, sizeof(device[i].tag), "%.64s", hex);
		device[i].bytes = w[i].result.device_bytes;
	}
	if (!rc && !(rc = lp_tree_open(&merged, err)) &&
	    !(rc = lp_tree_merge(tree, n, &merged, err)))
		rc = lp_erofs_write(&merged, device, (uint32_t)n, fd, err);
	for (size_t i = 0; map && i < n; i++)
		lp_map_free(&map[i]);
	free(tree);
	free(map);
	free(device);
	return rc;
}

static enum lp_code collect_runs(struct publication *p, const struct work *w, struct lp_err *err)
{
	size_t sum = 0;

	for (size_t i = 0; i < p->local.nlayer; i++)
		sum += w[i].run.len / sizeof(struct lp_translate_run);
	p->local.prefetch = calloc(sum + 1, sizeof(*p->local.prefetch));
	if (!p->local.prefetch)
		return lp_fail_errno(err, "%zu prefetch runs", sum);
	for (size_t i = 0; i < p->local.nlayer; i++) {
		const struct lp_translate_run *run = (const void *)w[i].run.p;

		for (size_t k = 0; k < w[i].run.len / sizeof(*run); k++)
			p->local.prefetch[p->local.nprefetch++] =
				(struct lp_run){(uint32_t)i, run[k].off, run[k].bytes};
	}
	return LP_OK;
}

static enum lp_code start(struct publication *p, struct lp_err *err)
{
	const struct lp_manifest *m = &p->image->manifest;

	p->local.layer = calloc(m->nlayer + 1, sizeof(*p->local.layer));
	if (!p->local.layer)
		return lp_fail_errno(err, "%zu layers", m->nlayer);
	p->local.nlayer = m->nlayer;
	p->local.manifest = p->image->digest;
	lp_reference_text(&p->image->ref, p->local.name);
	for (size_t i = 0; i < m->nlayer; i++) {
		p->local.layer[i].blob = m->layer[i].digest;
		p->local.layer[i].blob_bytes = m->layer[i].bytes;
	}
	return LP_OK;
}

static enum lp_code build(struct publication *p, struct lp_err *err)
{
	size_t n = p->image->manifest.nlayer;
	struct work *w = calloc(n + 1, sizeof(*w));
	enum lp_code rc = LP_OK;

	if (!w)
		rc = lp_fail_errno(err, "%zu layers", n);
	if (!rc && !(rc = publish_layers(p, w, err)) && !(rc = keep_devices(p, w, err)) &&
	    !(rc = merge(p, w, err)) &&
	    !(rc = collect_runs(p, w, err)) &&
	    !(rc = lp_file_put(p->stage, "manifest.json", p->image->manifest_text.p,
				p->image->manifest_text.len, err)) &&
	    !(rc = lp_file_put(p->stage, "config.json", p->image->config_text.p,
				p->image->config_text.len, err)))
		rc = lp_local_save(&p->local, p->stage, err);
	if (!rc && !p->store->later && syncfs(p->stage))
		rc = lp_fail_errno(err, "sync the image");
	work_free(w, n);
	return rc;
}

static void drop(struct lp_store *s, const char *staged)
{
	struct lp_err left;

	if (lp_store_remove(s, staged, &left))
		return; /* what is left is swept once we are gone */
}

enum lp_code lp_publish(struct lp_image *i, struct lp_store *s,
			const struct lp_publish_options *o, struct lp_err *err)
{
	struct publication p = {.image = i, .store = s, .o = *o, .stage = -1,
				.local = LP_LOCAL_EMPTY,
				.options = {.allow_unverified = o->allow_unverified}};
	LP_AUTO(lp_fd_close) int lock = -1, stage = -1;
	char final[LP_STORE_NAME], staged[LP_STAGE_NAME], name[LP_REFERENCE_TEXT];
	enum lp_code rc;

	lp_store_image_name(&i->digest, final);
	lp_reference_text(&i->ref, name);
	if (lp_store_lock(s, final, &lock, err))
		return err->code;
	if (lp_store_has(s, final))
		return lp_store_name_set(s, name, &i->digest, err);
	if (lp_store_stage(s, staged, &stage, err))
		return err->code;
	p.stage = stage;
	rc = start(&p, err);
	rc = rc ? rc : build(&p, err);
	lp_local_free(&p.local);
	if (rc) {
		drop(s, staged);
		return rc;
	}
	if (lp_store_publish(s, staged, final, err) || lp_store_name_set(s, name, &i->digest, err))
		return err->code;
	return LP_OK;
}
