// SPDX-License-Identifier: MIT
/* Lists of referrers: by the API, in pages, and under the tag that clients keep. */
#include "fetch/referrers.h"

#include "testing/server.h"
#include "testing/test.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define ENTRY(hex) \
	"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:" hex \
	"\",\"size\":7,\"artifactType\":\"x/y\"}"
#define LIST(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define JSON "Content-Type: " INDEX_TYPE "\r\n"

/* What the registry is like. */
static struct manner {
	const char *api;	/* status; NULL: 200 */
	const char *fields, *body; /* of the API's answer */
	const char *second;	/* the second page's body */
	bool endless;		/* every page has another one */
	const char *tag, *tag_fields; /* what stands under the tag, or NULL */
	unsigned races;		/* PUTs that come too late */
} how;

static struct world {
	struct test_server s;
	_Atomic unsigned puts, pages;
	char query[400], condition[100], put[4000];
} w;

static void serve_api(struct test_request *q)
{
	bool first = !strstr(q->target, "page");

	w.pages++;
	if (first)
		snprintf(w.query, sizeof(w.query), "%.390s", q->target);
	if (how.api)
		test_reply(q, how.api, "", "{}", 2);
	else if (first || how.endless)
		test_reply(q, "200 OK", how.fields, how.body, strlen(how.body));
	else
		test_reply(q, "200 OK", JSON, how.second, strlen(how.second));
}

static void take_put(struct test_request *q)
{
	if (!test_field(q, "If-Match", w.condition, sizeof(w.condition)) &&
	    !test_field(q, "If-None-Match", w.condition, sizeof(w.condition)))
		w.condition[0] = '\0';
	snprintf(w.put, sizeof(w.put), "%s %.*s", q->target, (int)q->body_bytes, q->body);
	test_reply(q, ++w.puts <= how.races ? "412 Precondition Failed" : "201 Created", "", "", 0);
}

static void serve(struct test_request *q)
{
	if (!strcmp(q->method, "PUT"))
		take_put(q);
	else if (strstr(q->target, "/referrers/"))
		serve_api(q);
	else if (how.tag)
		test_reply(q, "200 OK", how.tag_fields ? how.tag_fields : JSON, how.tag,
			   strlen(how.tag));
	else
		test_reply(q, "404 No", "", "", 0);
}

static struct lp_registry *start(const struct manner *m)
{
	struct lp_registry_options o = {.tries = 3, .retry_ms = 1, .user = "u", .password = "p"};
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	how = *m;
	w = (struct world){0};
	test_server_start(&w.s, serve, NULL);
	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", w.s.port);
	return lp_registry_open(&r, &ref, &o, &err) ? NULL : r;
}

static const struct lp_digest *subject(void)
{
	static struct lp_digest d = {.alg = LP_SHA256};

	memset(d.b, 0xcc, 32);
	return &d;
}

#define NEXT(url) JSON "Link: <" url ">; rel=\"next\"\r\n"

