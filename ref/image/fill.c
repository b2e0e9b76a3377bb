// SPDX-License-Identifier: MIT
#include "image/fill.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static enum lp_code add_layer(struct lp_filler *f, struct lp_image *i, struct lp_store *s,
			      size_t n, struct lp_err *err)
{
	int fd = -1;

	if (lp_device_open(&f->device[n], s, f->local.layer[n].device, LP_DEVICE_WRITE, err))
		return err->code;
	if (i->registry)
		return lp_loader_add(f->loader, &f->device[n], i->registry, &f->index[n], err);
	if (lp_layout_blob(&i->layout, &f->local.layer[n].blob, &fd, err))
		return err->code;
	return lp_loader_add_file(f->loader, &f->device[n], fd, &f->index[n], err);
}

enum lp_code lp_filler_open(struct lp_filler *f, struct lp_image *i, struct lp_store *s,
			    struct lp_err *err)
{
	size_t n;

	*f = (struct lp_filler)LP_FILLER_EMPTY;
	if (lp_local_open(&f->local, s, &i->digest, err))
		return err->code;
	n = f->local.nlayer;
	f->device = calloc(n + 1, sizeof(*f->device));
	f->index = calloc(n + 1, sizeof(*f->index));
	if (!f->device || !f->index) {
		lp_filler_free(f);
		return lp_fail_errno(err, "%zu layers", n);
	}
	for (size_t k = 0; k < n; k++)
		f->device[k].data = f->device[k].dir = -1;
	if (lp_loader_open(&f->loader, 0, err)) {
		lp_filler_free(f);
		return err->code;
	}
	for (size_t k = 0; k < n; k++)
		if (add_layer(f, i, s, k, err)) {
			lp_filler_free(f);
			return lp_within(err, "layer %zu", k);
		}
	return LP_OK;
}

void lp_filler_free(struct lp_filler *f)
{
	lp_loader_free(&f->loader);
	for (size_t k = 0; f->device && k < f->local.nlayer; k++)
		lp_device_free(&f->device[k]);
	free(f->device);
	free(f->index);
	lp_local_free(&f->local);
	*f = (struct lp_filler)LP_FILLER_EMPTY;
}

enum lp_code lp_filler_read(struct lp_filler *f, const struct lp_erofs_inode *inode, uint64_t off,
			    void *p, size_t n, size_t *got, struct lp_err *err)
{
	struct lp_extent x;
	uint64_t left;

	*got = 0;
	if (off >= inode->size)
		return LP_OK;
	if (lp_erofs_extent(&f->local.tree, inode, off, &x, err))
		return err->code;
	left = x.bytes - (off - x.off);
	*got = n < left ? n : (size_t)left;
	if (!x.device || x.device > f->local.nlayer) {
		memset(p, 0, *got);
		return LP_OK;
	}
	if (lp_loader_ensure(f->loader, f->index[x.device - 1], x.device_off + (off - x.off), *got,
			     err) ||
	    lp_file_pread(f->device[x.device - 1].data, x.device_off + (off - x.off), p, *got, err))
		return err->code;
	return LP_OK;
}

/* One device being filled, and whoever waits for it. */
struct filling {
	struct lp_want want;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	enum lp_code code;
	struct lp_err err;		/* when code says so */
};

static void filled(struct lp_want *w, enum lp_code code, const struct lp_err *err)
{
	struct filling *x = (struct filling *)w;

	pthread_mutex_lock(&x->lock);
	x->code = code;
	if (code)
		x->err = *err;
	x->done = true;
	pthread_cond_signal(&x->over);
	pthread_mutex_unlock(&x->lock);
}

static enum lp_code fill_layer(struct lp_filler *f, size_t n, struct lp_err *err)
{
	struct filling x = {.want = {.device = f->index[n], .done = filled},
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .over = PTHREAD_COND_INITIALIZER};

	lp_loader_background(f->loader, &x.want);
	pthread_mutex_lock(&x.lock);
	while (!x.done)
		pthread_cond_wait(&x.over, &x.lock);
	pthread_mutex_unlock(&x.lock);
	if (x.code) {
		*err = x.err;
		return x.code;
	}
	return lp_device_sync(&f->device[n], err);
}

enum lp_code lp_fill(struct lp_image *i, struct lp_store *s, struct lp_progress *progress,
		     struct lp_err *err)
{
	LP_AUTO(lp_filler_free) struct lp_filler f = LP_FILLER_EMPTY;

	if (lp_filler_open(&f, i, s, err))
		return err->code;
	for (size_t n = 0; n < f.local.nlayer; n++) {
		if (fill_layer(&f, n, err))
			return lp_within(err, "layer %zu", n);
		if (progress)
			lp_progress_add(progress, f.local.layer[n].blob_bytes);
	}
	return LP_OK;
}

/* Digests of files, read through a filler. */
struct content {
	struct lp_canonical_data data;
	struct lp_filler *filler;
};

static enum lp_code digest(struct lp_canonical_data *d, const struct lp_erofs_inode *inode,
			   struct lp_digest *out, struct lp_err *err)
{
	struct lp_filler *f = ((struct content *)d)->filler;
	LP_AUTO(lp_hash_free) struct lp_hash h = {.ctx = NULL};
	uint8_t buf[65536];
	size_t got;

	if (lp_hash_begin(&h, LP_SHA256, err))
		return err->code;
	for (uint64_t off = 0; off < inode->size; off += got) {
		if (lp_filler_read(f, inode, off, buf, sizeof(buf), &got, err))
			return err->code;
		lp_hash_add(&h, buf, got);
	}
	lp_hash_end(&h, out);
	return LP_OK;
}

enum lp_code lp_filler_tree(struct lp_filler *f, bool digests, struct lp_writer *out,
			    struct lp_err *err)
{
	struct content c = {.data = {digest}, .filler = f};

	return lp_canonical_erofs(&f->local.tree, digests ? &c.data : NULL, out, err);
}
