// SPDX-License-Identifier: MIT
/* Ranges and streams against a server that misbehaves in one way at a time. */
#include "fetch/engine.h"

#include "base/log.h"
#include "testing/server.h"
#include "testing/test.h"

#include <poll.h>

#define BLOB_BYTES 200000u
#define OFF 70000u
#define BYTES 50000u

static uint8_t blob[BLOB_BYTES];

static void fill_blob(void)
{
	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)((i * 2654435761u) >> 13);
}

static void serve_well(struct test_request *q)
{
	test_serve(q, blob, BLOB_BYTES);
}

/* Handlers: each does one thing wrong, most of them only the first time. */

static void status_500_once(struct test_request *q)
{
	if (q->n)
		serve_well(q);
	else
		test_reply(q, "500 Oops", "", "no", 2);
}

static void status_429_once(struct test_request *q)
{
	if (q->n)
		serve_well(q);
	else
		test_reply(q, "429 Too Many Requests", "Retry-After: 1\r\n", "", 0);
}

static void status_429_soon(struct test_request *q)
{
	if (q->n)
		serve_well(q);
	else
		test_reply(q, "429 Too Many Requests", "Retry-After: soon\r\n", "", 0);
}

static void status_429_for_long(struct test_request *q)
{
	test_reply(q, "429 Too Many Requests", "Retry-After: 86400\r\n", "", 0);
}

static void status_500_always(struct test_request *q)
{
	test_reply(q, "503 Oops", "", "", 0);
}

static void status_404(struct test_request *q)
{
	static const char text[] = "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"a\\nb\"}]}";

	test_reply(q, "404 Not Found", "", text, sizeof(text) - 1);
}

static void status_416(struct test_request *q)
{
	test_reply(q, "416 Range Not Satisfiable", "Content-Range: bytes */5\r\n", "", 0);
}

static void short_bodies(struct test_request *q)
{
	size_t off, n;

	if (!test_range(q, BLOB_BYTES, &off, &n))
		off = 0;
	test_say(q, "%s\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%zu/%u\r\n\r\n",
		 off || n < BLOB_BYTES ? "206 Part" : "200 OK", n, off, off + n - 1, BLOB_BYTES);
	test_send(q, blob + off, n < 20000 ? n : 20000);
	q->close = n > 20000;
}

/* A complete answer, but with fewer bytes than were asked for: legal, RFC 9110, 15.3.7. */
static void smaller_parts(struct test_request *q)
{
	char fields[100];
	size_t off, n;

	test_range(q, BLOB_BYTES, &off, &n);
	n = n < 20000 ? n : 20000;
	snprintf(fields, sizeof(fields), "Content-Range: bytes %zu-%zu/*\r\n", off, off + n - 1);
	test_reply(q, "206 Part", fields, blob + off, n);
}

static void reset_once(struct test_request *q)
{
	size_t off, n;

	if (q->n) {
		serve_well(q);
		return;
	}
	test_range(q, BLOB_BYTES, &off, &n);
	test_say(q, "%s\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%zu/%u\r\n\r\n",
		 n < BLOB_BYTES ? "206 Part" : "200 OK", n, off, off + n - 1, BLOB_BYTES);
	test_send(q, blob + off, 30000);
	test_reset(q);
}

static void stall_once(struct test_request *q)
{
	if (q->n)
		serve_well(q);
	else
		test_wait_gone(q);
}

static void stall_in_body(struct test_request *q)
{
	size_t off, n;

	if (q->n) {
		serve_well(q);
		return;
	}
	test_range(q, BLOB_BYTES, &off, &n);
	test_say(q, "%s\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%zu/%u\r\n\r\n",
		 n < BLOB_BYTES ? "206 Part" : "200 OK", n, off, off + n - 1, BLOB_BYTES);
	test_send(q, blob + off, 10000);
	test_wait_gone(q);
}

static void stall_always(struct test_request *q)
{
	test_wait_gone(q);
}

