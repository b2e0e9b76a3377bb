// SPDX-License-Identifier: MIT
#include "format/estargz/print.h"

#include "format/estargz/toc.h"
#include "testing/test.h"

#include <string.h>

#define BYTES_MAX ((size_t)1 << 20)

/* What Go's encoding/json makes of strings: spec/estargz.md B.2 */
static const struct {
	const char *name, *json;
} names[] = {
	{"plain", "\"plain\""}, {"a\"b\\c", "\"a\\\"b\\\\c\""},
	{"\n\r\t\b\f", "\"\\n\\r\\t\\b\\f\""}, {"\x01\x1f", "\"\\u0001\\u001f\""},
	{"<a&b>", "\"\\u003ca\\u0026b\\u003e\""}, {"\x7f", "\"\x7f\""},
	{"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\"\\u2028\\u2029\xe2\x80\xaa\""},
	{"caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xf0\x9f\x98\x80\""},
};

static const char *const bad[] = {
	"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "ok\x80",
};

static void test_names(void)
{
	static const struct lp_entry dir = {.path = "", .mode = S_IFDIR};
	char want[200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf out = {0};
		struct lp_err err = {0};
		int n = snprintf(want, sizeof(want),
				 "\n\t\t{\n\t\t\t\"name\": %s,\n\t\t\t\"type\": \"dir\"\n\t\t}",
				 names[i].json);

		CHECK(!lp_print_entry(&out, true, names[i].name, &dir, NULL, &err) &&
			      out.len == (size_t)n && !memcmp(out.p, want, out.len),
		      "name %zu: %.*s %s", i, (int)out.len, out.p ? (char *)out.p : "", err.msg);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf out = {0};
		struct lp_err err = {0};

		CHECK(lp_print_entry(&out, true, bad[i], &dir, NULL, &err) == LP_EUNSUP &&
			      !strcmp(err.rule, "estargz.write.utf8"), "no UTF-8 %zu: %s", i,
		      err.msg);
	}
}

/* Every member, as the reader of TOCs sees it. */
static void test_all(void)
{
	static const struct lp_xattr xattr[] = {
		{"user.b", "\xff\0z", 3}, {"user.a", "", 0}, {"security.capability", "x", 1},
	};
	static const struct lp_entry e = {
		.path = "a", .mode = S_IFREG | 04755, .uid = 7, .gid = 8, .size = 10,
		.mtime = 1600000000, .mtime_ns = 500000000, .xattr = xattr, .nxattr = 3,
	};
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	LP_AUTO(lp_toc_free) struct lp_toc t = {0};
	struct lp_digest digest, whole;
	struct lp_print_chunk c[2] = {
		{100, 0, 6, &digest, &whole}, {200, 6, 0, &digest, &whole},
	};
	struct lp_toc_entry got[2];
	struct lp_err err = {0};
	bool more[3];

	lp_digest_of(LP_SHA256, "x", 1, &digest);
	lp_digest_of(LP_SHA256, "y", 1, &whole);
	CHECK(!lp_print_head(&out, &err) && !lp_print_entry(&out, true, "a", &e, &c[0], &err) &&
		      !lp_print_entry(&out, false, "a", &e, &c[1], &err) &&
		      !lp_print_tail(&out, &err), "print %s", err.msg);
	if (!CHECK(!lp_buf_reserve(&out, LP_SCAN_SLACK, BYTES_MAX, &err) &&
			   !lp_toc_open(&t, (char *)out.p, out.len, &err) &&
			   !lp_toc_next(&t, &got[0], &more[0], &err), "read %s", err.msg))
		return;
	CHECK(more[0] && got[0].size == 10 && got[0].mode == 04755 && got[0].uid == 7 &&
		      got[0].gid == 8 && got[0].mtime == 1600000000 &&
		      got[0].mtime_ns == 500000000, "the header's members");
	CHECK(got[0].offset == 100 && !got[0].chunk_off && got[0].chunk_bytes == 6 &&
		      strcmp(got[0].digest.p, got[0].chunk_digest.p) != 0, "the first chunk");
	CHECK(got[0].nxattr == 3 && !strcmp(got[0].xattr[1].name, "user.a") &&
		      got[0].xattr[2].bytes == 3 && !memcmp(got[0].xattr[2].value, "\xff\0z", 3),
	      "xattrs");
	CHECK(!lp_toc_next(&t, &got[1], &more[1], &err) && more[1] &&
		      got[1].type == LP_TOC_CHUNK && got[1].offset == 200 &&
		      got[1].chunk_off == 6 && !got[1].chunk_bytes && !got[1].size &&
		      !got[1].digest.p && got[1].chunk_digest.p, "the second chunk %s", err.msg);
	CHECK(!lp_toc_next(&t, &got[1], &more[2], &err) && !more[2], "the end %s", err.msg);
}

int main(void)
{
	test_names();
	test_all();
	return test_done();
}
