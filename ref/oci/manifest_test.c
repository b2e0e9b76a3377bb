// SPDX-License-Identifier: MIT
#include "oci/manifest.h"
#include "testing/test.h"

#include <string.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define DESC(type, hex) \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":7}"
#define CONFIG "\"config\":" DESC(OCI "config.v1+json", A64)
#define LAYERS "\"layers\":[" DESC(OCI "layer.v1.tar+gzip", B64) "]"
#define TYPE "\"mediaType\":\"" OCI "manifest.v1+json\""
#define TWO "\"schemaVersion\":2"

static const struct {
	const char *text;
	const char *type;
	enum lp_code want;
	const char *rule;
} cases[] = {
	{"{" TWO "," TYPE "," CONFIG "," LAYERS "}", NULL, LP_OK, NULL},
	{"{" TWO "," CONFIG "," LAYERS "}", OCI "manifest.v1+json", LP_OK, NULL},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS "}", "application/json", LP_OK, NULL},
	{"{" TWO "," TYPE "," CONFIG ",\"layers\":[],\"annotations\":null}", NULL, LP_OK, NULL},
	{"{" TWO ",\"mediaType\":\"" DOCKER "distribution.manifest.v2+json\",\"config\":"
	 DESC(DOCKER "container.image.v1+json", A64) "," LAYERS "}",
	 DOCKER "distribution.manifest.v2+json; charset=utf-8", LP_OK, NULL},
	{"{", NULL, LP_EFORMAT, "oci.manifest.json"},
	{"[]", NULL, LP_EFORMAT, "oci.manifest.schema-version"},
	{"{}", NULL, LP_EFORMAT, "oci.manifest.schema-version"},
	{"{\"schemaVersion\":\"2\"}", NULL, LP_EFORMAT, "oci.manifest.schema-version"},
	{"{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, LP_EUNSUP, "oci.manifest.schema-version"},
	{"{\"schemaVersion\":3}", NULL, LP_EFORMAT, "oci.manifest.schema-version"},
	{"{" TWO "}", DOCKER "distribution.manifest.v1+prettyjws", LP_EUNSUP,
	 "oci.manifest.schema-version"},
	{"{" TWO ",\"schemaVersion\":2}", NULL, LP_EFORMAT, "json.object.duplicate-key"},
	{"{" TWO "," CONFIG "," LAYERS "}", NULL, LP_EFORMAT, "oci.manifest.media-type"},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS "}", OCI "index.v1+json", LP_EFORMAT,
	 "oci.manifest.media-type"},
	{"{" TWO ",\"mediaType\":2," CONFIG "," LAYERS "}", NULL, LP_EFORMAT,
	 "oci.manifest.media-type"},
	{"{" TWO ",\"mediaType\":\"" OCI "index.v1+json\",\"manifests\":[]}", NULL, LP_EUNSUP,
	 "oci.manifest.media-type"},
	{"{" TWO ",\"mediaType\":\"a/b\"," CONFIG "," LAYERS "}", NULL, LP_EUNSUP,
	 "oci.manifest.media-type"},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS ",\"manifests\":[]}", NULL, LP_EFORMAT,
	 "oci.manifest.ambiguous"},
	{"{" TWO "," TYPE ",\"manifests\":[]}", NULL, LP_EFORMAT, "oci.manifest.ambiguous"},
	{"{" TWO "," TYPE "," LAYERS "}", NULL, LP_EFORMAT, "oci.manifest.config"},
	{"{" TWO "," TYPE ",\"config\":[]," LAYERS "}", NULL, LP_EFORMAT, "oci.manifest.config"},
	{"{" TWO "," TYPE ",\"config\":" DESC("application/vnd.oci.empty.v1+json", A64) "," LAYERS "}",
	 NULL, LP_EUNSUP, "oci.manifest.config"},
	{"{" TWO "," TYPE "," CONFIG "}", NULL, LP_EFORMAT, "oci.manifest.layers"},
	{"{" TWO "," TYPE "," CONFIG ",\"layers\":{}}", NULL, LP_EFORMAT, "oci.manifest.layers"},
	{"{" TWO "," TYPE "," CONFIG ",\"layers\":[7]}", NULL, LP_EFORMAT, "oci.descriptor.object"},
	{"{" TWO "," TYPE "," CONFIG ",\"layers\":[" DESC("a/b", "bb") "]}", NULL, LP_EFORMAT,
	 "oci.descriptor.digest"},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS ",\"annotations\":{\"a\":[]}}", NULL, LP_EFORMAT,
	 "oci.manifest.annotations"},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS ",\"artifactType\":\"a/b\",\"subject\":"
	 DESC("a/b", A64) "}", NULL, LP_OK, NULL},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS ",\"artifactType\":[]}", NULL, LP_EFORMAT,
	 "oci.manifest.artifact-type"},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS ",\"artifactType\":\"" A64 A64 "\"}", NULL,
	 LP_EFORMAT, "oci.manifest.artifact-type"},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS ",\"subject\":\"sha256:" A64 "\"}", NULL,
	 LP_EFORMAT, "oci.manifest.subject"},
	{"{" TWO "," TYPE "," CONFIG "," LAYERS ",\"subject\":{}}", NULL, LP_EFORMAT,
	 "oci.descriptor.media-type"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
		struct lp_err err = {0};
		const char *t = cases[i].text;

		CHECK(lp_manifest_parse(t, strlen(t), cases[i].type, &m, &err) == cases[i].want,
		      "manifest %zu: %s", i, err.msg);
		if (cases[i].want)
			CHECK(err.rule && !strcmp(err.rule, cases[i].rule) && !m.nlayer,
			      "manifest %zu breaks %s", i, cases[i].rule);
	}
}

