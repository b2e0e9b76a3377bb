// SPDX-License-Identifier: MIT
/* Long transfers: what they need runs out in the middle, again and again. */
#include "fetch/registry.h"

#include "testing/server.h"
#include "testing/test.h"

#define BLOB_BYTES 400000u
#define STEP 20000u	/* bytes of a body after which a connection breaks */
#define SOME 100u	/* bytes of a short transfer */
#define TURNS 3

static uint8_t blob[BLOB_BYTES];

/* Send what is asked for, or the first @most bytes of it and then nothing more. */
static void serve_part(struct test_request *q, size_t most)
{
	char length[60];
	size_t off, n;

	if (test_range(q, BLOB_BYTES, &off, &n))
		test_say(q, "206 Part\r\nContent-Range: bytes %zu-%zu/%u\r\n", off, off + n - 1,
			 BLOB_BYTES);
	else
		test_say(q, "200 OK\r\n");
	test_send(q, length, (size_t)snprintf(length, sizeof(length),
					      "Content-Length: %zu\r\n\r\n", n));
	test_send(q, blob + off, n < most ? n : most);
	q->close = n > most;
}

/* Tokens, each good for one request; bodies break. */
static struct {
	struct test_server registry, storage, mirror;
	_Atomic unsigned token, used;	/* the latest that was given, and that was taken */
	pthread_mutex_t lock;		/* of the following four */
	pthread_cond_t change;
	unsigned signature, dead;	/* the latest URL; those up to this one have expired */
	unsigned bodies, others;	/* begun by the long transfer; other ones that are over */
	_Atomic uint64_t mirror_bytes, origin_bytes;
	char range[60];			/* of the latest request at the origin */
} w = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void want_token(struct test_request *q)
{
	char value[100], fields[300];
	unsigned n = 0;

	if (!strncmp(q->target, "/token", 6)) {
		snprintf(value, sizeof(value), "{\"token\":\"%u\"}", ++w.token);
		test_reply(q, "200 OK", "", value, strlen(value));
		return;
	}
	if (test_field(q, "Authorization", value, sizeof(value)))
		sscanf(value, "Bearer %u", &n);
	if (n && n == w.token && w.used != n) {
		w.used = n;
		serve_part(q, STEP);
		return;
	}
	snprintf(fields, sizeof(fields),
		 "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%u/token\"\r\n",
		 w.registry.port);
	test_reply(q, "401 Unauthorized", fields, "", 0);
}

/* A registry that redirects to URLs that expire. */
static void redirect(struct test_request *q)
{
	char fields[200];

	pthread_mutex_lock(&w.lock);
	snprintf(fields, sizeof(fields), "Location: http://127.0.0.1:%u/x?sig=%u\r\n",
		 w.storage.port, ++w.signature);
	pthread_mutex_unlock(&w.lock);
	test_reply(q, "307 Temporary Redirect", fields, "", 0);
}

/* A body of the long transfer breaks only when somebody else's URL has expired meanwhile. */
static void serve_signed(struct test_request *q)
{
	unsigned n = 0, turn = 0;
	size_t off, bytes;
	bool good;

	sscanf(q->target, "/x?sig=%u", &n);
	test_range(q, BLOB_BYTES, &off, &bytes);
	pthread_mutex_lock(&w.lock);
	good = n > w.dead && n <= w.signature;
	if (good && bytes > SOME) {
		turn = ++w.bodies;
		pthread_cond_broadcast(&w.change);
	}
	while (turn && turn <= TURNS && w.others < turn)
		pthread_cond_wait(&w.change, &w.lock);
	pthread_mutex_unlock(&w.lock);
	if (good)
		serve_part(q, turn > TURNS ? BLOB_BYTES : STEP);
	else
		test_reply(q, "403 Forbidden", "", "", 0);
}

/* A mirror that dies in the middle of its first body. */
static void die_half_way(struct test_request *q)
{
	size_t off, n;

	test_range(q, BLOB_BYTES, &off, &n);
	w.mirror_bytes += n / 2;
	serve_part(q, n / 2);
}

static void serve_origin(struct test_request *q)
{
	size_t off, n;

	test_range(q, BLOB_BYTES, &off, &n);
	w.origin_bytes += n;
	test_field(q, "Range", w.range, sizeof(w.range));
	test_serve(q, blob, BLOB_BYTES);
}

static struct lp_registry *open_registry(const char *mirror)
{
	struct lp_registry_options o = {.tries = 3, .retry_ms = 1, .mirror = mirror};
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", w.registry.port);
	return lp_registry_open(&r, &ref, &o, &err) ? NULL : r;
}

static enum lp_code open_blob(struct lp_registry *r, struct lp_source *s, struct lp_err *err)
{
	struct lp_descriptor d = {.bytes = BLOB_BYTES};

