// SPDX-License-Identifier: MIT
/* Stretches: one request for many fetches, which waits for them, and for whatever is urgent. */
#include "fetch/registry.h"

#include "testing/server.h"
#include "testing/test.h"

#include <errno.h>

#define PIECES 8
#define PIECE 6000u
#define GAP 1000u			/* bytes between two pieces */
#define STEP (PIECE + GAP)
#define BLOB_BYTES (PIECES * STEP)
#define REACH (BLOB_BYTES - GAP)

static uint8_t blob[BLOB_BYTES];

/* What the server does, and what has happened; one lock for all of it. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool hold;		/* bodies of stretches stop behind their first piece until it is false */
	bool hold_demand;	/* other ones are not begun until it is false */
	size_t cut;		/* the first body breaks off after so many bytes; 0: it does not */
	const char *status;	/* of every answer, or NULL */
	unsigned demands;	/* requests that came for a piece alone */
	unsigned stretches;	/* bodies of stretches that were sent to their end */
	unsigned order;		/* of the ends of fetches */
	uint64_t sent;
} net = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void await(const bool *held)
{
	pthread_mutex_lock(&net.lock);
	while (*held)
		pthread_cond_wait(&net.change, &net.lock);
	pthread_mutex_unlock(&net.lock);
}

static void release(bool *held)
{
	pthread_mutex_lock(&net.lock);
	*held = false;
	pthread_cond_broadcast(&net.change);
	pthread_mutex_unlock(&net.lock);
}

static void count(unsigned *what)
{
	pthread_mutex_lock(&net.lock);
	++*what;
	pthread_cond_broadcast(&net.change);
	pthread_mutex_unlock(&net.lock);
}

static void await_count(const unsigned *what, unsigned n)
{
	pthread_mutex_lock(&net.lock);
	while (*what < n)
		pthread_cond_wait(&net.change, &net.lock);
	pthread_mutex_unlock(&net.lock);
}

static void send_stretch(struct test_request *q, size_t off, size_t n)
{
	size_t first = n < PIECE ? n : PIECE, end = !q->n && net.cut ? net.cut : n;

	test_say(q, "206 Part\r\nContent-Range: bytes %zu-%zu/%u\r\nContent-Length: %zu\r\n\r\n",
		 off, off + n - 1, BLOB_BYTES, n);
	test_send(q, blob + off, first);
	await(&net.hold);
	test_send(q, blob + off + first, end - first);
	q->close = q->close || end < n;
	net.sent += end;
	count(&net.stretches);
}

static void serve(struct test_request *q)
{
	size_t off, n;

	test_range(q, BLOB_BYTES, &off, &n);
	if (net.status) {
		test_reply(q, net.status, "", "", 0);
	} else if (n > PIECE) {
		send_stretch(q, off, n);
	} else {
		count(&net.demands);
		await(&net.hold_demand);
		test_serve(q, blob, BLOB_BYTES);
	}
}

struct piece {
	struct lp_fetch f;
	uint8_t p[PIECE];
	unsigned done;		/* the how-manieth it was; 0: not yet */
	enum lp_code code;
	int sys;
};

static void done(struct lp_fetch *f, enum lp_code code, const struct lp_err *err)
{
	struct piece *p = (struct piece *)f;

	pthread_mutex_lock(&net.lock);
	p->done = ++net.order;
	p->code = code;
	p->sys = code ? err->sys : 0;
	pthread_cond_broadcast(&net.change);
	pthread_mutex_unlock(&net.lock);
}

static void fetch(struct lp_registry *r, struct piece *p, size_t i, enum lp_priority priority)
{
	*p = (struct piece){.f = {.off = i * STEP, .bytes = PIECE, .priority = priority, .p = p->p,
				  .done = done}};
	if (priority == LP_BACKGROUND)
		p->f.reach = REACH - i * STEP;
	lp_digest_of(LP_SHA256, blob, BLOB_BYTES, &p->f.blob);
	lp_registry_fetch(r, &p->f);
}

static bool right(const struct piece *p)
{
	return p->done && !p->code && !memcmp(p->p, blob + p->f.off, PIECE);
}

struct world {
	struct test_server server;
	struct lp_registry *r;
	struct piece p[PIECES];
};

static bool begin(struct world *w)
{
	struct lp_registry_options o = {.connections = 2, .tries = 2, .retry_ms = 1,
					.stall_ms = 2000};
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_err err;

	net.hold = net.hold_demand = false;
	net.cut = 0;
	net.status = NULL;
	net.demands = net.stretches = net.order = 0;
	net.sent = 0;
	*w = (struct world){.r = NULL};
	test_server_start(&w->server, serve, NULL);
	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", w->server.port);
	return !lp_registry_open(&w->r, &ref, &o, &err);
}

static void end(struct world *w)
{
	lp_registry_free(&w->r);
	release(&net.hold);
	release(&net.hold_demand);
	test_server_stop(&w->server);
}

static bool all_right(const struct world *w)
{
	bool ok = true;

	for (size_t i = 0; i < PIECES; i++)
		ok = ok && right(&w->p[i]);
	return ok;
}

/* One after the other, as a loader does whose memory is short, or all at once. */
static void test_one_request(bool at_once, size_t cut)
{
	struct world w;

	if (begin(&w)) {
		net.cut = cut;
		for (unsigned i = 0; i < PIECES; i++) {
			fetch(w.r, &w.p[i], i, LP_BACKGROUND);
			if (!at_once)
				await_count(&net.order, i + 1);
		}
		await_count(&net.order, PIECES);
		CHECK(all_right(&w) && w.server.requests == 1 + (cut > 0),
		      "%u pieces by %u requests", net.order, w.server.requests);
	}
	end(&w);
	CHECK(net.sent == REACH, "each byte once: %llu", (unsigned long long)net.sent);
}