/* A manifest of @n layers. */
static enum lp_code parse_many(size_t n, struct lp_manifest *m, struct lp_err *err)
{
	static const char head[] = "{" TWO "," TYPE "," CONFIG ",\"layers\":[", tail[] = "]}";
	static const char one[] = "," DESC("a/b", B64);
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (lp_buf_add(&text, head, sizeof(head) - 1, SIZE_MAX, err))
		return err->code;
	for (size_t i = 0; i < n; i++)
		if (lp_buf_add(&text, one + !i, sizeof(one) - 1 - !i, SIZE_MAX, err))
			return err->code;
	if (lp_buf_add(&text, tail, sizeof(tail) - 1, SIZE_MAX, err))
		return err->code;
	return lp_manifest_parse(text.p, text.len, NULL, m, err);
}

static void test_limits(void)
{
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	LP_AUTO(lp_buf_free) struct lp_buf large = {0};
	struct lp_err err = {0};

	CHECK(!parse_many(LP_LAYERS_MAX, &m, &err) && m.nlayer == LP_LAYERS_MAX,
	      "as many layers as may be");
	lp_manifest_free(&m);
	CHECK(parse_many(LP_LAYERS_MAX + 1, &m, &err) == LP_ELIMIT &&
	      !strcmp(err.rule, "oci.manifest.layers-max"), "one layer more");
	if (lp_buf_reserve(&large, LP_MANIFEST_MAX + 1, SIZE_MAX, &err))
		return;
	memset(large.p, ' ', LP_MANIFEST_MAX + 1);
	CHECK(lp_manifest_parse(large.p, LP_MANIFEST_MAX + 1, NULL, &m, &err) == LP_ELIMIT &&
	      !strcmp(err.rule, "oci.manifest.bytes"), "a manifest above the limit");
}

static void test_print(void)
{
	static const char docker[] =
		"{" TWO ",\"mediaType\":\"" DOCKER "distribution.manifest.v2+json\",\"config\":"
		DESC(DOCKER "container.image.v1+json", A64) ",\"layers\":["
		DESC(DOCKER "image.rootfs.diff.tar.gzip", B64) "],\"annotations\":{\"k\":\"v\"}}";
	static const char want[] =
		"{\"annotations\":{\"k\":\"v\"},\"config\":{\"digest\":\"sha256:" A64
		"\",\"mediaType\":\"" OCI "config.v1+json\",\"size\":7},\"layers\":[{\"digest\":"
		"\"sha256:" B64 "\",\"mediaType\":\"" OCI "layer.v1.tar+gzip\",\"size\":7}],"
		"\"mediaType\":\"" OCI "manifest.v1+json\",\"schemaVersion\":2}";
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lp_err err = {0};

	CHECK(!lp_manifest_parse(docker, sizeof(docker) - 1, NULL, &m, &err) &&
	      !strcmp(m.media_type, DOCKER "distribution.manifest.v2+json"), "Docker's manifest");
	CHECK(!lp_manifest_print(&m, &out, &err) && out.len == sizeof(want) - 1 &&
	      !memcmp(out.p, want, out.len), "is written as OCI's");
}

#define NOTED(notes) \
	"{" TWO "," TYPE "," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:" B64 \
	"\",\"size\":7,\"annotations\":" notes "}]"

static void test_nydus(void)
{
	static const struct {
		const char *text;
		bool want;
	} nydus[] = {
		{NOTED("{}") "}", false},
		{NOTED("{}") ",\"artifactType\":\"" LP_TYPE_NYDUS "\"}", true},
		{NOTED("{}") ",\"artifactType\":\"a/b\"}", false},
		{NOTED("{\"" LP_NOTE_NYDUS_BOOTSTRAP "\":\"true\"}") "}", true},
		{NOTED("{\"" LP_NOTE_NYDUS_BOOTSTRAP "\":\"false\"}") "}", false},
		{NOTED("{\"" LP_NOTE_NYDUS_BLOB "\":\"true\"}") "}", false},
		{"{" TWO "," TYPE "," CONFIG ",\"layers\":[]}", false},
	};

	for (size_t i = 0; i < sizeof(nydus) / sizeof(nydus[0]); i++) {
		LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
		LP_AUTO(lp_buf_free) struct lp_buf out = {0};
		struct lp_err err = {0};
		const char *t = nydus[i].text;

		if (lp_manifest_parse(t, strlen(t), NULL, &m, &err) ||
		    lp_manifest_print(&m, &out, &err))
			continue;
		CHECK(lp_manifest_is_nydus(&m) == nydus[i].want, "manifest %zu of Nydus", i);
		CHECK(!!strstr(t, "artifactType") ==
		      !!memmem(out.p, out.len, "\"artifactType\"", 14), "says its type again");
	}
}

static void test_kinds(void)
{
	static const struct {
		const char *text, *type;
		bool want;
	} kinds[] = {
		{"{" TWO ",\"manifests\":[]}", NULL, true},
		{"{" TWO "}", OCI "index.v1+json", true},
		{"{" TWO "," CONFIG "," LAYERS "}", NULL, false},
		{"{" TWO ",\"mediaType\":\"" DOCKER "distribution.manifest.list.v2+json\"}", NULL, true},
		{"{" TWO "}", NULL, false},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct lp_err err = {0};
		bool got = !kinds[i].want;

		CHECK(!lp_manifest_is_index(kinds[i].text, strlen(kinds[i].text), kinds[i].type, &got,
					    &err) && got == kinds[i].want, "kind %zu", i);
	}
}

int main(void)
{
	test_cases();
	test_limits();
	test_print();
	test_nydus();
	test_kinds();
	return test_done();
}
