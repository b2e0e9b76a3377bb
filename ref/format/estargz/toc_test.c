// SPDX-License-Identifier: MIT
#include "format/estargz/toc.h"

#include "testing/test.h"

#include <stdlib.h>
#include <string.h>

#define TOC(entries) "{\"version\":1,\"entries\":[" entries "]}"
#define REG(more) TOC("{\"name\":\"a\",\"type\":\"reg\"" more "}")

/* A whole TOC, and the rule that it breaks; NULL: none. */
static const struct {
	const char *json, *rule;
} cases[] = {
	{TOC(""), NULL},
	{"{\"version\":1,\"entries\":null}", NULL},
	{"{\"entries\":null,\"version\":1}", NULL},
	{"{\"entries\":[{\"name\":\"a\",\"type\":\"dir\"}],\"version\":1}", NULL},
	{"{\"x\":[{\"version\":2}],\"version\":1,\"entries\":[],\"y\":1.5}", NULL},
	{"{}", "estargz.toc.entries"},
	{"{\"version\":1}", "estargz.toc.entries"},
	{"{\"entries\":[]}", "estargz.toc.version"},
	{"{\"version\":2,\"entries\":[]}", "estargz.toc.version"},
	{"{\"version\":0,\"entries\":[]}", "estargz.toc.version"},
	{"{\"version\":\"1\",\"entries\":[]}", "estargz.json.integer"},
	{"{\"version\":1,\"version\":1,\"entries\":[]}", "estargz.toc.key"},
	{"{\"version\":1,\"Version\":1,\"entries\":[]}", "estargz.toc.key"},
	{"{\"version\":1,\"entries\":[],\"entries\":[]}", "estargz.toc.key"},
	{"{\"version\":1,\"entries\":null,\"entries\":[]}", "estargz.toc.key"},
	{"{\"version\":1,\"Entries\":[]}", "estargz.toc.key"},
	{"{\"version\":1,\"entries\":{}}", "estargz.json.type"},
	{"[]", "estargz.json.type"}, {"null", "estargz.json.type"}, {"", "estargz.json.type"},
	{TOC("null"), "estargz.json.type"}, {TOC("1"), "estargz.json.type"},
	{TOC("[]"), "estargz.json.type"},
	{TOC("") " ", NULL}, {TOC("") "\n{}", "estargz.json.trailing"},
	{TOC("") "x", "estargz.json.trailing"},
	{TOC("{}"), "estargz.entry.required"},
	{TOC("{\"name\":\"a\"}"), "estargz.entry.required"},
	{TOC("{\"type\":\"reg\"}"), "estargz.entry.required"},
	{TOC("{\"name\":null,\"type\":\"reg\"}"), "estargz.json.type"},
	{TOC("{\"name\":\"a\",\"type\":\"socket\"}"), "estargz.entry.type"},
	{TOC("{\"name\":\"a\",\"type\":\"\"}"), "estargz.entry.type"},
	{TOC("{\"name\":\"a\",\"type\":1}"), "estargz.json.type"},
	{TOC("{\"name\":\"a\",\"type\":\"reg\",\"name\":\"b\"}"), "estargz.toc.key"},
	{TOC("{\"name\":\"a\",\"type\":\"reg\",\"\\u006eame\":\"b\"}"), "estargz.toc.key"},
	{REG(",\"NAME\":\"b\""), "estargz.toc.key"}, {REG(",\"chunkdigest\":\"b\""), "estargz.toc.key"},
	{REG(",\"NumLink\":0"), NULL}, {REG(",\"later\":{\"name\":[1.5e3]}"), NULL},
	{REG(",\"later\":1,\"later\":2"), NULL},
	{REG(",\"size\":5"), NULL}, {REG(",\"size\":-1"), "estargz.entry.size"},
	{REG(",\"size\":17592186044416"), NULL}, {REG(",\"size\":17592186044417"), "estargz.entry.size"},
	{REG(",\"size\":4611686018427387904"), "estargz.entry.size"},
	{REG(",\"size\":5.0"), "estargz.json.integer"}, {REG(",\"size\":5e0"), "estargz.json.integer"},
	{REG(",\"size\":\"5\""), "estargz.json.integer"}, {REG(",\"size\":null"), "estargz.json.integer"},
	{REG(",\"size\":05"), "estargz.json.syntax"},
	{REG(",\"mode\":33261"), NULL}, {REG(",\"mode\":-1"), "estargz.entry.mode"},
	{REG(",\"uid\":4294967294"), NULL}, {REG(",\"uid\":4294967295"), "estargz.entry.owner"},
	{REG(",\"gid\":-1"), "estargz.entry.owner"},
	{REG(",\"offset\":-1"), "estargz.chunk.offset"},
	{REG(",\"offset\":9223372036854775808"), "estargz.json.integer"},
	{REG(",\"innerOffset\":-1"), "estargz.chunk.inner-offset"},
	{REG(",\"chunkOffset\":-1"), "estargz.chunk.partition"},
	{REG(",\"chunkSize\":-1"), "estargz.chunk.partition"},
	{REG(",\"devMajor\":4096"), "estargz.entry.device"},
	{REG(",\"devMinor\":1048576"), "estargz.entry.device"},
	{REG(",\"modtime\":\"2020-09-13T12:26:41Z\""), NULL},
	{REG(",\"modtime\":\"\""), "estargz.entry.modtime"},
	{REG(",\"modtime\":\"yesterday\""), "estargz.entry.modtime"},
	{REG(",\"modtime\":1"), "estargz.json.type"},
	{REG(",\"xattrs\":{}"), NULL}, {REG(",\"xattrs\":{\"user.a\":\"dg==\",\"user.b\":null}"), NULL},
	{REG(",\"xattrs\":{\"trusted.overlay.opaque\":\"\"}"), "tar.xattr.reserved-overlay"},
	{REG(",\"xattrs\":{\"user.\":\"\"}"), "tar.xattr.name"},
	{REG(",\"xattrs\":{\"com.apple.x\":\"dg==\"}"), NULL},
	{REG(",\"xattrs\":[]"), "estargz.json.type"}, {REG(",\"xattrs\":null"), "estargz.json.type"},
	{REG(",\"xattrs\":{\"user.a\":1}"), "estargz.json.type"},
	{REG(",\"xattrs\":{\"user.a\":\"dg\"}"), "estargz.entry.xattrs"},
	{REG(",\"xattrs\":{\"user.a\":\"__77\"}"), "estargz.entry.xattrs"},
	{REG(",\"xattrs\":{\"user.b\":\"\",\"user.a\":\"\",\"user.b\":\"\"}"), "estargz.toc.key"},
	{REG(",\"xattrs\":{\"user.a\":\"\",\"user.a\":\"\"}"), "estargz.toc.key"},
};

