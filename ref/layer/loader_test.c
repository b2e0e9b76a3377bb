// SPDX-License-Identifier: MIT
/* The loader over a local file: what is decoded, how often, and what becomes of errors. */
#include "layer/loader.h"

#include "testing/loading.h"

#include <errno.h>

#define MIB (1u << 20)

static struct lp_loader *open_file(struct loading *g, int fd)
{
	struct lp_loader *l = NULL;
	struct lp_err err = {0};
	uint32_t index = 7;

	if (!CHECK(!lp_loader_open(&l, 3, &err) &&
		   !lp_loader_add_file(l, &g->device, fd, &index, &err) && index == 0,
		   "a loader with a file %s", err.msg))
		lp_loader_free(&l);
	return l;
}

static uint64_t frame_bytes(const struct loading *g)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < g->device.table.layer.nframe; i++)
		sum += g->device.table.layer.frame[i].plain_bytes;
	return sum;
}

/* Every byte of the device in some order, piece by piece. */
static void check_whole(const char *name, const struct sample_shape *shape, uint64_t piece)
{
	struct loading g;
	struct lp_loader *l = NULL;
	struct lp_loader_count count;
	struct lp_err err = {0};
	uint64_t pieces, bad = 0;

	if (loading_begin(&g, shape) && (l = open_file(&g, loading_blob(&g)))) {
		pieces = g.sample.plain.len / piece + 1;
		for (uint64_t i = 0; i < pieces; i++)
			bad += lp_loader_ensure(l, 0, i * 7919 % pieces * piece, piece, &err) != 0;
		lp_loader_drop(l, 0); /* waits for what nobody waited for */
		lp_loader_count(l, &count);
		CHECK(!bad && lp_device_ready(&g.device, 0, UINT64_MAX) &&
		      loading_right(&g) == (long)shape->nchunk, "%s: all of it, right %s", name,
		      err.msg);
		CHECK(count.plain_bytes == frame_bytes(&g), "%s: each frame decoded once", name);
		CHECK(count.stored_bytes >= g.sample.blob.len - shape->nchunk * shape->gap &&
		      count.stored_bytes <= g.sample.blob.len, "%s: %llu of %zu stored bytes", name,
		      (unsigned long long)count.stored_bytes, g.sample.blob.len);
	}
	lp_loader_free(&l);
	loading_end(&g);
}

