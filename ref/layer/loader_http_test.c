// SPDX-License-Identifier: MIT
/* The loader over a registry: how many requests, of what, and what a bad one does. */
#include "layer/loader.h"

#include "testing/loading.h"
#include "testing/server.h"

#include <errno.h>

#define KIB 1024u
#define MIB (KIB * KIB)

/* What the server does; its state is the loading. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned delay_ms; /* before each answer */
	uint64_t flip;	   /* a byte of the blob that comes wrong ... */
	unsigned flips;	   /* ... so many times */
	unsigned fails;	   /* answers that are 404 */
	bool halves;	   /* stop in the middle of each body until this is false */
	unsigned stopped;  /* bodies that have */
	unsigned requests;
	uint64_t bytes, largest;
} net = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void reset_net(void)
{
	net.delay_ms = net.flips = net.fails = net.stopped = net.requests = 0;
	net.bytes = net.largest = 0;
	net.halves = false;
}

static bool take(unsigned *times)
{
	bool now;

	pthread_mutex_lock(&net.lock);
	now = *times > 0;
	*times -= now;
	pthread_mutex_unlock(&net.lock);
	return now;
}

static void wait_half(void)
{
	pthread_mutex_lock(&net.lock);
	net.stopped++;
	pthread_cond_broadcast(&net.change);
	while (net.halves)
		pthread_cond_wait(&net.change, &net.lock);
	pthread_mutex_unlock(&net.lock);
}

static void go_on(void)
{
	pthread_mutex_lock(&net.lock);
	net.halves = false;
	pthread_cond_broadcast(&net.change);
	pthread_mutex_unlock(&net.lock);
}