static void close_always(struct test_request *q)
{
	q->close = true;
}

static void whole_for_range(struct test_request *q)
{
	test_reply(q, "200 OK", "", blob, BLOB_BYTES);
}

static void whole_unknown_length(struct test_request *q)
{
	test_say(q, "200 OK\r\nConnection: close\r\n\r\n");
	test_send(q, blob, BLOB_BYTES);
	q->close = true;
}

static void whole_wrong_length(struct test_request *q)
{
	test_reply(q, "200 OK", "", blob, BLOB_BYTES - 1);
}

static void whole_too_long(struct test_request *q)
{
	test_say(q, "200 OK\r\nConnection: close\r\n\r\n");
	test_send(q, blob, BLOB_BYTES);
	test_send(q, "x", 1);
	q->close = true;
}

/* 206 with what server->state says as its Content-Range; the right bytes, as it happens. */
static void content_range(struct test_request *q)
{
	size_t off, n;

	test_range(q, BLOB_BYTES, &off, &n);
	test_reply(q, "206 Part", q->server->state, blob + off, n);
}

static void content_range_once(struct test_request *q)
{
	if (q->n)
		serve_well(q);
	else
		content_range(q);
}

static void encoded(struct test_request *q)
{
	test_reply(q, "206 Part", "Content-Encoding: gzip\r\n", blob, BYTES);
}

static void part_for_whole(struct test_request *q)
{
	test_reply(q, "206 Part", "Content-Range: bytes 0-199999/200000\r\n", blob, BLOB_BYTES);
}

static void longer_part(struct test_request *q)
{
	test_say(q, "206 Part\r\nContent-Range: bytes %u-%u/*\r\nConnection: close\r\n\r\n", OFF,
		 OFF + BYTES - 1);
	test_send(q, blob + OFF, BYTES + 1);
	q->close = true;
}

static void send_chunked(struct test_request *q, const uint8_t *p, size_t n, bool end)
{
	char line[20];

	for (size_t i = 0; i < n; i += 5000) {
		test_send(q, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n",
						    n - i < 5000 ? n - i : 5000));
		test_send(q, p + i, n - i < 5000 ? n - i : 5000);
		test_send(q, "\r\n", 2);
	}
	if (end)
		test_send(q, "0\r\n\r\n", 5);
	else
		q->close = true;
}

static void chunked(struct test_request *q)
{
	size_t off, n;

	if (test_range(q, BLOB_BYTES, &off, &n))
		test_say(q, "206 Part\r\nContent-Range: bytes %zu-%zu/%u\r\n", off, off + n - 1,
			 BLOB_BYTES);
	else
		test_say(q, "200 OK\r\n");
	test_send(q, "Transfer-Encoding: chunked\r\n\r\n", 30);
	send_chunked(q, blob + off, q->n ? n : 30000, q->n);
}

static void trickle(struct test_request *q)
{
	size_t off, n;

	test_range(q, BLOB_BYTES, &off, &n);
	test_say(q, "%s\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%zu/%u\r\n\r\n",
		 n < BLOB_BYTES ? "206 Part" : "200 OK", n, off, off + n - 1, BLOB_BYTES);
	for (size_t i = 0; i < n && !q->close; i++) {
		test_send(q, blob + off + i, 1);
		poll(NULL, 0, 2);
	}
}

static void endless_head(struct test_request *q)
{
	test_say(q, "200 OK\r\n");
	while (!q->close)
		test_send(q, "X-Field: something rather long to make it go faster\r\n", 53);
}

static void endless_line(struct test_request *q)
{
	test_say(q, "200 OK\r\nX-Field: ");
	while (!q->close)
		test_send(q, "something rather long to make it go faster", 42);
}

static void endless_continue(struct test_request *q)
{
	while (!q->close)
		test_say(q, "100 Continue\r\n\r\n");
}

