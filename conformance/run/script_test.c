// SPDX-License-Identifier: MIT
/* script_test - scripts are read or refused, rules make bytes, checks see what was asked. */
#include "run/traffic.h"

#include "testing/test.h"

#include <string.h>

/* Scripts that are none, and the line that says so. */
static const struct {
	const char *text, *why;
} bad[] = {
	{"status 200 OK\n", "line 1: a step before the first rule"},
	{"on A GET /x\nnonsense 1\n", "line 2: unknown word"},
	{"\n\non C GET /x\n", "line 3: on HOST METHOD PATH"},
	{"on A GET\n", "line 1: on HOST METHOD PATH"},
	{"on A GET /x y\n", "line 1: on HOST METHOD PATH"},
	{"on A GET /x\nslice 1\n", "line 2: a number is missing"},
	{"on A GET /x\nzeros -1\n", "line 2: a number below 0"},
	{"on A GET /x\nzeros 1099511627777\n", "line 2: a number is missing"},
	{"on A GET /x\nwhole 1\n", "line 2: more than there should be"},
	{"on A GET /x\nstatus\n", "line 2: a text is missing"},
	{"most 1\n", "line 1: most|least N HOST PATH [with NAME[: VALUE]]"},
	{"most 1 A /x without Y\n", "line 1: most|least N HOST PATH [with NAME[: VALUE]]"},
	{"most -1 A /x\n", "line 1: a number is missing"},
	{"bytes 1 A\n", "line 1: more than there should be"},
	{"tls A best\n", "line 1: tls HOST plain|good|self|expired|other|break"},
};

