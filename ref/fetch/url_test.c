// SPDX-License-Identifier: MIT
#include "fetch/url.h"

#include "testing/test.h"

#include <string.h>

static const struct {
	const char *url;
	bool tls;
	const char *host;
	unsigned port;
} origins[] = {
	{"http://a", false, "a", 80},
	{"https://A.B/x?y", true, "a.b", 443},
	{"http://127.0.0.1:5000/", false, "127.0.0.1", 5000},
	{"http://[::1]:5000/", false, "[::1]", 5000},
};

static const char *const bad[] = {
	"", "a", "/x", "ftp://a", "file:///x", "http://", "http://a:b/", "http://u@a/", "http://u:p@a/",
	"http://a b/", "http://a/\n", "http://a/\x80", "http://a:99999/", "javascript:x",
};

static const struct {
	const char *base, *location, *want;
} joins[] = {
	{"http://a/b/c?d", "http://x/y?z=%2f../..", "http://x/y?z=%2f../.."},
	{"http://a/b/c?d", "/x/y", "http://a/x/y"},
	{"http://a/b/c?d", "x?y", "http://a/b/x?y"},
	{"http://a/b/c?d", "?y", "http://a/b/c?y"},
	{"https://a:5/b/c", "//x/y", "https://x/y"},
	{"http://a/b/c", "ftp://x/y", NULL},
	{"http://a/b/c", "//u@x/y", NULL},
	{"http://a/b/c", "/x y", NULL},
};

int main(void)
{
	char name[LP_URL_NAME], *out;
	struct lp_origin o, p;
	struct lp_err err;

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		CHECK(!lp_url_origin(origins[i].url, &o, &err) && o.tls == origins[i].tls &&
			      !strcmp(o.host, origins[i].host) && o.port == origins[i].port,
		      "%s: %s %u", origins[i].url, o.host, o.port);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(lp_url_origin(bad[i], &o, &err) == LP_EREMOTE, "refuse URL %zu", i);
	for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++) {
		if (lp_url_join(joins[i].base, joins[i].location, &out, &err))
			CHECK(!joins[i].want && !out, "refuse %s", joins[i].location);
		else
			CHECK(joins[i].want && !strcmp(out, joins[i].want), "%s at %s is %s",
			      joins[i].location, joins[i].base, out);
		lp_text_free(&out);
	}
	CHECK(!lp_url_origin("https://a", &o, &err) && !lp_url_origin("https://A:443/", &p, &err) &&
		      lp_origin_equal(&o, &p),
	      "two spellings of one origin");
	CHECK(!lp_url_origin("http://a:443", &p, &err) && !lp_origin_equal(&o, &p),
	      "another scheme is another origin");
	lp_url_name("https://a/b\x01?secret", name);
	CHECK(!strcmp(name, "a/b?"), "a name for messages: %s", name);
	return test_done();
}
