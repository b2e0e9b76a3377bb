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
#define RULE_ORDER "image.layer.order"
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

/* One layer, or all of an image whose format spans them, on its way. */
struct work {
	struct lp_job job;
	struct lp_parse parse;
	struct publication *p;
	size_t n;			/* which layer; of an image, the last */
	const struct lp_format *format;
	struct lp_source first;		/* of layer n, until it is source[0] */
	struct lp_descriptor *blob;	/* [nblob] borrowed members: what the format opens */
	struct lp_source *source;	/* [nblob] */
	size_t *layer;			/* [nblob] which layers they are */
	size_t nblob;
	int *fd;			/* [nblob + 2] what the child writes to: tree, data, tables */
	struct lp_translate_result result;
	struct lp_buf made;		/* of struct lp_translate_made */
	struct lp_buf run;		/* of struct lp_translate_run */
	enum lp_code code;
	struct lp_err err;		/* when code says so */
};

enum { TREE, DATA, TABLES };		/* into work.fd */

/* In the child. */
static enum lp_code translate(struct lp_parse *parse, struct lp_source *blob,
			      struct lp_buf *result, struct lp_err *err)
{
	struct work *w = (struct work *)((char *)parse - offsetof(struct work, parse));
	struct lp_translate t;

	if (lp_translate_open(&t, w->format->stream ? w->fd[DATA] : -1,
			      w->format->image ? w->nblob : 0, err) ||
	    w->format->open(w->blob, blob, w->nblob, &w->p->options, &t.sink, err) ||
	    lp_translate_end(&t, w->blob, w->fd + TABLES, w->fd[TREE], result, err))
		return err->code;
	return LP_OK;	/* the child exits: nothing is freed */
}

static void tell_progress(struct lp_parse *parse, uint64_t bytes)
{
	struct work *w = (struct work *)((char *)parse - offsetof(struct work, parse));

	if (w->p->o.progress)
		lp_progress_add(w->p->o.progress, bytes);
}

static enum lp_code open_unnamed(struct work *w, int *fd, struct lp_err *err)
{
	*fd = openat(w->p->stage, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (*fd < 0)
		return lp_fail_errno(err, "create a temporary file");
	return LP_OK;
}

/* The tables and the tree that the child wrote are believed only after a look. */
static enum lp_code look(struct work *w, struct lp_err *err)
{
	const struct lp_translate_made *made = (const void *)w->made.p;
	LP_AUTO(lp_map_free) struct lp_map map = {.bytes = 0};
	struct lp_erofs tree;

	for (size_t i = 0; i < w->result.ndevice; i++) {
		LP_AUTO(lp_table_free) struct lp_table table = {.map = {.bytes = 0}};

		if (made[i].blob >= w->nblob)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "blob %llu",
				       (unsigned long long)made[i].blob);
		if (lp_table_open(&table, w->fd[TABLES + i], &made[i].table, err))
			return err->code;
	}
	if (lp_map_fd(&map, w->fd[TREE], err) || lp_erofs_open(&tree, map.p, map.bytes, err) ||
	    lp_erofs_check(&tree, LP_EROFS_LAYER, err))
		return err->code;
	return LP_OK;
}

static enum lp_code accept(struct work *w, const struct lp_buf *result, struct lp_err *err)
{
	const uint8_t *p = result->p;
	size_t left = result->len, head = sizeof(w->result), devices;

	if (left < head)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "%zu bytes", left);
	memcpy(&w->result, p, head);
	left -= head;
	devices = (size_t)w->result.ndevice * sizeof(struct lp_translate_made);
	if (w->result.ndevice > w->nblob || left < devices ||
	    (left - devices) % sizeof(struct lp_translate_run))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "%zu bytes",
			       result->len);
	if (lp_buf_add(&w->made, p + head, devices, SIZE_MAX, err) ||
	    lp_buf_add(&w->run, p + head + devices, left - devices, SIZE_MAX, err))
		return err->code;
	return look(w, err);
}

static enum lp_code choose_format(struct work *w, struct lp_err *err)
{
	const struct lp_manifest *m = &w->p->image->manifest;

	if (lp_image_source(w->p->image, w->n, &w->first, err))
		return err->code;
	w->format = w->p->o.plain ? lp_format_named("oci") : NULL;
	if (!w->format && lp_format_of(&m->layer[w->n], &w->first, &w->p->options, &w->format, err))
		return err->code;
	if (w->format->image && w->n + 1 < m->nlayer)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_ORDER,
			       "the metadata of the image is not its last layer");
	return LP_OK;
}

/* Blob @n of the image is what the format opens next. */
static enum lp_code add_blob(struct work *w, size_t n, struct lp_err *err)
{
	struct lp_source *s = &w->source[w->nblob];

	w->blob[w->nblob] = *lp_image_descriptor(w->p->image, n);
	w->layer[w->nblob++] = n;
	if (n != w->n)
		return lp_image_source(w->p->image, n, s, err);
	*s = w->first;
	w->first = (struct lp_source){.ops = NULL};
	return LP_OK;
}

