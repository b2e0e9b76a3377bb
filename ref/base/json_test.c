// SPDX-License-Identifier: MIT
#include "base/json.h"
#include "testing/test.h"

#include <string.h>

#define RULE "test.json.rule"

static const struct {
	const char *text;
	enum lp_code want;
	const char *rule;
} documents[] = {
	{"{}", LP_OK, NULL},
	{" [1, \"a\", null] \n", LP_OK, NULL},
	{"\"alone\"", LP_OK, NULL},
	{"{\"a\":\"\\\"[[[\"}", LP_OK, NULL},
	{"", LP_EFORMAT, RULE},
	{"{", LP_EFORMAT, RULE},
	{"{} {}", LP_EFORMAT, RULE},
	{"{}x", LP_EFORMAT, RULE},
	{"{'a':1}", LP_EFORMAT, RULE},
	{"[1,]", LP_EFORMAT, RULE},
	{"[01]", LP_EFORMAT, RULE},
	{"[NaN]", LP_EFORMAT, RULE},
	{"\xef\xbb\xbf{}", LP_EFORMAT, RULE},
	{"{\"a\":1,\"a\":2}", LP_EFORMAT, "json.object.duplicate-key"},
	{"[\"\\u0000\"]", LP_EFORMAT, "json.string.nul"},
	{"{\"\\u0000\":1}", LP_EFORMAT, "json.string.nul"},
	{"[\"\xff\"]", LP_EFORMAT, "json.string.utf8"},
	{"[\"\xc0\x80\"]", LP_EFORMAT, "json.string.utf8"},
	{"[\"\\ud800\"]", LP_EFORMAT, RULE},
	{"[\"a\nb\"]", LP_EFORMAT, RULE},
	{"[9223372036854775807]", LP_OK, NULL},
	{"[9223372036854775808]", LP_EFORMAT, "json.number.range"},
	{"[-9223372036854775809]", LP_EFORMAT, "json.number.range"},
	{"[1e999]", LP_EFORMAT, "json.number.range"},
};

#define NDOCUMENTS (sizeof(documents) / sizeof(documents[0]))

static void test_documents(void)
{
	for (size_t i = 0; i < NDOCUMENTS; i++) {
		LP_AUTO(lp_json_free) json_t *j = NULL;
		struct lp_err err = {0};
		const char *t = documents[i].text;
		enum lp_code got = lp_json_parse(t, strlen(t), RULE, &j, &err);

		CHECK(got == documents[i].want && !j == (got != LP_OK), "parse document %zu: %s",
		      i, got ? err.msg : "ok");
		if (documents[i].want)
			CHECK(err.rule && !strcmp(err.rule, documents[i].rule) &&
			      err.at <= strlen(t), "document %zu names %s", i, documents[i].rule);
	}
}

/* @n brackets open, then close. */
static enum lp_code parse_nested(size_t n, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	char text[128];

	memset(text, '[', n);
	memset(text + n, ']', n);
	return lp_json_parse(text, 2 * n, RULE, &j, err);
}

static void test_limits(void)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf many = {0};
	struct lp_err err = {0};
	static const char nul[] = "[]\0";

	CHECK(!parse_nested(LP_JSON_DEPTH, &err), "depth at the limit");
	CHECK(parse_nested(LP_JSON_DEPTH + 1, &err) == LP_ELIMIT && err.at == LP_JSON_DEPTH,
	      "depth above the limit");
	for (size_t i = 0; i <= LP_JSON_VALUES; i++)
		if (lp_buf_add(&many, i ? ",0" : "[0", 2, 1 << 20, &err))
			return;
	CHECK(!lp_buf_add(&many, "]", 1, 1 << 20, &err) &&
	      lp_json_parse(many.p, many.len, RULE, &j, &err) == LP_ELIMIT,
	      "too many values");
	CHECK(lp_json_parse(nul, 3, RULE, &j, &err) == LP_EFORMAT, "NUL behind the document");
	CHECK(lp_json_parse(NULL, 0, RULE, &j, &err) == LP_EFORMAT, "no bytes at all");
}

