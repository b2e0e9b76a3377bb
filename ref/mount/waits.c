// SPDX-License-Identifier: MIT
#include "mount/waits.h"

#include "base/base64.h"
#include "mount/paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIST_MAX ((size_t)64 << 20)	/* bytes, ours: of 4,000 devices */
#define TEXT_MAX ((size_t)LP_PATH_MAX * 2)

void lp_waits_init(struct lp_waits *w)
{
	*w = (struct lp_waits){.n = 0};
	pthread_mutex_init(&w->lock, NULL);
}

void lp_waits_free(struct lp_waits *w)
{
	pthread_mutex_destroy(&w->lock);
}

void lp_waits_add(struct lp_waits *w, const struct lp_waited *one)
{
	pthread_mutex_lock(&w->lock);
	w->last[w->n++ % LP_WAITS] = *one;
	w->wait_ns += one->wait_ns;
	pthread_mutex_unlock(&w->lock);
}

void lp_waits_sum(struct lp_waits *w, uint64_t *n, uint64_t *wait_ns)
{
	pthread_mutex_lock(&w->lock);
	*n = w->n;
	*wait_ns = w->wait_ns;
	pthread_mutex_unlock(&w->lock);
}

enum lp_code lp_waits_list(struct lp_waits *w, uint32_t device, struct lp_buf *list,
			   struct lp_err *err)
{
	struct lp_waited one[LP_WAITS];
	size_t n;

	pthread_mutex_lock(&w->lock);
	n = w->n < LP_WAITS ? w->n : LP_WAITS;
	for (size_t i = 0; i < n; i++) {
		one[i] = w->last[(w->n - n + i) % LP_WAITS];
		one[i].device = device;
	}
	pthread_mutex_unlock(&w->lock);
	return lp_buf_add(list, one, n * sizeof(*one), LIST_MAX, err);
}

/* Looks for the files whose bytes were read of a device. */
struct locator {
	struct lp_erofs_visitor visitor;	/* first */
	const struct lp_erofs *tree;
	struct lp_waited *one;
	size_t n;
};

static void locate(struct locator *l, uint64_t nid, const struct lp_extent *e)
{
	for (size_t i = 0; i < l->n; i++) {
		struct lp_waited *w = &l->one[i];

		if (!w->device || w->device != e->device || w->off < e->device_off ||
		    w->off - e->device_off >= e->bytes)
			continue;
		w->off = e->off + (w->off - e->device_off);
		w->nid = nid;
		w->device = 0;
	}
}

static enum lp_code locate_file(struct lp_erofs_visitor *v, const char *path,
				const struct lp_erofs_inode *inode, struct lp_err *err)
{
	struct locator *l = (struct locator *)v;
	struct lp_extent e;

	(void)path;
	for (uint64_t off = 0; S_ISREG(inode->mode) && off < inode->size; off = e.off + e.bytes) {
		if (lp_erofs_extent(l->tree, inode, off, &e, err))
			return err->code;
		locate(l, inode->nid, &e);
	}
	return LP_OK;
}

static enum lp_code locate_all(struct lp_waited *one, size_t n, const struct lp_erofs *tree,
			       struct lp_err *err)
{
	struct locator l = {.visitor = {.visit = locate_file}, .tree = tree, .one = one, .n = n};

	for (size_t i = 0; i < n; i++)
		if (one[i].device)
			return lp_erofs_walk(tree, &l.visitor, err);
	return LP_OK;
}

static int by_time(const void *x, const void *y)
{
	const struct lp_waited *a = x, *b = y;

	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

static int by_nid(const void *x, const void *y)
{
	const struct lp_path *a = x, *b = y;

	return a->nid < b->nid ? -1 : a->nid > b->nid;
}

/* The distinct files among @one[@n], sorted. */
static size_t files_of(const struct lp_waited *one, size_t n, struct lp_path *out)
{
	size_t files = 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (struct lp_path){.nid = one[i].nid};
	qsort(out, n, sizeof(*out), by_nid);
	for (size_t i = 0; i < n; i++)
		if (!files || out[files - 1].nid != out[i].nid)
			out[files++] = out[i];
	return files;
}

static bool set_path(json_t *o, const char *path)
{
	char text[TEXT_MAX];
	size_t n = strlen(path), chars = lp_base64_chars(n);
	json_t *plain = json_string(path);

	if (plain)
		return !json_object_set_new(o, "path", plain);
	if (chars >= sizeof(text))
		return false;
	lp_base64_encode(path, n, text);
	return !json_object_set_new(o, "path_base64", json_stringn(text, chars));
}

static bool append(json_t *to, const struct lp_waited *w, const char *path)
{
	json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:b}", "offset", (json_int_t)w->off, "bytes",
			      (json_int_t)w->bytes, "at_ns", (json_int_t)w->at_ns, "wait_ns",
			      (json_int_t)w->wait_ns, "failed", w->failed);

	return o && (!path || set_path(o, path)) && !json_array_append_new(to, o);
}

enum lp_code lp_waits_json(struct lp_buf *list, const struct lp_erofs *tree, json_t **out,
			   struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf names = {0};
	struct lp_path path[LP_WAITS] = {{.nid = 0}};
	struct lp_waited *one = (struct lp_waited *)(void *)list->p;
	size_t n = list->len / sizeof(*one), files;
	bool ok = true;

	if (n)
		qsort(one, n, sizeof(*one), by_time);
	if (n > LP_WAITS)
		one += n - LP_WAITS;
	n = n < LP_WAITS ? n : LP_WAITS;
	if (locate_all(one, n, tree, err))
		return err->code;
	files = files_of(one, n, path);
	if (lp_paths_find(tree, path, files, &names, err))
		return err->code;
	*out = json_array();
	for (size_t i = 0; ok && i < n; i++) {
		const struct lp_path key = {.nid = one[i].nid};
		const struct lp_path *p = bsearch(&key, path, files, sizeof(key), by_nid);

		ok = append(*out, &one[i], p ? lp_path_name(p, &names) : NULL);
	}
	return ok ? LP_OK : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "waits: no memory");
}
