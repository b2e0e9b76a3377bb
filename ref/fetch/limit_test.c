// SPDX-License-Identifier: MIT
/* Limits: connections that are counted, and a rate that what is waited for is free of. */
#include "fetch/registry.h"

#include "testing/server.h"
#include "testing/test.h"

#define BLOB_BYTES ((size_t)2 << 20)	/* more than a stream's ring holds */
#define PIECE ((size_t)60 << 10)	/* sockets hold it */
#define STREAMS 6

static uint8_t blob[BLOB_BYTES];

static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned begun;			/* readers of streams */
	unsigned now, most;		/* requests that are being answered */
	unsigned sent;			/* ranges at the beginning of the blob */
	unsigned order;			/* of the ends of fetches */
} net = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void add(unsigned *what, int n)
{
	pthread_mutex_lock(&net.lock);
	*what += (unsigned)n;
	net.most = net.now > net.most ? net.now : net.most;
	pthread_cond_broadcast(&net.change);
	pthread_mutex_unlock(&net.lock);
}

static void await(const unsigned *what, unsigned n)
{
	pthread_mutex_lock(&net.lock);
	while (*what < n)
		pthread_cond_wait(&net.change, &net.lock);
	pthread_mutex_unlock(&net.lock);
}

/* No answer before everybody has asked, as far as they may. */
static void count_requests(struct test_request *q)
{
	add(&net.now, 1);
	await(&net.begun, STREAMS);
	/* Not one more when the last byte is there: the client may be faster than we are. */
	test_say(q, "200 OK\r\nContent-Length: %zu\r\n\r\n", BLOB_BYTES);
	test_send(q, blob, BLOB_BYTES - 1);
	add(&net.now, -1);
	test_send(q, blob + BLOB_BYTES - 1, 1);
}

/* The range behind the first one is answered when that has been sent. */
static void serve_in_turn(struct test_request *q)
{
	size_t off, n;

	test_range(q, BLOB_BYTES, &off, &n);
	if (off)
		await(&net.sent, 1);
	test_serve(q, blob, BLOB_BYTES);
	if (!off)
		add(&net.sent, 1);
}

static struct lp_registry *open_registry(const struct test_server *s,
					 const struct lp_registry_options *o)
{
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", s->port);
	return lp_registry_open(&r, &ref, o, &err) ? NULL : r;
}

static void *read_stream(void *of)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	struct lp_descriptor d = {.bytes = BLOB_BYTES, .digest = {.alg = LP_SHA256}};
	struct lp_reader *reader;
	struct lp_err err;
	uint8_t *p = malloc(BLOB_BYTES);
	bool ok = p && !lp_registry_source(of, &d, &s, &err) &&
		  !lp_source_stream(&s, &reader, &err);

	add(&net.begun, 1);
	ok = ok && !lp_read_full(reader, p, BLOB_BYTES, &err) && !memcmp(p, blob, BLOB_BYTES);
	free(p);
	return ok ? NULL : of;
}

static void test_connections(unsigned n)
{
	struct lp_registry_options o = {.connections = n};
	struct test_server server;
	struct lp_registry *r;
	pthread_t thread[STREAMS];
	unsigned bad = 0;
	void *failed;

	net.begun = net.now = net.most = 0;
	test_server_start(&server, count_requests, NULL);
	r = open_registry(&server, &o);
	for (size_t i = 0; i < STREAMS && r; i++)
		if (pthread_create(&thread[i], NULL, read_stream, r))
			abort();
	for (size_t i = 0; i < STREAMS && r; i++)
		bad += pthread_join(thread[i], &failed) || failed;
	if (r)
		CHECK(!bad && net.most < n, "%u streams at a time of %u connections", net.most,
		      n);
	lp_registry_free(&r);
	test_server_stop(&server);
}

/* A stream that waits for a connection can be given up. */
static void test_given_up(void)
{
	struct lp_registry_options o = {.connections = 2};
	struct lp_descriptor d = {.bytes = BLOB_BYTES, .digest = {.alg = LP_SHA256}};
	struct lp_source s[2] = {{.ops = NULL}};
	struct lp_reader *reader;
	struct test_server server;
	struct lp_registry *r;
	struct lp_err err;
	uint8_t p[100];

	net.begun = STREAMS;
	test_server_start(&server, count_requests, NULL);
	r = open_registry(&server, &o);
	if (r) {
		CHECK(!lp_registry_source(r, &d, &s[0], &err) &&
			      !lp_source_stream(&s[0], &reader, &err) &&
			      !lp_read_full(reader, p, sizeof(p), &err),
		      "a stream has the connection");
		CHECK(!lp_registry_source(r, &d, &s[1], &err) &&
			      !lp_source_stream(&s[1], &reader, &err),
		      "another one waits for it");
		lp_source_free(&s[1]);
		CHECK(server.requests == 1, "and is freed before its turn");
	}
	lp_source_free(&s[0]);
	lp_registry_free(&r);
	test_server_stop(&server);
}

struct piece {
	struct lp_fetch f;
	unsigned done;		/* the how-manieth it was; 0: not yet */
	enum lp_code code;
	uint8_t p[PIECE];
};

static void done(struct lp_fetch *f, enum lp_code code, const struct lp_err *err)
{
	struct piece *p = (struct piece *)f;

	(void)err;
	p->code = code;
	p->done = net.order + 1;
	add(&net.order, 1);
}

static void fetch(struct lp_registry *r, struct piece *p, size_t off, enum lp_priority priority)
{
	p->done = 0;
	p->f = (struct lp_fetch){.off = off, .bytes = PIECE, .priority = priority, .p = p->p,
				 .blob = {.alg = LP_SHA256}, .done = done};
	lp_registry_fetch(r, &p->f);
}

/* At 1 kB a second a minute passes: only who waits for nothing can be done first. */
static void test_rate(enum lp_priority priority)
{
	static struct piece low, demand;
	struct lp_registry_options o = {.rate = 1024};
	struct test_server server;
	struct lp_registry *r;

	net.sent = net.order = 0;
	test_server_start(&server, serve_in_turn, NULL);
	r = open_registry(&server, &o);
	if (r) {
		fetch(r, &low, 0, priority);
		fetch(r, &demand, PIECE, LP_DEMAND);
		await(&net.order, 1);
		CHECK(demand.done == 1 && !demand.code && !low.done,
		      "demand is free of the rate, the rest is not");
		lp_registry_hurry(r, &low.f, LP_DEMAND);
		await(&net.order, 2);
		CHECK(!low.code && !memcmp(low.p, blob, PIECE), "nor is what somebody waits for");
	}
	lp_registry_free(&r);
	test_server_stop(&server);
}

int main(void)
{
	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)((i * 2654435761u) >> 9);
	test_connections(2);
	test_connections(4);
	test_given_up();
	test_rate(LP_BACKGROUND);
	test_rate(LP_PREFETCH);
	return test_done();
}