/* Pull all of @json; the last entry stays in @e. */
static enum lp_code pull(struct lp_toc *t, const char *json, char **doc, struct lp_toc_entry *e,
			 struct lp_err *err)
{
	size_t n = strlen(json);
	bool more = true;

	*doc = malloc(n + LP_SCAN_SLACK);
	if (!*doc)
		return lp_fail_errno(err, "malloc");
	memcpy(*doc, json, n);
	if (lp_toc_open(t, *doc, n, err))
		return err->code;
	while (more)
		if (lp_toc_next(t, e, &more, err))
			return err->code;
	return LP_OK;
}

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_toc_free) struct lp_toc t = {0};
		struct lp_err err = {0};
		struct lp_toc_entry e;
		char *doc;
		enum lp_code got = pull(&t, cases[i].json, &doc, &e, &err);

		CHECK(got ? cases[i].rule && err.rule && !strcmp(cases[i].rule, err.rule) &&
			    err.at <= strlen(cases[i].json) : !cases[i].rule,
		      "%s: %s", cases[i].json, got ? err.msg : "good");
		free(doc);
	}
}

static const char whole[] = TOC(
	"{\"name\":\"d/\\u0061\",\"type\":\"reg\",\"size\":5,\"modtime\":\"2020-09-13T12:26:40.5Z\","
	"\"linkName\":\"l\",\"mode\":420,\"uid\":1,\"gid\":2,\"userName\":\"u\",\"offset\":195,"
	"\"innerOffset\":512,\"devMajor\":5,\"devMinor\":6,"
	"\"xattrs\":{\"user.b\":\"/wB6\",\"user.a\":\"\"},"
	"\"digest\":\"sha256:1\",\"chunkOffset\":3,\"chunkSize\":4,\"chunkDigest\":\"sha256:2\"}");

static void test_whole(void)
{
	LP_AUTO(lp_toc_free) struct lp_toc t = {0};
	struct lp_err err = {0};
	struct lp_toc_entry e = {0};
	char *doc;

	if (CHECK(!pull(&t, whole, &doc, &e, &err), "an entry with everything %s", err.msg)) {
		CHECK(!strcmp(e.name.p, "d/a") && e.name.bytes == 3 && e.type == LP_TOC_REG &&
			      !strcmp(e.link.p, "l"), "name, type, link");
		CHECK(e.size == 5 && e.mode == 420 && e.uid == 1 && e.gid == 2 && e.major == 5 &&
			      e.minor == 6, "size, mode, owner, device");
		CHECK(e.mtime == 1600000000 && e.mtime_ns == 500000000, "time");
		CHECK(e.offset == 195 && e.inner == 512 && e.chunk_off == 3 && e.chunk_bytes == 4,
		      "chunk");
		CHECK(!strcmp(e.digest.p, "sha256:1") && !strcmp(e.chunk_digest.p, "sha256:2"),
		      "digests");
		CHECK(e.nxattr == 2 && !strcmp(e.xattr[0].name, "user.a") && !e.xattr[0].bytes &&
			      !strcmp(e.xattr[1].name, "user.b") && e.xattr[1].bytes == 3 &&
			      !memcmp(e.xattr[1].value, "\xff\0z", 3), "xattrs, sorted");
	}
	free(doc);
}

int main(void)
{
	test_cases();
	test_whole();
	return test_done();
}
