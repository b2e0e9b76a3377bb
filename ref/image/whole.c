// SPDX-License-Identifier: MIT
#include "image/whole.h"

#include "image/translate.h"
#include "tree/canonical.h"
#include "tree/merge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RULE_DEVICE "erofs.chunk.device"
#define BODIES_MAX ((size_t)LP_ENTRIES_MAX * sizeof(struct body))

/* The digest of a file that came as a stream; sorted by place. */
struct body {
	uint64_t device_off;
	struct lp_digest digest;
};

/* A translation that digests the bodies of a stream instead of keeping them. */
struct opening {
	struct lp_translate t;		/* first */
	struct lp_whole *w;
	enum lp_code (*entry)(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err);
	struct lp_hash hash;
	uint64_t device_off, left;	/* of the body */
	int *fd;			/* [n + 1] tree, tables */
};

static void opening_free(struct opening *o)
{
	for (size_t i = 0; o->fd && i <= o->w->n; i++)
		lp_fd_close(&o->fd[i]);
	free(o->fd);
	lp_hash_free(&o->hash);
	lp_translate_free(&o->t);
}

static enum lp_code take_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	struct opening *o = (struct opening *)s;

	if (o->entry(s, e, err))
		return err->code;
	if (!e->nextent)
		return LP_OK;
	o->device_off = e->extent[0].device_off;
	o->left = e->size;
	return lp_hash_begin(&o->hash, LP_SHA256, err);
}

static enum lp_code take_body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	struct opening *o = (struct opening *)s;
	struct body b = {.device_off = o->device_off};

	if (n > o->left)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%zu bytes of no body", n);
	lp_hash_add(&o->hash, p, n);
	o->left -= n;
	if (o->left)
		return LP_OK;
	lp_hash_end(&o->hash, &b.digest);
	return lp_buf_add(&o->w->body, &b, sizeof(b), BODIES_MAX, err);
}

static enum lp_code make_files(struct opening *o, struct lp_err *err)
{
	size_t n = o->w->n + 1;

	o->fd = malloc(n * sizeof(*o->fd));
	if (!o->fd)
		return lp_fail_errno(err, "%zu files", n);
	memset(o->fd, -1, n * sizeof(*o->fd));
	for (size_t i = 0; i < n; i++) {
		o->fd[i] = memfd_create("whole", MFD_CLOEXEC);
		if (o->fd[i] < 0)
			return lp_fail_errno(err, "memory for metadata");
	}
	return LP_OK;
}

/* What was written is believed after a look, as image/publish.c does. */
static enum lp_code look(struct opening *o, const struct lp_buf *result, struct lp_err *err)
{
	const struct lp_translate_result *r = (const void *)result->p;
	const struct lp_translate_made *made = (const void *)(r + 1);
	struct lp_whole *w = o->w;

	w->diffid = r->diffid;
	w->table = calloc(r->ndevice + 1, sizeof(*w->table));
	w->plain = calloc(r->ndevice + 1, sizeof(*w->plain));
	if (!w->table || !w->plain)
		return lp_fail_errno(err, "%llu devices", (unsigned long long)r->ndevice);
	for (size_t i = 0; i < r->ndevice; i++) {
		if (lp_table_open(&w->table[i], o->fd[1 + i], &made[i].table, err))
			return err->code;
		w->ndevice++;
		if (lp_plain_open(&w->plain[i], &w->table[i].layer, w->blob[made[i].blob].p,
				  err))
			return err->code;
	}
	if (lp_map_fd(&w->map, o->fd[0], err) ||
	    lp_erofs_open(&w->tree, w->map.p, w->map.bytes, err) ||
	    lp_erofs_check(&w->tree, LP_EROFS_LAYER, err))
		return err->code;
	return LP_OK;
}

/* The tree of an image, as a merge of that one layer leaves it. */
static enum lp_code merge(struct lp_whole *w, int fd, struct lp_err *err)
{
	struct lp_erofs_device *device = calloc(w->ndevice + 1, sizeof(*device));
	LP_AUTO(lp_tree_free) struct lp_tree merged = {.nnode = 0};
	LP_AUTO(lp_map_free) struct lp_map map = {.bytes = 0};
	enum lp_code rc = device ? LP_OK : lp_fail_errno(err, "%zu devices", w->ndevice);

