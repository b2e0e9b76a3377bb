// SPDX-License-Identifier: MIT
#include "format/estargz/scan.h"

#include "testing/test.h"

#include <string.h>

/* Whole documents, skipped, and the rule that they break; NULL: none. */
static const struct {
	const char *text, *rule;
} documents[] = {
	{"{}", NULL}, {"[]", NULL}, {" [ 1 , 2 ] ", NULL}, {"\"\"", NULL}, {"0", NULL},
	{"-0", NULL}, {"-1.5e+10", NULL}, {"1E5", NULL}, {"true", NULL}, {"[null,false]", NULL},
	{"{\"a\":{\"b\":[{\"c\":[]},[[]]]},\"d\":[{}]}", NULL},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", NULL},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "estargz.json.depth"},
	{"", "estargz.json.syntax"}, {"{", "estargz.json.type"}, {"[", "estargz.json.syntax"},
	{"[1", "estargz.json.syntax"}, {"[1,", "estargz.json.syntax"},
	{"[1,]", "estargz.json.syntax"}, {"[,1]", "estargz.json.syntax"},
	{"[1 2]", "estargz.json.syntax"}, {"[1}", "estargz.json.syntax"},
	{"{\"a\":1,}", "estargz.json.type"}, {"{,}", "estargz.json.type"},
	{"{\"a\"}", "estargz.json.syntax"}, {"{\"a\":}", "estargz.json.syntax"},
	{"{\"a\" 1}", "estargz.json.syntax"}, {"{1:1}", "estargz.json.type"},
	{"{\"a\":1 \"b\":2}", "estargz.json.syntax"}, {"{\"a\":1]", "estargz.json.syntax"},
	{"{a:1}", "estargz.json.type"}, {"'a'", "estargz.json.syntax"},
	{"01", "estargz.json.syntax"}, {"-", "estargz.json.syntax"}, {"1.", "estargz.json.syntax"},
	{"1.x", "estargz.json.syntax"}, {"1e", "estargz.json.syntax"}, {"1e+", "estargz.json.syntax"},
	{"+1", "estargz.json.syntax"}, {".5", "estargz.json.syntax"}, {"0x10", "estargz.json.trailing"},
	{"NaN", "estargz.json.syntax"}, {"tru", "estargz.json.syntax"}, {"nul", "estargz.json.syntax"},
	{"nullx", "estargz.json.trailing"}, {"{} {}", "estargz.json.trailing"},
	{"[] x", "estargz.json.trailing"}, {"\xef\xbb\xbf{}", "estargz.json.syntax"},
	{"//\n1", "estargz.json.syntax"}, {"\"", "estargz.json.syntax"}, {"\"abc", "estargz.json.syntax"},
	{"\"a\nb\"", "estargz.json.syntax"}, {"\"\\", "estargz.json.escape"},
	{"\"\\x\"", "estargz.json.escape"}, {"\"\\u12\"", "estargz.json.escape"},
	{"\"\\u12", "estargz.json.escape"}, {"\"\\u0000\"", "estargz.json.escape"},
	{"\"\\ud800\"", "estargz.json.escape"}, {"\"\\udc00\"", "estargz.json.escape"},
	{"\"\\ud800\\u0041\"", "estargz.json.escape"}, {"\"\\ud800\\ud800\"", "estargz.json.escape"},
	{"\"\\ud800\\", "estargz.json.escape"}, {"\"\\ud800\\u", "estargz.json.escape"},
	{"\"\xc0\x80\"", "estargz.json.utf8"}, {"\"\xc1\xbf\"", "estargz.json.utf8"},
	{"\"\xe0\x9f\xbf\"", "estargz.json.utf8"}, {"\"\xed\xa0\x80\"", "estargz.json.utf8"},
	{"\"\xf0\x8f\xbf\xbf\"", "estargz.json.utf8"}, {"\"\xf4\x90\x80\x80\"", "estargz.json.utf8"},
	{"\"\xf5\x80\x80\x80\"", "estargz.json.utf8"}, {"\"\x80\"", "estargz.json.utf8"},
	{"\"\xc3\"", "estargz.json.utf8"}, {"\"\xe2\x82\"", "estargz.json.utf8"},
	{"\"\xe2\x82", "estargz.json.utf8"}, {"\"\xff\"", "estargz.json.utf8"},
};

static const struct {
	const char *text, *plain;
} strings[] = {
	{"\"\"", ""}, {"\"a\"", "a"}, {"\"sixteen bytes ab\"", "sixteen bytes ab"},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
	{"\"a\\u0041\\u00e9\\u20ac\\ud83d\\ude00z\"", "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"},
	{"\"\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80"}, {"\"\\u003c\\u2028\"", "<\xe2\x80\xa8"},
	{"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
	{"\"plain, then \\n and plain again, longer\"", "plain, then \n and plain again, longer"},
	{"\"\x7f \\u007f\"", "\x7f \x7f"},
	{"\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\"", "\xf4\x8f\xbf\xbf\xed\x9f\xbf"},
};

static const struct {
	const char *text;
	bool good;
	int64_t v;
} integers[] = {
	{"0", true, 0}, {"-0", true, 0}, {"1600000000", true, 1600000000},
	{"9223372036854775807", true, INT64_MAX}, {"9223372036854775808", false, 0},
	{"-9223372036854775808", true, INT64_MIN}, {"-9223372036854775809", false, 0},
	{"18446744073709551616", false, 0}, {"99999999999999999999999", false, 0},
	{"9007199254740993", true, 9007199254740993}, {"1.0", false, 0}, {"1e1", false, 0},
	{"1.2E1", false, 0}, {"\"1\"", false, 0}, {"null", false, 0}, {"true", false, 0},
	{"", false, 0}, {"-", false, 0}, {"--1", false, 0}, {"00", false, 0}, {"-01", false, 0},
};

static void load(struct lp_scan *s, char *doc, const char *text)
{
	memset(doc, 'x', 256);
	memcpy(doc, text, strlen(text));
	lp_scan_open(s, doc, strlen(text));
}

static void test_documents(void)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct lp_err err = {0};
		struct lp_scan s;
		char doc[256];
		bool bad;

		load(&s, doc, documents[i].text);
		bad = lp_scan_skip(&s, &err) || lp_scan_end(&s, &err);
		CHECK(bad ? documents[i].rule && !strcmp(documents[i].rule, err.rule) &&
			    err.at <= strlen(documents[i].text) : !documents[i].rule,
		      "%.40s: %s %s", documents[i].text, bad ? err.rule : "good", err.msg);
	}
}

int main(void)
{
	struct lp_err err = {0};
	struct lp_scan_text text;
	struct lp_scan s;
	char doc[256];

	test_documents();
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		load(&s, doc, strings[i].text);
		CHECK(!lp_scan_string(&s, &text, &err) && !lp_scan_end(&s, &err) &&
			      text.bytes == strlen(strings[i].plain) &&
			      !strcmp(text.p, strings[i].plain),
		      "%s is unescaped", strings[i].text);
	}
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		int64_t v = 7;
		bool good;

		load(&s, doc, integers[i].text);
		good = !lp_scan_integer(&s, &v, &err) && !lp_scan_end(&s, &err);
		CHECK(good == integers[i].good && (!good || v == integers[i].v), "integer %s",
		      integers[i].text);
	}
	return test_done();
}
