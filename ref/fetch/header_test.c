// SPDX-License-Identifier: MIT
#include "fetch/header.h"

#include "testing/test.h"

#include <string.h>

static const struct {
	const char *value;
	enum lp_scheme scheme;
	const char *realm, *service, *scope;
} challenges[] = {
	{"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"",
	 LP_AUTH_BEARER, "https://a/t", "s", "repository:x:pull"},
	{"bearer REALM=\"https://a/t\" , Service = \"s\"", LP_AUTH_BEARER, "https://a/t", "s", ""},
	{"Bearer realm=https://a/t,service=s", LP_AUTH_BEARER, "https://a/t", "s", ""},
	{"Bearer realm=\"a,b=c \\\"q\\\"\"", LP_AUTH_BEARER, "a,b=c \"q\"", "", ""},
	{"Basic realm=\"r\"", LP_AUTH_BASIC, "r", "", ""},
	{"Basic", LP_AUTH_BASIC, "", "", ""},
	{"Basic realm=\"r\", Bearer realm=\"u\"", LP_AUTH_BEARER, "u", "", ""},
	{"Bearer realm=\"u\", Basic realm=\"r\"", LP_AUTH_BEARER, "u", "", ""},
	{"Negotiate, Basic realm=\"r\"", LP_AUTH_BASIC, "r", "", ""},
	{"Negotiate YWJj==, Bearer realm=\"u\",error=\"invalid_token\"", LP_AUTH_BEARER, "u", "", ""},
	{"Digest realm=\"d\", nonce=\"n\", qop=\"auth, auth-int\"", LP_AUTH_NONE, "", "", ""},
	{"Bearer service=\"s\"", LP_AUTH_NONE, "", "", ""},
	{"", LP_AUTH_NONE, "", "", ""},
	{" , ,", LP_AUTH_NONE, "", "", ""},
	{"Bearer realm=\"\"", LP_AUTH_NONE, "", "", ""},
	{"Bearer scope=\"a b\",realm=\"u\",x=1", LP_AUTH_BEARER, "u", "", "a b"},
};

static const char *const bad_challenges[] = {
	"realm=\"x\"", "Bearer realm=\"x", "Bearer realm=\"x\x01\"", "Bearer \"x\"", "\x80",
	"Bearer realm=\"x\\", "(comment) Basic",
};

static void test_challenges(void)
{
	char longer[3000] = "Bearer realm=\"";
	struct lp_challenge c;
	struct lp_err err;

	for (size_t i = 0; i < sizeof(challenges) / sizeof(challenges[0]); i++) {
		c = (struct lp_challenge){0};
		CHECK(!lp_challenge_parse(challenges[i].value, &c, &err) &&
			      c.scheme == challenges[i].scheme &&
			      !strcmp(c.realm, challenges[i].realm) &&
			      !strcmp(c.service, challenges[i].service) &&
			      !strcmp(c.scope, challenges[i].scope),
		      "read %s", challenges[i].value);
	}
	for (size_t i = 0; i < sizeof(bad_challenges) / sizeof(bad_challenges[0]); i++) {
		c = (struct lp_challenge){0};
		CHECK(lp_challenge_parse(bad_challenges[i], &c, &err) == LP_EFORMAT &&
			      !strcmp(err.rule, "registry.auth.challenge"),
		      "refuse the challenge %zu", i);
	}
	memset(longer + strlen(longer), 'x', 2000);
	CHECK(lp_challenge_parse(longer, &c, &err) == LP_EFORMAT, "refuse a realm of 2000 bytes");
	c = (struct lp_challenge){0};
	CHECK(!lp_challenge_parse("Bearer realm=\"u\"", &c, &err) &&
		      !lp_challenge_parse("Basic realm=\"r\"", &c, &err) &&
		      c.scheme == LP_AUTH_BEARER,
	      "the stronger of two fields stays");
}

static const struct {
	const char *value;
	uint64_t first, last, total;
} ranges[] = {
	{"bytes 0-0/1", 0, 0, 1},
	{"Bytes 5-9/10", 5, 9, 10},
	{"bytes 5-9/*", 5, 9, LP_NO_OFFSET},
	{"bytes  5-9/10 ", 5, 9, 10},
	{"bytes 0-18446744073709551613/18446744073709551614", 0, UINT64_MAX - 2, UINT64_MAX - 1},
};

static const char *const bad_ranges[] = {
	"", "bytes", "bytes ", "bytes 0-0", "bytes 0-0/", "bytes 0-0/0", "bytes 5-4/10",
	"bytes 0-10/10", "bytes -5/10", "bytes 0-/10", "bytes */10", "bytes 0-5/10,", "items 0-0/1",
	"bytes 0-5/10 x", "bytes +0-5/10", "bytes 0-5/-10", "bytes 0x0-5/10",
	"bytes 0-18446744073709551615/18446744073709551615",
	"bytes 0-18446744073709551616/18446744073709551617",
	"bytes 18446744073709551617-18446744073709551618/*", "bytes 0-0/1, bytes 0-0/1",
};

static void test_ranges(void)
{
	struct lp_content_range r;
	struct lp_err err;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		CHECK(!lp_content_range_parse(ranges[i].value, &r, &err) &&
			      r.first == ranges[i].first && r.last == ranges[i].last &&
			      r.total == ranges[i].total,
		      "read %s", ranges[i].value);
	for (size_t i = 0; i < sizeof(bad_ranges) / sizeof(bad_ranges[0]); i++)
		CHECK(lp_content_range_parse(bad_ranges[i], &r, &err) == LP_EFORMAT &&
			      !strcmp(err.rule, "registry.range.content-range"),
		      "refuse \"%s\"", bad_ranges[i]);
}

int main(void)
{
	test_challenges();
	test_ranges();
	return test_done();
}
