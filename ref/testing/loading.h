/* SPDX-License-Identifier: MIT */
/*
 * loading - a sample's device in a store of its own, to be filled by a loader.
 */
#ifndef LP_TESTING_LOADING_H
#define LP_TESTING_LOADING_H

#include "layer/loader.h"
#include "testing/dir.h"
#include "testing/sample.h"
#include "testing/test.h"

struct loading {
	char root[TEST_DIR];
	struct lp_store store;
	struct sample sample;
	struct lp_device device;
	char name[LP_STORE_NAME];
};

static inline bool loading_begin(struct loading *g, const struct sample_shape *shape)
{
	struct lp_err err = {0};
	char path[TEST_DIR + 8];

	*g = (struct loading){.sample.table = -1};
	test_dir_make(g->root);
	snprintf(path, sizeof(path), "%s/store", g->root);
	return CHECK(!lp_store_open(&g->store, path, &err) &&
		     !sample_make(&g->sample, shape, &err) &&
		     !lp_device_create(&g->store, g->sample.table, false, -1, g->name, &err) &&
		     !lp_device_open(&g->device, &g->store, g->name, LP_DEVICE_WRITE, &err),
		     "an empty device %s", err.msg);
}

static inline void loading_end(struct loading *g)
{
	lp_device_free(&g->device);
	if (g->store.run[0])
		test_dir_remove(g->store.run);
	lp_store_free(&g->store);
	sample_free(&g->sample);
	test_dir_remove(g->root);
}

/* Every chunk is ready, but @except (UINT32_MAX: none is left out). */
static inline enum lp_code loading_fill(struct loading *g, uint32_t except, struct lp_err *err)
{
	const struct lp_layer *l = &g->device.table.layer;

	for (uint32_t i = 0; i < l->nchunk; i++)
		if (i != except && lp_device_write(&g->device, i,
						   g->sample.plain.p + l->chunk[i].device_off, err))
			return err->code;
	return LP_OK;
}

/* No chunk is ready, as after a boot with nothing synced. */
static inline void loading_forget(struct loading *g)
{
	for (size_t i = 0; i < lp_ready_words(g->device.id.nchunk); i++)
		atomic_store(&g->device.live.word[i], 0);
	if (ftruncate(g->device.data, 0) ||
	    ftruncate(g->device.data, (off_t)g->sample.plain.len))
		printf("# ftruncate\n");
}

/* The blob as a file of its own. */
static inline int loading_blob(const struct loading *g)
{
	int fd = memfd_create("blob", MFD_CLOEXEC);
	struct lp_err err;

	if (fd < 0 || lp_file_write(fd, g->sample.blob.p, g->sample.blob.len, &err))
		printf("# no blob\n");
	return fd;
}

/* Chunks that are ready, all of which have their bytes; -1: one has not. */
static inline long loading_right(const struct loading *g)
{
	const struct lp_layer *l = &g->device.table.layer;
	long n = 0;

	for (uint32_t i = 0; i < l->nchunk; i++) {
		LP_AUTO(lp_buf_free) struct lp_buf got = {0};
		const struct lp_chunk *c = &l->chunk[i];
		struct lp_err err;

		if (!lp_device_chunk_ready(&g->device, i))
			continue;
		if (lp_buf_reserve(&got, c->bytes, c->bytes, &err) ||
		    lp_file_pread(g->device.data, c->device_off, got.p, c->bytes, &err) ||
		    memcmp(got.p, g->sample.plain.p + c->device_off, c->bytes))
			return -1;
		n++;
	}
	return n;
}

/* A want that can be waited for. */
struct loading_want {
	struct lp_want want;	/* first */
	pthread_mutex_t lock;
	pthread_cond_t told;
	unsigned over;		/* how often done() was called */
	struct lp_err err;
};

static inline void loading_told(struct lp_want *w, enum lp_code code, const struct lp_err *err)
{
	struct loading_want *x = (struct loading_want *)w;

	pthread_mutex_lock(&x->lock);
	x->err = code ? *err : (struct lp_err){0};
	x->over++;
	pthread_cond_signal(&x->told);
	pthread_mutex_unlock(&x->lock);
}

static inline void loading_want_init(struct loading_want *x, uint64_t off, uint64_t bytes,
				     enum lp_priority priority)
{
	*x = (struct loading_want){.want = {.off = off, .bytes = bytes, .priority = priority,
					    .done = loading_told}};
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->told, NULL);
}

static inline enum lp_code loading_await(struct loading_want *x)
{
	pthread_mutex_lock(&x->lock);
	while (!x->over)
		pthread_cond_wait(&x->told, &x->lock);
	pthread_mutex_unlock(&x->lock);
	return x->err.code;
}

#endif
