// SPDX-License-Identifier: MIT
/* The queues of a registry: who goes first, and what becomes of everybody in the end. */
#include "fetch/registry.h"

#include "testing/server.h"
#include "testing/test.h"

#include <errno.h>

#define FETCHES 8
#define PIECE 1000u

static uint8_t blob[FETCHES * PIECE];

/* Requests wait here for a permit; the order in which they came. */
static struct gate {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned permits;
	unsigned came;
	size_t piece[2 * FETCHES];
	unsigned over, failed;		/* fetches */
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void reset_gate(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.permits = gate.came = gate.over = gate.failed = 0;
	pthread_mutex_unlock(&gate.lock);
}

static void permit(unsigned n)
{
	pthread_mutex_lock(&gate.lock);
	gate.permits += n;
	pthread_cond_broadcast(&gate.change);
	pthread_mutex_unlock(&gate.lock);
}

/* Until @n requests have come, or some fetch has failed so that they never will. */
static void wait_came(unsigned n)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.came < n && !gate.failed)
		pthread_cond_wait(&gate.change, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void wait_over(unsigned n)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.over < n)
		pthread_cond_wait(&gate.change, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

/* Piece 0 is answered at once. */
static void serve_behind_gate(struct test_request *q)
{
	size_t off, n;

	test_range(q, sizeof(blob), &off, &n);
	pthread_mutex_lock(&gate.lock);
	gate.piece[gate.came++] = off / PIECE;
	pthread_cond_broadcast(&gate.change);
	while (!gate.permits && off)
		pthread_cond_wait(&gate.change, &gate.lock);
	gate.permits -= off != 0;
	pthread_mutex_unlock(&gate.lock);
	test_serve(q, blob, sizeof(blob));
}

struct piece {
	struct lp_fetch f;
	uint8_t p[PIECE];
	unsigned done;
	enum lp_code code;
	int sys;
};

static void done(struct lp_fetch *f, enum lp_code code, const struct lp_err *err)
{
	struct piece *p = (struct piece *)f;

	pthread_mutex_lock(&gate.lock);
	p->done++;
	p->code = code;
	p->sys = code ? err->sys : 0;
	gate.over++;
	gate.failed += code != LP_OK;
	pthread_cond_broadcast(&gate.change);
	pthread_mutex_unlock(&gate.lock);
}

static void fetch(struct lp_registry *r, struct piece *p, size_t i, enum lp_priority priority)
{
	*p = (struct piece){.f = {.off = i * PIECE, .bytes = PIECE, .priority = priority,
				  .p = p->p, .done = done}};
	lp_digest_of(LP_SHA256, blob, sizeof(blob), &p->f.blob);
	lp_registry_fetch(r, &p->f);
}

static struct lp_registry *open_registry(const struct test_server *s)
{
	struct lp_registry_options o = {.connections = 3, .tries = 1};
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", s->port);
	return lp_registry_open(&r, &ref, &o, &err) ? NULL : r;
}

static void test_priorities(void)
{
	static struct piece p[FETCHES];
	struct test_server s;
	struct lp_registry *r;
	bool right = true;

	reset_gate();
	test_server_start(&s, serve_behind_gate, NULL);
	r = open_registry(&s);
	if (!r) {
		test_server_stop(&s);
		return;
	}
	for (size_t i = 1; i < 6; i++)
		fetch(r, &p[i], i, i < 4 ? LP_BACKGROUND : LP_PREFETCH);
	wait_came(2);
	fetch(r, &p[0], 0, LP_DEMAND);
	wait_over(1);
	CHECK(p[0].done == 1 && gate.came == 3 && gate.piece[2] == 0,
	      "demand has a connection of its own, the others have two");
	fetch(r, &p[6], 6, LP_DEMAND);
	fetch(r, &p[7], 7, LP_DEMAND);
	wait_came(4);
	lp_registry_hurry(r, &p[3].f, LP_DEMAND);
	lp_registry_hurry(r, &p[6].f, LP_DEMAND);
	permit(1);
	wait_came(5);
	permit(1);
	wait_came(6);
	permit(FETCHES);
	wait_over(FETCHES);
	CHECK(!gate.failed && gate.piece[3] == 6 && gate.piece[4] == 7 && gate.piece[5] == 3,
	      "demand goes first, and what was hurried behind it");
	for (size_t i = 0; i < FETCHES; i++)
		right = right && p[i].done == 1 && !memcmp(p[i].p, blob + i * PIECE, PIECE);
	CHECK(right, "every fetch is over once, with its bytes");
	lp_registry_free(&r);
	test_server_stop(&s);
}

static void test_free(void)
{
	static struct piece p[FETCHES];
	struct test_server s;
	struct lp_registry *r;
	bool once = true;

	reset_gate();
	test_server_start(&s, serve_behind_gate, NULL);
	r = open_registry(&s);
	if (r) {
		for (size_t i = 0; i < FETCHES - 1; i++)
			fetch(r, &p[i], i + 1, i % 2 ? LP_DEMAND : LP_PREFETCH);
		wait_came(1);
	}
	lp_registry_free(&r);
	CHECK(!r, "freed, and told so");
	for (size_t i = 0; i < FETCHES - 1 && gate.came; i++)
		once = once && p[i].done == 1 && p[i].code == LP_ESYSTEM &&
		       p[i].sys == ECANCELED;
	CHECK(once, "a free registry has ended each of its fetches once");
	permit(FETCHES);
	test_server_stop(&s);
}

static void test_nothing(void)
{
	static struct piece p;
	struct test_server s;
	struct lp_registry *r;

	reset_gate();
	test_server_start(&s, serve_behind_gate, NULL);
	r = open_registry(&s);
	if (r) {
		p = (struct piece){.f = {.done = done, .p = p.p}};
		lp_registry_fetch(r, &p.f);
		wait_over(1);
		CHECK(p.done == 1 && !p.code && !s.requests, "no bytes need no request");
	}
	lp_registry_free(&r);
	lp_registry_free(&r);
	test_server_stop(&s);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (uint8_t)(i / 7);
	test_priorities();
	test_free();
	test_nothing();
	return test_done();
}