	for (uint32_t i = 0; !rc && i < w->ndevice; i++)
		lp_erofs_device(&w->tree, i + 1, &device[i]);
	rc = rc ? rc : lp_tree_open(&merged, err);
	rc = rc ? rc : lp_tree_merge(&w->tree, 1, &merged, err);
	rc = rc ? rc : lp_erofs_write(&merged, device, (uint32_t)w->ndevice, fd, err);
	rc = rc ? rc : lp_map_fd(&map, fd, err);
	rc = rc ? rc : lp_erofs_open(&w->tree, map.p, map.bytes, err);
	free(device);
	if (rc)
		return rc;
	lp_map_free(&w->map);
	w->map = map;
	map = (struct lp_map){.bytes = 0};
	return lp_erofs_check(&w->tree, LP_EROFS_MERGED, err);
}

static enum lp_code list_blobs(struct lp_whole *w, const struct lp_whole_blob *blob, size_t n,
			       struct lp_err *err)
{
	w->d = calloc(n, sizeof(*w->d));
	w->source = calloc(n, sizeof(*w->source));
	if (!w->d || !w->source)
		return lp_fail_errno(err, "%zu blobs", n);
	w->n = n;
	w->blob = blob;
	for (size_t i = 0; i < n; i++) {
		w->d[i] = blob[i].d;
		w->source[i] = blob[i].source;
	}
	return LP_OK;
}

static enum lp_code translate(struct opening *o, struct lp_buf *result, struct lp_err *err)
{
	struct lp_whole *w = o->w;
	bool image = w->format->image;

	if (lp_translate_open(&o->t, -1, image ? w->n : 0, err))
		return err->code;
	o->entry = o->t.sink.entry;
	if (w->format->stream) {
		o->t.sink.entry = take_entry;
		o->t.sink.body = take_body;
	}
	if (make_files(o, err) ||
	    w->format->open(w->d, w->source, w->n, &w->options, &o->t.sink, err) ||
	    lp_translate_end(&o->t, w->d, o->fd + 1, o->fd[0], result, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_whole_open(struct lp_whole *w, const struct lp_format *format,
			   const struct lp_whole_blob *blob, size_t n,
			   const struct lp_open_options *options, struct lp_err *err)
{
	LP_AUTO(opening_free) struct opening o = {.w = w};
	LP_AUTO(lp_buf_free) struct lp_buf result = {.p = NULL};
	LP_AUTO(lp_fd_close) int fd = -1;

	*w = (struct lp_whole){.format = format, .options = *options};
	if (list_blobs(w, blob, n, err) || translate(&o, &result, err) ||
	    look(&o, &result, err))
		return err->code;
	if (!format->image)
		return LP_OK;
	fd = memfd_create("whole", MFD_CLOEXEC);
	return fd < 0 ? lp_fail_errno(err, "memory for a tree") : merge(w, fd, err);
}

enum lp_code lp_whole_erofs(struct lp_whole *w, const struct lp_whole_blob *blob, size_t n,
			    struct lp_err *err)
{
	*w = (struct lp_whole){.blob = blob, .n = n};
	if (lp_erofs_open(&w->tree, blob->p, (size_t)blob->d.bytes, err) ||
	    lp_erofs_check(&w->tree, LP_EROFS_FOREIGN, err))
		return err->code;
	return LP_OK;
}

void lp_whole_free(struct lp_whole *w)
{
	for (size_t i = 0; i < w->ndevice; i++) {
		lp_plain_free(&w->plain[i]);
		lp_table_free(&w->table[i]);
	}
	free(w->plain);
	free(w->table);
	free(w->d);
	free(w->source);
	lp_map_free(&w->map);
	lp_buf_free(&w->body);
	*w = (struct lp_whole){.n = 0};
}

/* Bytes of a stream's file, on a second pass. */
struct again {
	struct lp_sink sink;		/* first */
	struct lp_writer *out;
	uint64_t device_off;		/* of the file */
	struct lp_part part;		/* what is wanted of it */
	bool here;			/* its body passes */
};

static enum lp_code find_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	struct again *a = (struct again *)s;

	(void)err;
	a->here = e->nextent && e->extent[0].device_off == a->device_off;
	a->part.at = 0;
	return LP_OK;
}

static enum lp_code pass_body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	struct again *a = (struct again *)s;

	return a->here ? lp_part_pass(&a->part, p, n, a->out, err) : LP_OK;
}

static enum lp_code read_stream(struct lp_whole *w, const struct lp_extent *x, uint64_t n,
				struct lp_writer *out, struct lp_err *err)
{
	struct again a = {.sink = {.entry = find_entry, .body = pass_body}, .out = out,
			  .device_off = x->device_off - x->off,
			  .part = {.off = x->off, .end = x->off + n}};