/* Everything that the child needs: blobs to read, files to write. */
static enum lp_code prepare(struct work *w, struct lp_err *err)
{
	size_t all = w->format->image ? lp_image_blobs(w->p->image) : 1;

	w->blob = calloc(all, sizeof(*w->blob));
	w->source = calloc(all, sizeof(*w->source));
	w->layer = calloc(all, sizeof(*w->layer));
	w->fd = malloc((all + TABLES) * sizeof(*w->fd));
	if (!w->blob || !w->source || !w->layer || !w->fd)
		return lp_fail_errno(err, "%zu blobs", all);
	memset(w->fd, -1, (all + TABLES) * sizeof(*w->fd));
	if (add_blob(w, w->n, err))
		return err->code;
	for (size_t i = 0; w->nblob < all; i++)
		if (i != w->n && add_blob(w, i, err))
			return err->code;
	for (size_t i = 0; i < all + TABLES; i++)
		if ((i != DATA || w->format->stream) && open_unnamed(w, &w->fd[i], err))
			return err->code;
	return LP_OK;
}

static enum lp_code publish_layer(struct work *w, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf result = {0};

	if ((!w->format && choose_format(w, err)) || prepare(w, err))
		return err->code;
	w->parse = (struct lp_parse){.run = translate, .layer = w->blob, .keep = w->fd,
				     .nkeep = w->nblob + TABLES, .dir = -1,
				     .progress = tell_progress};
	if (lp_parse_run(&w->parse, w->source, w->nblob, &result, err) || accept(w, &result, err))
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
		for (size_t k = 0; k < w[i].nblob; k++)
			lp_source_free(&w[i].source[k]);
		for (size_t k = 0; w[i].fd && k < w[i].nblob + TABLES; k++)
			lp_fd_close(&w[i].fd[k]);
		lp_source_free(&w[i].first);
		free(w[i].blob);
		free(w[i].source);
		free(w[i].layer);
		free(w[i].fd);
		lp_buf_free(&w[i].made);
		lp_buf_free(&w[i].run);
	}
	free(w);
}

/* All works at once; the configuration is fetched meanwhile by this thread. */
static enum lp_code run_works(struct publication *p, struct work *w, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_pool_free) struct lp_pool pool = {.nthread = 0};
	enum lp_code rc;

	if (n && lp_pool_start(&pool, n < LAYERS_AT_ONCE ? n : LAYERS_AT_ONCE, err))
		return err->code;
	for (size_t i = 0; i < n; i++) {
		w[i].job.run = run_layer;
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

static enum lp_code keep_device(struct work *w, size_t i, struct lp_err *err)
{
	const struct lp_translate_made *made = (const struct lp_translate_made *)(void *)w->made.p + i;
	struct publication *p = w->p;
	struct lp_local_layer *l = &p->local.layer[p->local.nlayer];
	size_t layer = w->layer[made->blob];
	bool stream = w->format->stream;

	l->blob = lp_image_descriptor(p->image, layer)->digest;
	l->blob_bytes = lp_image_descriptor(p->image, layer)->bytes;
	l->diffid = layer < p->image->config.ndiffid ? p->image->config.diffid[layer] : l->blob;
	snprintf(l->format, sizeof(l->format), "%s", w->format->name);
	if ((stream && lp_digest_check(&w->result.diffid, &l->diffid, LP_NO_OFFSET,
				       "oci.config.diffid", "the plain layer", err)) ||
	    lp_device_create(p->store, w->fd[TABLES + i], stream, stream ? w->fd[DATA] : -1,
			     l->device, err))
		return lp_within(err, "layer %zu", layer);
	p->local.nlayer++;
	return LP_OK;
}

/* A layer that was read whole is what the configuration says; then devices may appear. */
static enum lp_code keep_devices(struct publication *p, struct work *w, size_t n,
				 struct lp_err *err)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += w[i].result.ndevice;
	p->local.layer = calloc(sum + 1, sizeof(*p->local.layer));
	if (!p->local.layer)
		return lp_fail_errno(err, "%zu devices", sum);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < w[i].result.ndevice; k++)
			if (keep_device(&w[i], k, err))
				return err->code;
	return LP_OK;
}

/* The devices of all works, in order, as the merged tree names them. */
static void list_devices(const struct publication *p, const struct work *w, size_t n,
			 struct lp_erofs_device *device)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		const struct lp_translate_made *made = (const void *)w[i].made.p;

		for (size_t k = 0; k < w[i].result.ndevice; k++, at++) {
			char hex[LP_DIGEST_TEXT];

			lp_digest_hex(&p->local.layer[at].blob, hex);
			snprintf(device[at].tag, sizeof(device[at].tag), "%.64s", hex);
			device[at].bytes = made[k].bytes;
		}
	}
}