static void not_http(struct test_request *q)
{
	test_send(q, "SSH-2.0-x\r\n", 11);
	q->close = true;
}

/* Is the request as it should be? */
static void proper_request(struct test_request *q)
{
	char v[300];

	CHECK(!strcmp(q->method, "GET"), "a GET, no HEAD");
	CHECK(test_field(q, "Accept-Encoding", v, sizeof(v)) && !strcmp(v, "identity"),
	      "identity is asked for");
	CHECK(test_field(q, "User-Agent", v, sizeof(v)) && !strncmp(v, "lazypull/", 9),
	      "User-Agent says who we are");
	CHECK(!test_field(q, "Authorization", v, sizeof(v)), "nothing is told that was not asked");
	CHECK(test_field(q, "Range", v, sizeof(v)) && !strcmp(v, "bytes=70000-119999"),
	      "the range that was wanted");
	CHECK(!strncmp(q->target, "/v2/some/name/blobs/sha256:", 27), "the blob's path");
	serve_well(q);
}

#define RANGE_RULE "registry.range.content-range"
#define CR(what) "Content-Range: " what "\r\n"

static const struct scenario {
	const char *name;
	test_handler *handle;
	const char *state;
	enum lp_code range, stream;	/* what comes of it */
	unsigned requests;		/* of the range; 0: do not care */
	const char *rule;
	int sys;
} scenarios[] = {
	{"a good server", serve_well, NULL, LP_OK, LP_OK, 1, NULL, 0},
	{"500 once", status_500_once, NULL, LP_OK, LP_OK, 2, NULL, 0},
	{"503 always", status_500_always, NULL, LP_EREMOTE, LP_EREMOTE, 3, NULL, 503},
	{"429 without a time", status_429_soon, NULL, LP_OK, LP_OK, 2, NULL, 0},
	{"429 for a day", status_429_for_long, NULL, LP_EREMOTE, LP_EREMOTE, 1, NULL, 429},
	{"404", status_404, NULL, LP_EMISSING, LP_EMISSING, 1, NULL, 404},
	{"416", status_416, NULL, LP_EREMOTE, LP_EREMOTE, 1, NULL, 416},
	{"short bodies", short_bodies, NULL, LP_OK, LP_OK, 3, NULL, 0},
	{"smaller parts", smaller_parts, NULL, LP_OK, LP_EREMOTE, 3, RANGE_RULE, 0},
	{"chunks, the first time broken", chunked, NULL, LP_OK, LP_OK, 2, NULL, 0},
	{"a trickle", trickle, NULL, LP_EREMOTE, LP_EREMOTE, 3, "registry.transport.stall", 0},
	{"an endless head", endless_head, NULL, LP_EREMOTE, LP_EREMOTE, 0, NULL, 0},
	{"an endless line", endless_line, NULL, LP_EREMOTE, LP_EREMOTE, 0, NULL, 0},
	{"an endless 100 Continue", endless_continue, NULL, LP_EREMOTE, LP_EREMOTE, 0, NULL, 0},
	{"another protocol", not_http, NULL, LP_EREMOTE, LP_EREMOTE, 0, NULL, 0},
	{"a reset", reset_once, NULL, LP_OK, LP_OK, 2, NULL, 0},
	{"a stall", stall_once, NULL, LP_OK, LP_OK, 2, NULL, 0},
	{"a stall in a body", stall_in_body, NULL, LP_OK, LP_OK, 2, NULL, 0},
	{"stalls", stall_always, NULL, LP_EREMOTE, LP_EREMOTE, 3, "registry.transport.stall", 0},
	{"closed connections", close_always, NULL, LP_EREMOTE, LP_EREMOTE, 0, NULL, 0},
	{"the whole for a range", whole_for_range, NULL, LP_OK, LP_OK, 1, NULL, 0},
	{"the whole, length unknown", whole_unknown_length, NULL, LP_OK, LP_OK, 1, NULL, 0},
	{"a shorter whole", whole_wrong_length, NULL, LP_ESHORT, LP_ESHORT, 3, "registry.blob.bytes",
	 0},
	{"a longer whole", whole_too_long, NULL, LP_OK, LP_EFORMAT, 1, "registry.blob.bytes", 0},
	{"another length in a range", content_range, CR("bytes 70000-119999/200001"), LP_EREMOTE,
	 LP_EREMOTE, 3, RANGE_RULE, 0},
	{"a shifted range", content_range, CR("bytes 70001-120000/200000"), LP_EREMOTE, LP_EREMOTE,
	 3, RANGE_RULE, 0},
	{"a shifted range once", content_range_once, CR("bytes 70001-120000/200000"), LP_OK, LP_OK,
	 2, NULL, 0},
	{"a longer range", content_range, CR("bytes 70000-120000/200000"), LP_EREMOTE, LP_EREMOTE,
	 3, RANGE_RULE, 0},
	{"no Content-Range", content_range, "", LP_EREMOTE, LP_EREMOTE, 3, RANGE_RULE, 0},
	{"two Content-Ranges", content_range,
	 CR("bytes 70000-119999/200000") CR("bytes 70000-119999/200000"), LP_EREMOTE, LP_EREMOTE,
	 3, RANGE_RULE, 0},
	{"a malformed Content-Range", content_range, CR("bytes 70000/119999"), LP_EREMOTE,
	 LP_EREMOTE, 3, RANGE_RULE, 0},
	{"several parts", content_range, "Content-Type: multipart/byteranges; boundary=x\r\n",
	 LP_EREMOTE, LP_EREMOTE, 3, RANGE_RULE, 0},
	{"a body of another length", content_range, CR("bytes 70000-119998/200000"), LP_EREMOTE,
	 LP_EREMOTE, 3, RANGE_RULE, 0},
	{"a content coding", encoded, NULL, LP_EREMOTE, LP_EREMOTE, 3, "registry.blob.encoding", 0},
	{"a part for the whole", part_for_whole, NULL, LP_EREMOTE, LP_EREMOTE, 3, RANGE_RULE, 0},
	{"a part that goes on", longer_part, NULL, LP_EFORMAT, LP_EREMOTE, 1,
	 "registry.blob.bytes", 0},
};