/* What a rule, the first of the script, says to a request. */
static const struct {
	const char *steps, *method, *head, *bytes;
} replies[] = {
	{"text hi\\r\\n", "GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi\r\n"},
	{"whole", "GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
	{"whole", "HEAD", "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"},
	{"status 206 P\nheader C: {from}-{to}/{size} {x} {A}\nslice 0 0", "GET",
	 "Range: bytes=2-4\r\n",
	 "HTTP/1.1 206 P\r\nC: 2-4/10 {x} 127.0.0.1:1\r\nContent-Length: 3\r\n\r\n234"},
	{"slice 0 0", "GET", "range: bytes=-2\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n89"},
	{"slice 1 1", "GET", "Range: bytes=7-\r\n",
	 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n89\0\0"},
	{"slice -1 -1", "GET", "Range: bytes=7-99\r\n",
	 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n67"},
	{"header X: {to+1} {from-0}\nlength none", "GET", "",
	 "HTTP/1.1 200 OK\r\nX: 10 0\r\n\r\n"},
	{"line HTTP/1.0 200\ntext abc\ncut 1\nlength 9", "GET", "",
	 "HTTP/1.0 200\r\nContent-Length: 9\r\n\r\na"},
	{"interim 2 103 E\nrepeat 2 X: y\nfill 3\nopen", "GET", "",
	 "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\nX: y\r\n"
	 "X-Fill: xxx\r\n"},
	{"text abc\nflip 0\nchunked end", "GET", "",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n`bc\r\n0\r\n\r\n"},
	{"part 8 3\nchunked cut", "GET", "",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n89"},
};

/* Checks, and what they say of: A GET /a (3 bytes), A GET /a, B GET /b with X: secret. */
static const struct {
	const char *check, *why;
} checks[] = {
	{"most 3 A /a\n", ""},
	{"most 1 A /a\n", "2 requests to A /a, at most 1: GET /a"},
	{"most 0 B *\n", "1 requests to B *, at most 0: GET /b"},
	{"most 0 A * with X\n", ""},
	{"most 0 B * with x\n", "1 requests to B * with x, at most 0: GET /b"},
	{"most 0 B * with X: public\n", ""},
	{"least 2 A /a\n", ""},
	{"least 1 A /b\n", "0 requests to A /b, at least 1"},
	{"bytes 3\n", ""},
	{"bytes 2\n", "3 bytes of bodies, at most 2"},
	{"same 2\n", ""},
	{"same 1\n", "the same request 2 times, at most 1: GET /a"},
};

static void test_bad(void)
{
	struct lp_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		LP_AUTO(lc_script_free) struct lc_script s = {0};
		enum lp_code code = lc_script_parse(&s, bad[i].text, strlen(bad[i].text), &err);

		CHECK(code == LP_EFORMAT && !strcmp(err.msg, bad[i].why), "%s: %s", bad[i].text,
		      code ? err.msg : "taken");
	}
}

static void test_replies(void)
{
	static char role[] = "blob";
	uint8_t ten[] = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9'};
	struct gen_input input = {role, ten, sizeof(ten)};
	struct gen_vector v = {.input = &input, .ninput = 1};
	struct lp_err err = {0};
	char text[400];

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		LP_AUTO(lc_script_free) struct lc_script s = {0};
		LP_AUTO(lc_reply_free) struct lc_reply r = {.rate = 0};
		struct lc_values values = {.authority = {"127.0.0.1:1", "127.0.0.2:2"}};
		struct lc_request q = {.target = "/x", .head = replies[i].head, .of = &v};
		size_t n = strlen(replies[i].bytes);

		n += strstr(replies[i].steps, "slice 1 1") ? 2 : 0; /* zeros behind the end */
		n += strstr(replies[i].steps, "part 8") ? 1 : 0;
		snprintf(q.method, sizeof(q.method), "%s", replies[i].method);
		snprintf(text, sizeof(text), "on A * /x\n%s\n", replies[i].steps);
		CHECK(!lc_script_parse(&s, text, strlen(text), &err) &&
		      !lc_reply_make(&s, s.rule, &q, &values, &r, &err) && r.bytes.len == n &&
		      !memcmp(r.bytes.p, replies[i].bytes, n), "%s: %s%.*s", text, err.msg,
		      (int)r.bytes.len, (const char *)r.bytes.p);
	}
}

static void test_fits(void)
{
	static const char text[] = "on A GET /a*\nwith X: y\nwithout Z\n";
	LP_AUTO(lc_script_free) struct lc_script s = {0};
	struct lp_err err;

	if (!CHECK(!lc_script_parse(&s, text, strlen(text), &err), "parse: %s", err.msg))
		return;
	CHECK(lc_rule_fits(&s, s.rule, 0, "GET", "/ab/c", "W: 1\r\nx:  y\r\n"), "it fits");
	CHECK(!lc_rule_fits(&s, s.rule, 1, "GET", "/a", "X: y\r\n"), "another host");
	CHECK(!lc_rule_fits(&s, s.rule, 0, "HEAD", "/a", "X: y\r\n"), "another method");
	CHECK(!lc_rule_fits(&s, s.rule, 0, "GET", "/b", "X: y\r\n"), "another path");
	CHECK(!lc_rule_fits(&s, s.rule, 0, "GET", "/a", "X: yy\r\n"), "another value");
	CHECK(!lc_rule_fits(&s, s.rule, 0, "GET", "/a", "X: y\r\nZ: 1\r\n"), "a field too many");
}

static void test_checks(void)
{
	LP_AUTO(lc_traffic_free) struct lc_traffic t = {.n = 0};
	struct lc_request a = {"GET", "/a", "", NULL}, b = {"GET", "/b", "X: a secret\r\n", NULL};
	struct lp_err err;
	char why[200];
	size_t at;

	if (!CHECK(!lc_traffic_add(&t, 0, &a, &at, &err) && !at &&
		   !lc_traffic_add(&t, 0, &a, &at, &err) &&
		   !lc_traffic_add(&t, 1, &b, &at, &err) && at == 2, "add: %s", err.msg))
		return;
	t.asked[0].sent = 3;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		LP_AUTO(lc_script_free) struct lc_script s = {0};

		if (!CHECK(!lc_script_parse(&s, checks[i].check, strlen(checks[i].check), &err),
			   "%s: %s", checks[i].check, err.msg))
			continue;
		lc_traffic_judge(&t, &s, why, sizeof(why));
		CHECK(!strcmp(why, checks[i].why), "%s: %s", checks[i].check, why);
	}
}

int main(void)
{
	test_bad();
	test_replies();
	test_fits();
	test_checks();
	return test_done();
}