static enum lp_code merge(struct publication *p, struct work *w, size_t n, struct lp_err *err)
{
	size_t ndevice = p->local.nlayer;
	struct lp_erofs *tree = calloc(n + 1, sizeof(*tree));
	struct lp_map *map = calloc(n + 1, sizeof(*map));
	struct lp_erofs_device *device = calloc(ndevice + 1, sizeof(*device));
	LP_AUTO(lp_tree_free) struct lp_tree merged = {.nnode = 0};
	LP_AUTO(lp_fd_close) int fd = openat(p->stage, "meta.erofs",
					     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum lp_code rc = LP_OK;

	if (!tree || !map || !device || fd < 0)
		rc = lp_fail_errno(err, "meta.erofs");
	for (size_t i = 0; i < n && !rc; i++) {
		rc = lp_map_fd(&map[i], w[i].fd[TREE], err);
		rc = rc ? rc : lp_erofs_open(&tree[i], map[i].p, map[i].bytes, err);
	}
	if (!rc)
		list_devices(p, w, n, device);
	if (!rc && !(rc = lp_tree_open(&merged, err)) &&
	    !(rc = lp_tree_merge(tree, n, &merged, err)))
		rc = lp_erofs_write(&merged, device, (uint32_t)ndevice, fd, err);
	for (size_t i = 0; map && i < n; i++)
		lp_map_free(&map[i]);
	free(tree);
	free(map);
	free(device);
	return rc;
}

static enum lp_code collect_runs(struct publication *p, const struct work *w, size_t n,
				 struct lp_err *err)
{
	size_t sum = 0, first = 0;

	for (size_t i = 0; i < n; i++)
		sum += w[i].run.len / sizeof(struct lp_translate_run);
	p->local.prefetch = calloc(sum + 1, sizeof(*p->local.prefetch));
	if (!p->local.prefetch)
		return lp_fail_errno(err, "%zu prefetch runs", sum);
	for (size_t i = 0; i < n; first += w[i++].result.ndevice) {
		const struct lp_translate_run *run = (const void *)w[i].run.p;

		for (size_t k = 0; k < w[i].run.len / sizeof(*run); k++) {
			if (run[k].device - 1 >= w[i].result.ndevice)
				return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT,
					       "a run of device %llu",
					       (unsigned long long)run[k].device);
			p->local.prefetch[p->local.nprefetch++] = (struct lp_run){
				(uint32_t)(first + run[k].device - 1), run[k].off, run[k].bytes};
		}
	}
	return LP_OK;
}

/* One work for each layer; or for all, if the last one is the metadata of the image. */
static enum lp_code plan(struct publication *p, struct work **out, size_t *n, struct lp_err *err)
{
	size_t nlayer = p->image->manifest.nlayer;
	struct work *w = calloc(nlayer + 1, sizeof(*w));

	*out = w;
	*n = nlayer;
	if (!w)
		return lp_fail_errno(err, "%zu layers", nlayer);
	for (size_t i = 0; i < nlayer; i++) {
		w[i].p = p;
		w[i].n = i;
	}
	if (!nlayer)
		return LP_OK;
	w[0].n = nlayer - 1;
	if (choose_format(&w[0], err))
		return lp_within(err, "layer %zu", nlayer - 1);
	if (w[0].format->image) {
		*n = 1;
		return LP_OK;
	}
	if (nlayer > 1) {
		w[nlayer - 1].format = w[0].format;
		w[nlayer - 1].first = w[0].first;
		w[0] = (struct work){.p = p};
	}
	return LP_OK;
}

static enum lp_code put_documents(const struct publication *p, struct lp_err *err)
{
	const struct lp_buf *manifest = &p->image->manifest_text, *config = &p->image->config_text;

	if (lp_file_put(p->stage, "manifest.json", manifest->p, manifest->len, err) ||
	    lp_file_put(p->stage, "config.json", config->p, config->len, err))
		return err->code;
	return lp_local_save(&p->local, p->stage, err);
}

/* @guard  out: keeps prune off the devices until the image is there */
static enum lp_code build(struct publication *p, int *guard, struct lp_err *err)
{
	struct work *w = NULL;
	enum lp_code rc;
	size_t n = 0;

	p->local.manifest = p->image->digest;
	lp_reference_text(&p->image->ref, p->local.name);
	if (!(rc = plan(p, &w, &n, err)) && !(rc = run_works(p, w, n, err)) &&
	    !(rc = lp_store_guard(p->store, false, guard, err)) &&
	    !(rc = keep_devices(p, w, n, err)) && !(rc = merge(p, w, n, err)) &&
	    !(rc = collect_runs(p, w, n, err)))
		rc = put_documents(p, err);
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
	LP_AUTO(lp_fd_close) int lock = -1, stage = -1, guard = -1;
	char final[LP_STORE_NAME], staged[LP_STAGE_NAME], name[LP_REFERENCE_TEXT];
	enum lp_code rc;

	lp_store_image_name(&i->digest, final);
	lp_image_key(&i->ref, i->prefer, name);
	if (lp_store_lock(s, final, &lock, err))
		return err->code;
	if (lp_store_has(s, final))
		return lp_store_name_set(s, name, &i->digest, err);
	if (lp_store_stage(s, staged, &stage, err))
		return err->code;
	p.stage = stage;
	rc = build(&p, &guard, err);
	lp_local_free(&p.local);
	if (rc) {
		drop(s, staged);
		return rc;
	}
	if (lp_store_publish(s, staged, final, err) || lp_store_name_set(s, name, &i->digest, err))
		return err->code;
	return LP_OK;
}