	return w->format->open(w->d, w->source, w->n, &w->options, &a.sink, err);
}

/* From a device that is a blob as it lies. */
static enum lp_code read_device(const struct lp_whole *w, const struct lp_extent *x, uint64_t n,
				struct lp_writer *out, struct lp_err *err)
{
	const struct lp_whole_blob *b = x->device < w->n ? &w->blob[x->device] : NULL;

	if (!b || x->device_off > b->d.bytes || n > b->d.bytes - x->device_off)
		return lp_fail(err, LP_EFORMAT, x->device_off, RULE_DEVICE,
			       "%llu bytes at %llu of device %u, which has %llu",
			       (unsigned long long)n, (unsigned long long)x->device_off, x->device,
			       (unsigned long long)(b ? b->d.bytes : 0));
	return lp_write(out, b->p + x->device_off, (size_t)n, err);
}

static enum lp_code read_extent(struct lp_whole *w, const struct lp_extent *x, uint64_t n,
				struct lp_writer *out, struct lp_err *err)
{
	const struct lp_layer nothing = {.device_bytes = 0};
	struct lp_plain hole = {.layer = &nothing};

	if (!x->device)
		return lp_plain_copy(&hole, 0, n, out, err);
	if (!w->format)
		return read_device(w, x, n, out, err);
	if (w->format->stream)
		return read_stream(w, x, n, out, err);
	return lp_plain_copy(&w->plain[x->device - 1], x->device_off, n, out, err);
}

enum lp_code lp_whole_read(struct lp_whole *w, const struct lp_erofs_inode *inode, uint64_t off,
			   uint64_t n, struct lp_writer *out, struct lp_err *err)
{
	struct lp_extent x;
	uint64_t part;

	for (; n; off += part, n -= part) {
		if (lp_erofs_extent(&w->tree, inode, off, &x, err))
			return err->code;
		part = x.bytes < n ? x.bytes : n;
		if (read_extent(w, &x, part, out, err))
			return err->code;
	}
	return LP_OK;
}

static int by_place(const void *key, const void *row)
{
	uint64_t a = *(const uint64_t *)key, b = ((const struct body *)row)->device_off;

	return a < b ? -1 : a > b;
}

/* Digests of files. */
struct content {
	struct lp_canonical_data data;	/* first */
	struct lp_whole *w;
};

static enum lp_code digest(struct lp_canonical_data *d, const struct lp_erofs_inode *inode,
			   struct lp_digest *out, struct lp_err *err)
{
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer hash = {.hash = {.ctx = NULL}};
	struct lp_whole *w = ((struct content *)d)->w;
	const struct body *b;
	struct lp_extent x;

	if (inode->size && w->format && w->format->stream) {
		if (lp_erofs_extent(&w->tree, inode, 0, &x, err))
			return err->code;
		b = bsearch(&x.device_off, w->body.p, w->body.len / sizeof(*b), sizeof(*b), by_place);
		if (!b)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a file without a body");
		*out = b->digest;
		return LP_OK;
	}
	if (lp_hash_writer_open(&hash, NULL, LP_SHA256, err) ||
	    lp_whole_read(w, inode, 0, inode->size, &hash.writer, err))
		return err->code;
	lp_hash_end(&hash.hash, out);
	return LP_OK;
}

/* How many bytes the files have, until it is too much. */
struct measure {
	struct lp_erofs_visitor visitor; /* first */
	uint64_t left;
};

static enum lp_code subtract(struct lp_erofs_visitor *v, const char *path,
			     const struct lp_erofs_inode *inode, struct lp_err *err)
{
	struct measure *m = (struct measure *)v;
	uint64_t bytes = S_ISREG(inode->mode) ? inode->size : 0;

	(void)path, (void)err;
	m->left = bytes < m->left ? m->left - bytes : 0;
	return LP_OK;
}

enum lp_code lp_whole_tree(struct lp_whole *w, struct lp_writer *out, bool *told,
			   struct lp_err *err)
{
	struct measure m = {.visitor = {subtract}, .left = LP_WHOLE_FILES_MAX};
	struct content c = {.data = {digest}, .w = w};
	bool all = w->format || w->tree.ndevice < w->n;

	/* Of a stream, all bytes were there to be digested. */
	if (all && !(w->format && w->format->stream) && lp_erofs_walk(&w->tree, &m.visitor, err))
		return err->code;
	*told = m.left > 0;
	return *told ? lp_canonical_erofs(&w->tree, all ? &c.data : NULL, out, err) : LP_OK;
}

enum lp_code lp_whole_check(struct lp_whole *w, struct lp_err *err)
{
	for (size_t i = 0; i < w->ndevice; i++)
		if (lp_plain_check(&w->plain[i], err))
			return err->code;
	return LP_OK;
}