	lp_digest_of(LP_SHA256, blob, BLOB_BYTES, &d.digest);
	return lp_registry_source(r, &d, s, err);
}

/* The whole blob, as one range or as a stream. */
static enum lp_code read_all(struct lp_registry *r, bool stream, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	uint8_t *p = malloc(BLOB_BYTES);
	struct lp_reader *reader;
	enum lp_code code = p ? open_blob(r, &s, err) : LP_ESYSTEM;

	if (!code && stream)
		code = lp_source_stream(&s, &reader, err) ? err->code
							  : lp_read_full(reader, p, BLOB_BYTES, err);
	else if (!code)
		code = lp_source_read(&s, 0, p, BLOB_BYTES, err);
	if (!code && memcmp(p, blob, BLOB_BYTES))
		code = lp_fail(err, LP_EDIGEST, LP_NO_OFFSET, NULL, "other bytes");
	free(p);
	return code;
}

static void test_tokens(bool stream)
{
	struct lp_registry *r;
	struct lp_err err = {0};

	w.token = w.used = 0;
	test_server_start(&w.registry, want_token, NULL);
	r = open_registry(NULL);
	if (r) {
		CHECK(!read_all(r, stream, &err), "a blob for many tokens: %s", err.msg);
		CHECK(w.token == BLOB_BYTES / STEP, "each renewed once: %u", w.token);
	}
	lp_registry_free(&r);
	test_server_stop(&w.registry);
}

struct reading {
	struct lp_registry *r;
	struct lp_err err;
};

static void *read_one(void *of)
{
	struct reading *x = of;
	enum lp_code code = read_all(x->r, false, &x->err);

	pthread_mutex_lock(&w.lock);
	w.bodies = TURNS; /* nobody is to wait for more of them */
	pthread_cond_broadcast(&w.change);
	pthread_mutex_unlock(&w.lock);
	return code ? x : NULL;
}

static void expire(void)
{
	pthread_mutex_lock(&w.lock);
	w.dead = w.signature;
	pthread_mutex_unlock(&w.lock);
}

/* While body @turn of the long transfer comes: a short one, which leaves a URL that expires. */
static enum lp_code read_beside(struct lp_registry *r, unsigned turn, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	enum lp_code code;
	uint8_t p[SOME];

	pthread_mutex_lock(&w.lock);
	while (w.bodies < turn)
		pthread_cond_wait(&w.change, &w.lock);
	pthread_mutex_unlock(&w.lock);
	expire();
	code = open_blob(r, &s, err) ? err->code : lp_source_read(&s, 5, p, SOME, err);
	expire();
	pthread_mutex_lock(&w.lock);
	w.others = turn;
	pthread_cond_broadcast(&w.change);
	pthread_mutex_unlock(&w.lock);
	return code;
}

static void test_signed_urls(void)
{
	struct reading x = {.r = NULL};
	struct lp_err err = {0};
	pthread_t thread;
	void *failed;

	test_server_start(&w.registry, redirect, NULL);
	test_server_start(&w.storage, serve_signed, NULL);
	x.r = open_registry(NULL);
	if (x.r && !pthread_create(&thread, NULL, read_one, &x)) {
		for (unsigned turn = 1; turn <= TURNS; turn++)
			CHECK(!read_beside(x.r, turn, &err), "URL %u: %s", turn, err.msg);
		pthread_join(thread, &failed);
		CHECK(!failed, "a transfer that finds expired URLs %d times: %s", TURNS,
		      x.err.msg);
	}
	lp_registry_free(&x.r);
	test_server_stop(&w.registry);
	test_server_stop(&w.storage);
}

static void test_mirror(bool stream)
{
	struct lp_registry *r;
	struct lp_err err = {0};
	char url[100];

	w.mirror_bytes = w.origin_bytes = 0;
	test_server_start(&w.registry, serve_origin, NULL);
	test_server_start(&w.mirror, die_half_way, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", w.mirror.port);
	r = open_registry(url);
	if (r) {
		CHECK(!read_all(r, stream, &err) && w.mirror.requests == 1 &&
			      w.registry.requests == 1,
		      "a mirror dies half-way: %s", err.msg);
		CHECK(w.mirror_bytes + w.origin_bytes == BLOB_BYTES &&
			      !strcmp(w.range, "bytes=200000-399999"),
		      "the registry is asked for the rest, nothing comes twice: %s", w.range);
	}
	lp_registry_free(&r);
	test_server_stop(&w.registry);
	test_server_stop(&w.mirror);
}

int main(void)
{
	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)((i * 2654435761u) >> 13);
	setenv("DOCKER_CONFIG", "/nonexistent", 1);
	test_tokens(false);
	test_tokens(true);
	test_signed_urls();
	test_mirror(false);
	test_mirror(true);
	return test_done();
}