static const struct lp_registry_options fast = {.tries = 3, .retry_ms = 1, .stall_ms = 100};

static struct lp_registry *open_registry(const struct test_server *s,
					 const struct lp_registry_options *o)
{
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "some/name", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", s->port);
	return lp_registry_open(&r, &ref, o, &err) ? NULL : r;
}

static struct lp_descriptor describe_blob(void)
{
	struct lp_descriptor d = {.bytes = BLOB_BYTES};

	lp_digest_of(LP_SHA256, blob, BLOB_BYTES, &d.digest);
	return d;
}

static enum lp_code read_range(struct lp_registry *r, uint8_t *p, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	struct lp_descriptor d = describe_blob();

	if (lp_registry_source(r, &d, &s, err))
		return err->code;
	return lp_source_read(&s, OFF, p, BYTES, err);
}

static enum lp_code read_stream(struct lp_registry *r, uint8_t *p, size_t *n, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	struct lp_descriptor d = describe_blob();
	struct lp_reader *reader;
	size_t got;

	*n = 0;
	if (lp_registry_source(r, &d, &s, err) || lp_source_stream(&s, &reader, err))
		return err->code;
	do {
		if (lp_read(reader, p + *n, BLOB_BYTES + 1 - *n, &got, err))
			return err->code;
		*n += got;
	} while (got && *n <= BLOB_BYTES);
	return LP_OK;
}