static void check_shapes(void)
{
	static const struct {
		const char *name;
		struct sample_shape shape;
		uint64_t piece;
	} cases[] = {
		{"none, small", {1, 300, 9000, 1, 0, &lp_codec_none}, 4096},
		{"gzip, chunks share frames", {2, 300, 9000, 7, 0, &lp_codec_gzip}, 131072},
		{"zstd, gaps", {3, 100, 50000, 3, 500, &lp_codec_zstd}, 65536},
		{"lz4", {4, 100, 50000, 1, 20000, &lp_codec_lz4}, 65536},
		{"gzip, frames above the limit", {5, 14, 3 * MIB, 14, 0, &lp_codec_gzip}, MIB},
		{"none, a frame above the limit", {6, 20, 3 * MIB, 10, 100, &lp_codec_none}, MIB},
		{"zstd, one chunk above the limit", {11, 3, 30 * MIB, 1, 100, &lp_codec_zstd}, MIB},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_whole(cases[i].name, &cases[i].shape, cases[i].piece);
}

static void check_background(void)
{
	static const struct sample_shape shape = {8, 2000, 9000, 2, 0, &lp_codec_gzip};
	struct loading_want fill, again;
	struct lp_loader_count count;
	struct lp_loader *l = NULL;
	struct loading g;

	if (loading_begin(&g, &shape) && (l = open_file(&g, loading_blob(&g)))) {
		loading_want_init(&fill, 0, 0, LP_BACKGROUND);
		lp_loader_background(l, &fill.want);
		CHECK(!loading_await(&fill) && loading_right(&g) == 2000 && fill.over == 1,
		      "background fills the device");
		lp_loader_count(l, &count);
		CHECK(count.stored_bytes == g.sample.blob.len &&
		      count.background_fetches <= g.sample.blob.len / LP_RANGE_MAX + 2 &&
		      !count.demand_wants, "%llu requests for %zu bytes",
		      (unsigned long long)count.background_fetches, g.sample.blob.len);
		loading_want_init(&again, 0, 0, LP_BACKGROUND);
		lp_loader_background(l, &again.want);
		CHECK(!loading_await(&again), "what is full is full");
	}
	lp_loader_free(&l);
	loading_end(&g);
}

/* A prefetch list is merged into few requests, whatever the runs are. */
static void check_prefetch(void)
{
	static const struct sample_shape shape = {9, 1000, 9000, 1, 512, &lp_codec_gzip};
	struct loading_want *w = calloc(1000, sizeof(*w));
	struct lp_loader_count count;
	struct lp_loader *l = NULL;
	struct loading g;
	unsigned bad = 0;

	if (loading_begin(&g, &shape) && w && (l = open_file(&g, loading_blob(&g)))) {
		for (size_t i = 0; i < 1000; i++) {
			const struct lp_chunk *c = &g.device.table.layer.chunk[i * 37 % 1000];

			loading_want_init(&w[i], c->device_off, c->bytes, LP_PREFETCH);
		}
		lp_loader_want_all(l, &w[0].want, 1000, sizeof(w[0]));
		for (size_t i = 0; i < 1000; i++)
			bad += loading_await(&w[i]) || w[i].over != 1;
		lp_loader_count(l, &count);
		CHECK(!bad && loading_right(&g) == 1000, "1000 runs in a strange order");
		CHECK(count.prefetch_fetches <= 2 * (g.sample.blob.len / LP_RANGE_MAX + 1) &&
		      count.stored_bytes <= g.sample.blob.len, "in %llu requests, %zu bytes",
		      (unsigned long long)count.prefetch_fetches, g.sample.blob.len);
	}
	lp_loader_free(&l);
	free(w);
	loading_end(&g);
}

/* One byte of the blob is wrong: that chunk is an error each time, every other one is served. */
static void check_damage(const struct sample_shape *shape, uint32_t frame)
{
	struct loading_want fill;
	struct lp_loader *l = NULL;
	struct loading g;
	const struct lp_layer *t;
	struct lp_err err = {0};
	unsigned failed = 0, ruled = 0;
	int fd;

	if (loading_begin(&g, shape)) {
		fd = loading_blob(&g);
		t = &g.device.table.layer;
		if (lp_file_pwrite(fd, t->frame[frame].off + t->frame[frame].stored_bytes / 2, "\x5a",
				   1, &err))
			printf("# %s\n", err.msg);
		l = open_file(&g, fd);
		for (uint32_t i = 0; l && i < t->nchunk; i++) {
			const struct lp_chunk *c = &t->chunk[i];

			if (!lp_loader_ensure(l, 0, c->device_off, c->bytes, &err))
				continue;
			failed++;
			ruled += c->frame == frame && (err.code == LP_EDIGEST || err.code == LP_EFORMAT) &&
				 err.at >= t->frame[frame].off &&
				 err.at < t->frame[frame].off + t->frame[frame].stored_bytes;
		}
		CHECK(failed && failed == ruled && loading_right(&g) == t->nchunk - failed,
		      "a flipped byte costs %u chunks of its frame: %s", failed, err.msg);
		loading_want_init(&fill, 0, 0, LP_BACKGROUND);
		if (l)
			lp_loader_background(l, &fill.want);
		CHECK(l && loading_await(&fill) && fill.err.code == err.code,
		      "background says so too: %s", fill.err.msg);
	}
	lp_loader_free(&l);
	loading_end(&g);
}

static void check_ends(void)
{
	static const struct sample_shape shape = {10, 10, 9000, 1, 0, &lp_codec_none};
	struct loading_want w;
	struct lp_loader *l = NULL;
	struct loading g;
	struct lp_err err = {0};
	uint32_t index;

	if (loading_begin(&g, &shape) && (l = open_file(&g, loading_blob(&g)))) {
		CHECK(lp_loader_ensure(l, 1, 0, 1, &err) == LP_EUSAGE, "no such device");
		CHECK(!lp_loader_ensure(l, 0, UINT64_MAX, UINT64_MAX, &err) &&
		      !lp_loader_ensure(l, 0, 0, 0, &err), "nothing is ready at once");
		lp_loader_drop(l, 0);
		lp_loader_drop(l, 0);
		CHECK(lp_loader_ensure(l, 0, 0, 1, &err) == LP_EUSAGE, "a dropped device is none");
		CHECK(!lp_loader_add_file(l, &g.device, loading_blob(&g), &index, &err) && !index &&
		      !lp_loader_ensure(l, 0, 0, 1, &err), "its number is used again %s", err.msg);
		loading_want_init(&w, 0, UINT64_MAX, LP_DEMAND);
		lp_loader_want(l, &w.want);
		lp_loader_free(&l);
		CHECK(w.over == 1 && (!w.err.code || w.err.sys == ECANCELED),
		      "freeing tells whoever waits");
	}
	lp_loader_free(&l);
	loading_end(&g);
}

int main(void)
{
	static const struct sample_shape few = {15, 8, 20000, 2, 0, &lp_codec_gzip};
	static const struct sample_shape shared = {12, 60, 20000, 4, 0, &lp_codec_gzip};
	static const struct sample_shape plain = {13, 60, 20000, 4, 0, &lp_codec_none};
	static const struct sample_shape big = {14, 16, 2 * MIB, 16, 0, &lp_codec_none};

	check_damage(&few, 1);
	check_ends();
	if (test_tortured())
		return test_done();
	check_shapes();
	check_background();
	check_prefetch();
	check_damage(&shared, 3);
	check_damage(&plain, 5);
	check_damage(&big, 0);
	return test_done();
}