/* The answer waits for a fetch; a fetch somewhere else, or none for ever, ends it. */
static void test_left(void)
{
	struct world w;

	if (begin(&w)) {
		fetch(w.r, &w.p[0], 0, LP_BACKGROUND);
		await_count(&net.order, 1);
		CHECK(right(&w.p[0]) && w.server.requests == 1, "the first piece of a stretch");
		fetch(w.r, &w.p[5], 5, LP_BACKGROUND);
		await_count(&net.order, 2);
		fetch(w.r, &w.p[6], 6, LP_BACKGROUND);
		await_count(&net.order, 3);
		CHECK(right(&w.p[5]) && right(&w.p[6]) && w.server.requests == 2,
		      "another stretch takes its slot");
		lp_registry_leave(w.r, &w.p[0].f.blob);
		fetch(w.r, &w.p[1], 1, LP_PREFETCH);
		fetch(w.r, &w.p[2], 2, LP_PREFETCH);
		await_count(&net.order, 5);
		CHECK(right(&w.p[1]) && right(&w.p[2]), "and others when it is left");
	}
	end(&w);
}

/* Others do not wait for a stretch that nobody goes on with. */
static void test_others(void)
{
	struct world w;

	if (begin(&w)) {
		fetch(w.r, &w.p[0], 0, LP_BACKGROUND);
		await_count(&net.order, 1);
		fetch(w.r, &w.p[4], 4, LP_PREFETCH);
		await_count(&net.order, 2);
		CHECK(right(&w.p[4]), "prefetch gets the slot of a stretch");
		fetch(w.r, &w.p[5], 5, LP_BACKGROUND);
		await_count(&net.order, 3);
		w.p[6].f = w.p[5].f;
		w.p[6].f.p = w.p[6].p;
		w.p[6].f.blob.b[0] ^= 1; /* the server does not mind */
		lp_registry_fetch(w.r, &w.p[6].f);
		await_count(&net.order, 4);
		CHECK(right(&w.p[5]) && right(&w.p[6]), "and so does one of another blob");
	}
	end(&w);
}

/* Its body is held until the demand came, and goes on only when that is over. */
static void test_demand(void)
{
	struct world w;

	if (begin(&w)) {
		net.hold = net.hold_demand = true;
		fetch(w.r, &w.p[0], 0, LP_BACKGROUND);
		fetch(w.r, &w.p[1], 1, LP_BACKGROUND);
		await_count(&net.order, 1);
		fetch(w.r, &w.p[6], 6, LP_DEMAND);
		await_count(&net.demands, 1);
		CHECK(true, "demand is asked for while a long body is on its way");
		/* All of the body is sent before the first byte for the demand is. */
		release(&net.hold);
		await_count(&net.stretches, 1);
		release(&net.hold_demand);
		await_count(&net.order, 3);
		CHECK(right(&w.p[1]) && right(&w.p[6]) && w.p[6].done < w.p[1].done,
		      "and is over first: %u, %u", w.p[6].done, w.p[1].done);
		CHECK(w.server.requests == 2, "in two requests");
	}
	end(&w);
}

/* What somebody waits for in a stretch does not yield. */
static void test_hurry(void)
{
	struct world w;

	if (begin(&w)) {
		net.hold_demand = true;
		fetch(w.r, &w.p[0], 0, LP_BACKGROUND);
		await_count(&net.order, 1);
		fetch(w.r, &w.p[6], 6, LP_DEMAND);
		await_count(&net.demands, 1);
		fetch(w.r, &w.p[1], 1, LP_BACKGROUND);
		lp_registry_hurry(w.r, &w.p[1].f, LP_DEMAND);
		await_count(&net.order, 2);
		CHECK(right(&w.p[1]) && !w.p[6].done, "it passes a demand that is held up");
		release(&net.hold_demand);
		await_count(&net.order, 3);
		CHECK(right(&w.p[6]), "which comes as well");
	}
	end(&w);
}

static void test_failure(void)
{
	struct world w;

	if (begin(&w)) {
		net.status = "404 Not Found";
		fetch(w.r, &w.p[0], 0, LP_BACKGROUND);
		fetch(w.r, &w.p[1], 1, LP_BACKGROUND);
		await_count(&net.order, 2);
		CHECK(w.p[0].code == LP_EMISSING && w.p[1].code == LP_EMISSING,
		      "all fetches of a stretch fail with it");
		net.status = NULL;
		fetch(w.r, &w.p[1], 1, LP_BACKGROUND);
		await_count(&net.order, 3);
		CHECK(right(&w.p[1]), "and the next one begins a new one");
	}
	end(&w);
}

static void test_free(void)
{
	struct world w;

	if (begin(&w)) {
		net.hold = true;
		fetch(w.r, &w.p[0], 0, LP_BACKGROUND);
		fetch(w.r, &w.p[1], 1, LP_BACKGROUND);
		fetch(w.r, &w.p[2], 2, LP_BACKGROUND);
		await_count(&net.order, 1);
		lp_registry_free(&w.r);
		CHECK(net.order == 3 && w.p[1].sys == ECANCELED && w.p[2].sys == ECANCELED,
		      "a free registry has ended each of its fetches");
	}
	end(&w);
}

int main(void)
{
	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)((i * 2654435761u) >> 11);
	test_one_request(true, 0);
	test_one_request(false, 0);
	test_one_request(true, 20000);
	test_one_request(false, 20000);
	test_left();
	test_others();
	test_demand();
	test_hurry();
	test_failure();
	test_free();
	return test_done();
}