static void run_range(const struct scenario *c)
{
	struct test_server s;
	struct lp_registry *r;
	struct lp_err err = {0};
	uint8_t p[BYTES];
	char state[200];
	enum lp_code code;

	snprintf(state, sizeof(state), "%s", c->state ? c->state : "");
	test_server_start(&s, c->handle, state);
	r = open_registry(&s, &fast);
	if (r) {
		code = read_range(r, p, &err);
		CHECK(code == c->range, "a range, %s: %s %s", c->name, lp_code_name(code), err.msg);
		if (!code)
			CHECK(!memcmp(p, blob + OFF, BYTES), "the right bytes, %s", c->name);
		if (code && code == c->range)
			CHECK((!c->rule || (err.rule && !strcmp(err.rule, c->rule))) &&
				      err.sys == c->sys,
			      "rule %s, status %d, %s", err.rule ? err.rule : "", err.sys, c->name);
		if (c->requests)
			CHECK(s.requests == c->requests, "%u requests, %s", s.requests, c->name);
	}
	lp_registry_free(&r);
	test_server_stop(&s);
}

static void run_stream(const struct scenario *c)
{
	static uint8_t p[BLOB_BYTES + 1];
	struct test_server s;
	struct lp_registry *r;
	struct lp_err err = {0};
	char state[200];
	enum lp_code code;
	size_t n;

	snprintf(state, sizeof(state), "%s", c->state ? c->state : "");
	test_server_start(&s, c->handle, state);
	r = open_registry(&s, &fast);
	if (r) {
		code = read_stream(r, p, &n, &err);
		CHECK(code == c->stream, "a stream, %s: %s %s", c->name, lp_code_name(code),
		      err.msg);
		if (!code)
			CHECK(n == BLOB_BYTES && !memcmp(p, blob, n), "the whole blob, %s", c->name);
	}
	lp_registry_free(&r);
	test_server_stop(&s);
}

static void test_request_form(void)
{
	struct lp_registry_options o = fast;
	struct test_server s;
	struct lp_registry *r;
	struct lp_err err;
	uint8_t p[BYTES];

	test_server_start(&s, proper_request, NULL);
	r = open_registry(&s, &o);
	if (r)
		CHECK(!read_range(r, p, &err), "a range is read");
	lp_registry_free(&r);
	test_server_stop(&s);
}

static void test_memory_of_ranges(void)
{
	struct lp_registry_count n;
	struct test_server s;
	struct lp_registry *r;
	struct lp_err err;
	uint8_t p[BYTES];

	test_server_start(&s, whole_for_range, NULL);
	r = open_registry(&s, &fast);
	if (r) {
		CHECK(lp_registry_ranges(r), "ranges are expected");
		CHECK(!read_range(r, p, &err) && !lp_registry_ranges(r),
		      "and not any more after a whole blob");
		lp_registry_count(r, &n);
		CHECK(n.requests == 1 && n.body_bytes >= OFF + BYTES && n.body_bytes < BLOB_BYTES,
		      "what is behind the range is cut off: %llu bytes",
		      (unsigned long long)n.body_bytes);
	}
	lp_registry_free(&r);
	test_server_stop(&s);
}

/* Retry-After is waited for. */
static void test_retry_after(void)
{
	struct test_server s;
	struct lp_registry *r;
	struct lp_err err;
	uint8_t p[BYTES];
	uint64_t start;

	test_server_start(&s, status_429_once, NULL);
	r = open_registry(&s, &fast);
	start = lp_now_ns();
	if (r && !read_range(r, p, &err))
		CHECK(lp_now_ns() - start >= 1000000000, "a second passes when it must");
	lp_registry_free(&r);
	test_server_stop(&s);
}

int main(void)
{
	bool torture = getenv("LP_FAIL_ALLOC") != NULL; /* hundreds of runs: the quick ones */

	fill_blob();
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (torture && i > 1 && i % 4)
			continue;
		run_range(&scenarios[i]);
		run_stream(&scenarios[i]);
	}
	test_request_form();
	test_memory_of_ranges();
	if (!torture)
		test_retry_after();
	return test_done();
}