static void serve(struct test_request *q)
{
	const struct loading *g = q->server->state;
	size_t off, n;
	uint8_t *body;

	test_range(q, g->sample.blob.len, &off, &n);
	pthread_mutex_lock(&net.lock);
	net.requests++;
	net.bytes += n;
	net.largest = n > net.largest ? n : net.largest;
	pthread_mutex_unlock(&net.lock);
	usleep(net.delay_ms * 1000);
	if (take(&net.fails)) {
		test_reply(q, "404 Not Found", "", "", 0);
		return;
	}
	body = malloc(n);
	memcpy(body, g->sample.blob.p + off, n);
	if (net.flip >= off && net.flip - off < n && take(&net.flips))
		body[net.flip - off] ^= 1;
	test_say(q,
		 "206 Partial Content\r\nContent-Range: bytes %zu-%zu/%zu\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 off, off + n - 1, g->sample.blob.len, n);
	test_send(q, body, n / 2);
	if (net.halves)
		wait_half();
	test_send(q, body + n / 2, n - n / 2);
	free(body);
}

/* A device, a server that has its blob, a loader between them. */
struct world {
	struct loading g;
	struct test_server server;
	struct lp_registry *r;
	struct lp_loader *l;
};

static bool begin(struct world *w, const struct sample_shape *shape,
		  const struct lp_fill_policy *policy)
{
	struct lp_registry_options o = {.tries = 1, .stall_ms = 2000};
	struct lp_reference ref;
	struct lp_err err = {0};
	char name[64];
	uint32_t index;
	bool ok;

	reset_net();
	*w = (struct world){0};
	ok = loading_begin(&w->g, shape);
	test_server_start(&w->server, serve, &w->g);
	snprintf(name, sizeof(name), "127.0.0.1:%u/some/blob", w->server.port);
	ok = ok && CHECK(!lp_reference_parse(name, &ref, &err) &&
				 !lp_registry_open(&w->r, &ref, &o, &err) &&
				 !lp_loader_open(&w->l, 2, &err) &&
				 !lp_loader_add(w->l, &w->g.device, w->r, &index, &err) && !index,
			 "a loader with a registry %s", err.msg);
	if (ok && policy)
		lp_loader_set_policy(w->l, policy);
	return ok;
}

static void end(struct world *w)
{
	lp_loader_free(&w->l);
	lp_registry_free(&w->r);
	test_server_stop(&w->server);
	loading_end(&w->g);
}

/* Ensure chunk @i. */
static enum lp_code ensure(struct world *w, uint32_t i, struct lp_err *err)
{
	const struct lp_chunk *c = &w->g.device.table.layer.chunk[i];

	return lp_loader_ensure(w->l, 0, c->device_off, c->bytes, err);
}

/* Wait for what was taken along. */
static void settle(struct world *w)
{
	struct lp_err err;
	uint32_t index;

	lp_loader_drop(w->l, 0);
	if (lp_loader_add(w->l, &w->g.device, w->r, &index, &err))
		printf("# %s\n", err.msg);
}

static const struct sample_shape small_files = {21, 2000, 9000, 1, 512, &lp_codec_gzip};

/* A miss at chunk @i, which tells how fast the link is; from now on is counted. */
static void measure(struct world *w, uint32_t i)
{
	struct lp_err err;

	CHECK(!ensure(w, i, &err), "the link is measured %s", err.msg);
	settle(w);
	net.requests = 0;
	net.bytes = net.largest = 0;
}

/* A miss takes along what the policy says: little where the link is fast, 1 MiB where not. */
static void check_fill(void)
{
	struct lp_fill_policy p = lp_fill_policy;
	struct lp_loader_count count;
	struct lp_err err = {0};
	struct world w;

	p.fast_ns = UINT64_MAX;
	if (begin(&w, &small_files, &p)) {
		measure(&w, 1000);
		lp_loader_count(w.l, &count);
		CHECK(!ensure(&w, 100, &err), "a miss on a fast link %s", err.msg);
		settle(&w);
		CHECK(net.requests == 1 && net.largest < MIB / 2, "%u requests", net.requests);
		CHECK(loading_right(&w.g) >= 30 && loading_right(&w.g) < 400, "%ld chunks",
		      loading_right(&w.g));
	}
	end(&w);
	p.fast_ns = 0;
	if (begin(&w, &small_files, &p)) {
		CHECK(!ensure(&w, 100, &err), "a miss on a slow link %s", err.msg);
		settle(&w);
		CHECK(net.requests == 1 && loading_right(&w.g) > 320 && loading_right(&w.g) < 360,
		      "%ld chunks of 4.5 kB in %u request", loading_right(&w.g), net.requests);
	}
	end(&w);
}

/* Where misses crowd, and decoding is cheap, a miss takes along more. */
static void check_crowd(void)
{
	static const struct sample_shape shape = {23, 2000, 9000, 1, 512, &lp_codec_zstd};
	struct lp_fill_policy p = lp_fill_policy;
	struct lp_err err = {0};
	size_t bytes[4] = {0};
	struct world w;

	p.fast_ns = UINT64_MAX;
	if (begin(&w, &shape, &p)) {
		measure(&w, 1999);
		for (uint32_t i = 0; i < 4; i++) {
			size_t before = net.bytes;

			CHECK(!ensure(&w, 300 + 300 * i, &err), "miss %u %s", i, err.msg);
			bytes[i] = net.bytes - before;
		}
		CHECK(net.requests == 4 && bytes[3] > 3 * bytes[0],
		      "%zu bytes of the blob, %zu in the crowd", bytes[0], bytes[3]);
	}
	end(&w);
}

/* Where a second part of a long file is wanted, the rest comes with it. */
static void check_long(void)
{
	static const struct sample_shape shape = {24, 3000, 9000, 300, 0, &lp_codec_zstd};
	struct lp_fill_policy p = lp_fill_policy;
	struct lp_err err = {0};
	size_t alone;
	struct world w;

	p.fast_ns = UINT64_MAX;
	if (begin(&w, &shape, &p)) {
		measure(&w, 0);
		CHECK(!ensure(&w, 1600, &err), "the first %s", err.msg);
		alone = net.bytes;
		CHECK(!ensure(&w, 2200, &err), "the second %s", err.msg);
		settle(&w);
		CHECK(net.requests == 2 && net.bytes > 4 * alone,
		      "%llu bytes of the blob, %zu for the first", (unsigned long long)net.bytes,
		      alone);
	}
	end(&w);
}

/* Reading on and on: twice as much each time, up to fill_max. */
static void check_sequential(void)
{
	static const struct sample_shape shape = {22, 4000, 9000, 1, 0, &lp_codec_gzip};
	struct lp_fill_policy p = lp_fill_policy;
	struct lp_err err = {0};
	unsigned bad = 0, doubled;
	struct world w;

	p.slow.bytes = 64 * KIB;
	p.slow.near = 0;
	p.fill_max = 2 * MIB;
	p.fast_ns = 0;
	if (begin(&w, &shape, &p)) {
		for (uint32_t i = 0; i < 4000; i++)
			bad += ensure(&w, i, &err) != 0;
		doubled = net.requests;
		CHECK(!bad && loading_right(&w.g) == 4000 && doubled <= 6 + 18e6 / p.fill_max + 2,
		      "18 MB in %u requests", doubled);
		CHECK(net.bytes == w.g.sample.blob.len, "each byte once");
	}
	end(&w);
}

/* Reading everything, in an order that is nobody's: the more is there, the more a miss takes. */
static void check_scan(void)
{
	static const struct sample_shape shape = {27, 8009, 9000, 1, 0, &lp_codec_gzip};
	struct lp_fill_policy p = lp_fill_policy;
	struct lp_err err = {0};
	unsigned bad = 0;
	struct world w;

	p.fast_ns = UINT64_MAX;
	if (begin(&w, &shape, &p)) {
		for (uint32_t i = 0; i < shape.nchunk; i++)
			bad += ensure(&w, i * 2003 % shape.nchunk, &err) != 0;
		CHECK(!bad && loading_right(&w.g) == (long)shape.nchunk && net.requests <= 100,
		      "36 MB in %u requests", net.requests);
		CHECK(net.bytes <= w.g.sample.blob.len + w.g.sample.blob.len / 50,
		      "%llu of %zu bytes", (unsigned long long)net.bytes, w.g.sample.blob.len);
	}
	end(&w);
}

static void check_prefetch(void)
{
	static struct loading_want want[600];
	struct lp_loader_count count;
	unsigned bad = 0;
	struct world w;

	if (begin(&w, &small_files, NULL)) {
		const struct lp_layer *t = &w.g.device.table.layer;
		uint64_t bytes = t->frame[599].off + t->frame[599].stored_bytes - t->frame[0].off;

		for (uint32_t i = 0; i < 600; i++)
			loading_want_init(&want[i], t->chunk[i].device_off, t->chunk[i].bytes,
					  LP_PREFETCH);
		lp_loader_want_all(w.l, &want[0].want, 600, sizeof(want[0]));
		for (size_t i = 0; i < 600; i++)
			bad += loading_await(&want[i]) || want[i].over != 1;
		lp_loader_count(w.l, &count);
		CHECK(!bad && loading_right(&w.g) == 600, "a landmark's range");
		CHECK(net.requests == (bytes + LP_RANGE_MAX - 1) / LP_RANGE_MAX &&
			      net.largest <= LP_RANGE_MAX &&
			      count.prefetch_fetches == net.requests && net.bytes <= bytes,
		      "%llu bytes in %u requests", (unsigned long long)bytes, net.requests);
	}
	end(&w);
}

static void *ensure_one(void *of)
{
	struct lp_err err;

	return ensure(of, 7, &err) ? of : NULL;
}

/* Eight at a time want one chunk; and the frame is in a slow prefetch already. */
static void check_once(void)
{
	pthread_t thread[8];
	struct world w;
	unsigned bad = 0;
	void *rc;

	if (begin(&w, &small_files, NULL)) {
		net.delay_ms = 50;
		for (int i = 0; i < 8; i++)
			pthread_create(&thread[i], NULL, ensure_one, &w);
		for (int i = 0; i < 8; i++)
			bad += pthread_join(thread[i], &rc) || rc;
		settle(&w);
		CHECK(!bad && net.requests == 1, "eight waiters, %u request", net.requests);
	}
	end(&w);
}

/* The chunk that is wanted is served before the rest of its request has come. */
static void check_early(void)
{
	struct lp_err err = {0};
	struct world w;

	if (begin(&w, &small_files, NULL)) {
		net.halves = true;
		CHECK(!ensure(&w, 100, &err), "served from half a request %s", err.msg);
		CHECK(net.halves && net.requests == 1 && loading_right(&w.g) < 200,
		      "%ld chunks are there", loading_right(&w.g));
		go_on();
		settle(&w);
		CHECK(loading_right(&w.g) > 320, "then the rest, %ld", loading_right(&w.g));
	}
	end(&w);
}

/* A prefetch that runs does not keep demand waiting: it has a connection of its own. */
static void check_priority(void)
{
	static struct loading_want want;
	struct lp_fill_policy p = lp_fill_policy;
	struct lp_err err = {0};
	struct world w;

	p.range_max = MIB;
	if (begin(&w, &small_files, &p)) {
		net.halves = true;
		loading_want_init(&want, 0, w.g.sample.plain.len / 2, LP_PREFETCH);
		lp_loader_want(w.l, &want.want);
		pthread_mutex_lock(&net.lock);
		while (net.stopped < 3)
			pthread_cond_wait(&net.change, &net.lock);
		pthread_mutex_unlock(&net.lock);
		CHECK(!ensure(&w, 1800, &err), "demand passes three stopped prefetches %s",
		      err.msg);
		go_on();
		CHECK(!loading_await(&want), "which go on");
	}
	end(&w);
}

/* A fill is one request; while its body is held, demand has a connection and goes first. */
static void check_background(void)
{
	static struct loading_want fill;
	struct lp_fill_policy p = lp_fill_policy;
	struct lp_err err = {0};
	struct world w;

	p.background_max = MIB / 4;
	if (begin(&w, &small_files, &p)) {
		loading_want_init(&fill, 0, 0, LP_BACKGROUND);
		lp_loader_background(w.l, &fill.want);
		CHECK(!loading_await(&fill) && loading_right(&w.g) == 2000, "filled %s",
		      fill.err.msg);
		CHECK(net.requests == 1 && net.bytes <= w.g.sample.blob.len, "by %u request",
		      net.requests);
	}
	end(&w);
	if (begin(&w, &small_files, &p)) {
		net.halves = true;
		loading_want_init(&fill, 0, 0, LP_BACKGROUND);
		lp_loader_background(w.l, &fill.want);
		pthread_mutex_lock(&net.lock);
		while (net.stopped < 1)
			pthread_cond_wait(&net.change, &net.lock);
		pthread_mutex_unlock(&net.lock);
		CHECK(!ensure(&w, 1800, &err) && !fill.over, "demand passes a stopped fill %s",
		      err.msg);
		go_on();
		CHECK(!loading_await(&fill) && loading_right(&w.g) == 2000, "which goes on");
	}
	end(&w);
}

static void check_wrong(uint32_t times, const struct sample_shape *shape)
{
	struct lp_err err = {0};
	struct world w;
	unsigned before;

	if (begin(&w, shape, NULL)) {
		net.flip = w.g.device.table.layer.frame[0].off +
			   w.g.device.table.layer.frame[0].stored_bytes / 2;
		net.flips = times;
		for (uint32_t i = 0; times > 1 && i < shape->per_frame; i++)
			if (ensure(&w, i, &err))
				break;
		if (times > 1)
			CHECK((err.code == LP_EDIGEST || err.code == LP_EFORMAT) && !net.flips,
			      "wrong twice: %s", err.msg);
		before = net.requests;
		err = (struct lp_err){0};
		for (uint32_t i = 0; i < shape->per_frame && !err.code; i++)
			if (ensure(&w, i, &err))
				break;
		settle(&w);
		CHECK(!err.code && !net.flips && loading_right(&w.g) >= shape->per_frame,
		      "wrong once: asked again, %u requests %s", net.requests - before, err.msg);
	}
	end(&w);
}

static void check_failing(const struct sample_shape *shape)
{
	struct lp_err err = {0};
	struct world w;

	if (begin(&w, shape, NULL)) {
		net.fails = 1;
		CHECK(ensure(&w, 5, &err) && err.code != LP_EDIGEST, "a registry that fails: %s",
		      err.msg);
		CHECK(!ensure(&w, 5, &err) && loading_right(&w.g) > 0, "the next one tries again");
	}
	end(&w);
}

static void check_stalling(void)
{
	struct lp_err err = {0};
	struct world w;

	if (begin(&w, &small_files, NULL)) {
		net.halves = true;
		CHECK(ensure(&w, 1999, &err) && err.code == LP_EREMOTE, "one that stalls: %s",
		      err.msg);
		go_on();
	}
	end(&w);
}

/* Freed while a request runs: who waits is told, once. */
static void check_free(void)
{
	static struct loading_want want, fill;
	struct world w;

	if (begin(&w, &small_files, NULL)) {
		net.halves = true;
		loading_want_init(&want, 0, w.g.sample.plain.len / 2, LP_DEMAND);
		loading_want_init(&fill, 0, 0, LP_BACKGROUND);
		lp_loader_want(w.l, &want.want);
		lp_loader_background(w.l, &fill.want);
		lp_loader_free(&w.l);
		CHECK(want.over == 1 && want.err.sys == ECANCELED && fill.over == 1 &&
			      fill.err.sys == ECANCELED,
		      "free tells whoever waits: %s", want.err.msg);
		go_on();
	}
	end(&w);
}

struct reader {
	struct world *w;
	uint32_t seed;
	unsigned bad;
};

static void *read_at_random(void *of)
{
	struct reader *r = of;
	struct lp_err err;

	for (int i = 0; i < 300; i++) {
		uint64_t off = sample_random(&r->seed) % r->w->g.sample.plain.len;
		uint64_t bytes = sample_random(&r->seed) % 200000;

		r->bad += lp_loader_ensure(r->w->l, 0, off, bytes, &err) != 0 ||
			  !lp_device_ready(&r->w->g.device, off, bytes);
	}
	return NULL;
}

/* Everything at once; the bytes are right, and few of them come twice (asked for is more). */
static void check_storm(const struct sample_shape *shape)
{
	struct lp_registry_count came = {0};
	static struct loading_want fill;
	struct lp_fill_policy p = lp_fill_policy;
	struct reader reader[4];
	pthread_t thread[4];
	struct world w;

	p.buffers_max = 2 * MIB;
	p.piece = MIB / 4;
	if (begin(&w, shape, &p)) {
		loading_want_init(&fill, 0, 0, LP_BACKGROUND);
		lp_loader_background(w.l, &fill.want);
		for (uint32_t i = 0; i < 4; i++) {
			reader[i] = (struct reader){&w, i, 0};
			pthread_create(&thread[i], NULL, read_at_random, &reader[i]);
		}
		for (int i = 0; i < 4; i++) {
			pthread_join(thread[i], NULL);
			CHECK(!reader[i].bad, "reader %d", i);
		}
		CHECK(!loading_await(&fill) && loading_right(&w.g) == shape->nchunk,
		      "a storm, and all is right %s", fill.err.msg);
		settle(&w);
		lp_registry_count(w.r, &came);
		CHECK(came.body_bytes <= w.g.sample.blob.len + w.g.sample.blob.len / 20,
		      "%llu requests, %llu of %zu bytes", (unsigned long long)came.requests,
		      (unsigned long long)came.body_bytes, w.g.sample.blob.len);
	}
	end(&w);
}

int main(void)
{
	static const struct sample_shape few = {26, 10, 9000, 1, 512, &lp_codec_gzip};
	static const struct sample_shape shared = {23, 600, 9000, 5, 0, &lp_codec_zstd};
	static const struct sample_shape large = {24, 40, 2 * MIB, 10, 0, &lp_codec_gzip};
	static const struct sample_shape large_plain = {25, 24, 2 * MIB, 12, 0, &lp_codec_none};

	check_failing(&few);
	if (test_tortured())
		return test_done();
	check_fill();
	check_crowd();
	check_long();
	check_sequential();
	check_scan();
	check_prefetch();
	check_once();
	check_early();
	check_priority();
	check_background();
	check_wrong(1, &small_files);
	check_wrong(2, &small_files);
	check_wrong(1, &large_plain);
	check_wrong(2, &large_plain);
	check_failing(&small_files);
	check_stalling();
	check_free();
	check_storm(&shared);
	check_storm(&large);
	return test_done();
}