static const struct {
	const char *name;
	struct manner how;
	enum lp_code code;
	size_t n;
	const char *rule;
} reads[] = {
	{"none", {.fields = JSON, .body = LIST("")}, LP_OK, 0, NULL},
	{"one", {.fields = JSON, .body = LIST(ENTRY(A64)), .tag = LIST("")}, LP_OK, 1, NULL},
	{"two pages", {.fields = NEXT("/v2/n/referrers/x?page=2"), .body = LIST(ENTRY(A64)),
		       .second = LIST(ENTRY(B64))}, LP_OK, 2, NULL},
	{"a page at a relative URL", {.fields = NEXT("?page=2"), .body = LIST(ENTRY(A64)),
				      .second = LIST(ENTRY(B64))}, LP_OK, 2, NULL},
	{"a page elsewhere", {.fields = NEXT("http://127.0.0.9:1/v2/n/referrers/x"),
			      .body = LIST("")}, LP_EFORMAT, 0, "registry.referrers.link"},
	{"a page that is no list", {.fields = NEXT("/elsewhere"), .body = LIST("")}, LP_EFORMAT, 0,
	 "registry.referrers.link"},
	{"no URL", {.fields = JSON "Link: x; rel=\"next\"\r\n", .body = LIST("")}, LP_EFORMAT, 0,
	 "registry.referrers.link"},
	{"pages without end", {.fields = NEXT("?page=3"), .body = LIST(""), .endless = true},
	 LP_ELIMIT, 0, "registry.referrers.pages"},
	{"no index", {.fields = JSON, .body = "{}"}, LP_EFORMAT, 0, "oci.manifest.schema-version"},
	{"no API, no tag", {.api = "404 No"}, LP_OK, 0, NULL},
	{"no API, a tag", {.api = "404 No", .tag = LIST(ENTRY(A64))}, LP_OK, 1, NULL},
	{"the method is not allowed", {.api = "405 No", .tag = LIST(ENTRY(A64))}, LP_OK, 1, NULL},
	{"a page for people", {.fields = "Content-Type: text/html\r\n", .body = "<html>",
			       .tag = LIST(ENTRY(A64))}, LP_OK, 1, NULL},
	{"refused", {.api = "403 No"}, LP_EREMOTE, 0, NULL},
	{"no API, an image has the tag", {.api = "404 No", .tag = "{\"schemaVersion\":2}",
	  .tag_fields = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n"},
	 LP_EFORMAT, 0, "registry.referrers.tag"},
	{"no API, nonsense has the tag", {.api = "404 No", .tag = "7"}, LP_EFORMAT, 0,
	 "oci.manifest.schema-version"},
};

static void test_reads(void)
{
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};
		struct lp_registry *r = start(&reads[i].how);
		struct lp_err err = {0};
		enum lp_code code = r ? lp_registry_referrers(r, subject(), LP_TYPE_NYDUS, &list,
							      &err)
				      : LP_ESYSTEM;

		CHECK(code == reads[i].code, "referrers, %s: %s", reads[i].name, err.msg);
		if (code)
			CHECK(!reads[i].rule || (err.rule && !strcmp(err.rule, reads[i].rule)),
			      "rule %s", err.rule ? err.rule : "none");
		else
			CHECK(json_array_size(list.entries) == reads[i].n, "%zu of them",
			      json_array_size(list.entries));
		CHECK(!strcmp(w.query, "/v2/n/referrers/sha256:" C64 "?artifactType="
				       "application/vnd.nydus.image.manifest.v1%2Bjson"),
		      "asked by %s", w.query);
		CHECK(w.pages <= LP_REFERRERS_PAGES, "%u pages", w.pages);
		lp_registry_free(&r);
		test_server_stop(&w.s);
	}
}

static const struct {
	const char *name;
	struct manner how;
	enum lp_code code;
	unsigned puts;
	const char *condition, *has, *rule;
} links[] = {
	{"the first", {.races = 0}, LP_OK, 1, "*", ENTRY(A64), NULL},
	{"another", {.tag = LIST(ENTRY(B64)), .tag_fields = JSON "ETag: \"e\"\r\n"}, LP_OK, 1,
	 "\"e\"", B64, NULL},
	{"without an ETag", {.tag = LIST(ENTRY(B64))}, LP_OK, 1, "", B64, NULL},
	{"a race", {.races = 2}, LP_OK, 3, "*", A64, NULL},
	{"races", {.races = 9}, LP_EREMOTE, 3, "*", A64, "registry.referrers.race"},
	{"over an image", {.tag = "{\"schemaVersion\":2}",
	  .tag_fields = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n"},
	 LP_EFORMAT, 0, "", "", "registry.referrers.tag"},
};

static void test_links(void)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		LP_AUTO(lp_json_free) json_t *entry = json_loads(ENTRY(A64), 0, NULL);
		struct lp_registry *r = entry ? start(&links[i].how) : NULL;
		struct lp_err err = {0};
		enum lp_code code;

		if (!r)
			continue;
		code = lp_registry_link(r, subject(), entry, &err);
		CHECK(code == links[i].code && w.puts == links[i].puts, "link %s: %u PUT, %s",
		      links[i].name, w.puts, err.msg);
		CHECK(!strcmp(w.condition, links[i].condition), "on the condition %s", w.condition);
		if (!code)
			CHECK(!strncmp(w.put, "/v2/n/manifests/sha256-" C64 " ", 88) &&
			      strstr(w.put, "sha256:" A64) &&
			      (links[i].has[0] == '{' || strstr(w.put, links[i].has)), "%s", w.put);
		if (links[i].rule)
			CHECK(err.rule && !strcmp(err.rule, links[i].rule), "rule %s",
			      err.rule ? err.rule : "none");
		lp_registry_free(&r);
		test_server_stop(&w.s);
	}
}

int main(void)
{
	test_reads();
	test_links();
	return test_done();
}
