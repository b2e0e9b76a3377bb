// SPDX-License-Identifier: MIT
/* Streams whose readers are slow, stop early, or are many. */
#include "fetch/registry.h"

#include "testing/server.h"
#include "testing/test.h"

#define BLOB_BYTES ((size_t)6 << 20)	/* more than ring and sockets hold */
#define STREAMS 6

static uint8_t blob[BLOB_BYTES];

static void serve(struct test_request *q)
{
	test_serve(q, blob, BLOB_BYTES);
}

/* Breaks off after a megabyte, always. */
static void serve_a_while(struct test_request *q)
{
	size_t off, n, mib = (size_t)1 << 20;

	if (test_range(q, BLOB_BYTES, &off, &n))
		test_say(q, "206 Part\r\nContent-Range: bytes %zu-%zu/%zu\r\n", off, off + n - 1,
			 BLOB_BYTES);
	else
		test_say(q, "200 OK\r\n");
	test_say(q, "X: y\r\nContent-Length: %zu\r\n\r\n", n);
	test_send(q, blob + off, n < mib ? n : mib);
	q->close = n > mib;
}

static struct lp_registry *open_registry(const struct test_server *s)
{
	struct lp_registry_options o = {.tries = 2, .retry_ms = 1};
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", s->port);
	return lp_registry_open(&r, &ref, &o, &err) ? NULL : r;
}

static enum lp_code open_blob(struct lp_registry *r, struct lp_source *s, struct lp_err *err)
{
	struct lp_descriptor d = {.bytes = BLOB_BYTES};

	d.digest.alg = LP_SHA256; /* nobody looks at it here */
	return lp_registry_source(r, &d, s, err);
}

/* The rest of the stream, from byte @at on, in pieces of @piece; true: all bytes are right. */
static bool read_rest(struct lp_reader *r, size_t at, size_t piece)
{
	static uint8_t p[100000];
	struct lp_err err;
	size_t got;

	do {
		if (lp_read(r, p, piece, &got, &err) || got > BLOB_BYTES - at ||
		    memcmp(p, blob + at, got))
			return false;
		at += got;
	} while (got);
	return at == BLOB_BYTES;
}

static void test_pieces(test_handler *handle, const char *name)
{
	static const size_t pieces[] = {1013, 65536, 100000};
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	struct lp_reader *reader;
	struct test_server server;
	struct lp_registry *r;
	struct lp_err err = {0};

	test_server_start(&server, handle, NULL);
	r = open_registry(&server);
	if (r && !open_blob(r, &s, &err))
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
			if (!lp_source_stream(&s, &reader, &err))
				CHECK(read_rest(reader, 0, pieces[i]), "%s, in pieces of %zu", name,
				      pieces[i]);
	lp_source_free(&s);
	lp_registry_free(&r);
	test_server_stop(&server);
}

/* Streams that nobody reads hold up neither each other nor a range. */
static void test_many(void)
{
	struct lp_source s[STREAMS] = {0};
	struct lp_reader *reader[STREAMS];
	struct test_server server;
	struct lp_registry *r;
	struct lp_err err = {0};
	bool ok = true;
	uint8_t p[100];

	test_server_start(&server, serve, NULL);
	r = open_registry(&server);
	for (size_t i = 0; i < STREAMS && r && ok; i++)
		ok = !open_blob(r, &s[i], &err) && !lp_source_stream(&s[i], &reader[i], &err) &&
		     !lp_read_full(reader[i], p, 100, &err) && !memcmp(p, blob, 100);
	if (r && ok) {
		CHECK(!lp_source_read(&s[0], 5000, p, 100, &err) && !memcmp(p, blob + 5000, 100),
		      "a range beside %d streams: %s", STREAMS, err.msg);
		CHECK(read_rest(reader[STREAMS - 1], 100, 100000), "the last stream");
		CHECK(read_rest(reader[0], 100, 100000), "the first stream");
		CHECK(!lp_source_stream(&s[1], &reader[1], &err) && read_rest(reader[1], 0, 100000),
		      "one that begins again");
	}
	for (size_t i = 0; i < STREAMS; i++)
		lp_source_free(&s[i]);
	CHECK(true, "streams that are not read to their end are freed");
	lp_registry_free(&r);
	test_server_stop(&server);
}

static void test_empty(void)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	struct lp_descriptor d = {0};
	struct lp_reader *reader;
	struct test_server server;
	struct lp_registry *r;
	struct lp_err err = {0};
	uint8_t p[1];
	size_t got = 1;

	d.digest.alg = LP_SHA256;
	test_server_start(&server, serve, NULL);
	r = open_registry(&server);
	if (r && !lp_registry_source(r, &d, &s, &err) && !lp_source_stream(&s, &reader, &err))
		CHECK(lp_read(reader, p, 1, &got, &err) == LP_EFORMAT,
		      "a blob of no bytes that has some: %s", err.msg);
	lp_source_free(&s);
	lp_registry_free(&r);
	test_server_stop(&server);
}

int main(void)
{
	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)((i * 2654435761u) >> 17);
	test_pieces(serve, "a good server");
	test_pieces(serve_a_while, "a server that breaks off");
	test_many();
	test_empty();
	return test_done();
}