static const char members[] =
	"{\"s\":\"text\",\"n\":7,\"neg\":-1,\"half\":0.5,\"null\":null,\"o\":{},\"a\":[],\"t\":true,"
	"\"d\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
	"\"bad\":\"sha256:12\"}";

static void test_members(const json_t *o)
{
	static const struct {
		const char *key;
		enum lp_json_need need;
		enum lp_code string, number, digest, object;
	} cases[] = {
		{"s", LP_JSON_REQUIRED, LP_OK, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
		{"n", LP_JSON_REQUIRED, LP_EFORMAT, LP_OK, LP_EFORMAT, LP_EFORMAT},
		{"neg", LP_JSON_OPTIONAL, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
		{"half", LP_JSON_OPTIONAL, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
		{"t", LP_JSON_OPTIONAL, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
		{"a", LP_JSON_OPTIONAL, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
		{"o", LP_JSON_REQUIRED, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT, LP_OK},
		{"d", LP_JSON_REQUIRED, LP_OK, LP_EFORMAT, LP_OK, LP_EFORMAT},
		{"bad", LP_JSON_REQUIRED, LP_OK, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
		{"null", LP_JSON_OPTIONAL, LP_OK, LP_OK, LP_OK, LP_OK},
		{"null", LP_JSON_REQUIRED, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
		{"none", LP_JSON_OPTIONAL, LP_OK, LP_OK, LP_OK, LP_OK},
		{"none", LP_JSON_REQUIRED, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT, LP_EFORMAT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *k = cases[i].key, *s = "";
		struct lp_digest d = {.alg = LP_SHA512};
		struct lp_err err = {0};
		json_t *child = NULL;
		uint64_t n = 99;

		CHECK(lp_json_string(o, k, cases[i].need, RULE, &s, &err) == cases[i].string,
		      "\"%s\" as a string", k);
		CHECK(lp_json_u64(o, k, cases[i].need, RULE, &n, &err) == cases[i].number,
		      "\"%s\" as a number", k);
		CHECK(lp_json_digest(o, k, cases[i].need, RULE, &d, &err) == cases[i].digest,
		      "\"%s\" as a digest", k);
		CHECK(lp_json_child(o, k, JSON_OBJECT, cases[i].need, RULE, &child, &err) ==
		      cases[i].object, "\"%s\" as an object", k);
		if (!json_object_get(o, k))
			CHECK(!s && !n && !d.alg && !child, "\"%s\" leaves nothing", k);
	}
}

static void test_print(const json_t *o)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	LP_AUTO(lp_json_free) json_t *j = NULL;
	struct lp_err err = {0};
	json_t *not_object = json_integer(1), *child;
	static const char in[] = "{\"b\" : [1, 2], \"a\":\"\\u00e9\"}";
	static const char want[] = "{\"a\":\"\xc3\xa9\",\"b\":[1,2]}";
	const size_t n = sizeof(want) - 1;

	CHECK(!lp_json_parse(in, sizeof(in) - 1, RULE, &j, &err) &&
	      !lp_json_print(j, &out, 100, &err) && out.len == n && !memcmp(out.p, want, n),
	      "print sorts and packs");
	CHECK(lp_json_print(o, &out, 40, &err) == LP_ELIMIT && out.len == n,
	      "print stops at the limit and takes back what it wrote");
	CHECK(lp_json_child(not_object, "k", JSON_ARRAY, LP_JSON_OPTIONAL, RULE, &child, &err) ==
	      LP_EFORMAT, "a member of what is no object");
	json_decref(not_object);
}

int main(void)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	struct lp_err err = {0};

	test_documents();
	test_limits();
	if (CHECK(!lp_json_parse(members, strlen(members), RULE, &o, &err), "parse the members")) {
		test_members(o);
		test_print(o);
	}
	return test_done();
}
