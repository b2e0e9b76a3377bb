// SPDX-License-Identifier: MIT
#include "oci/index.h"
#include "testing/test.h"

#include <string.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define DESC(type, hex) \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":7}"
#define TWO "\"schemaVersion\":2"

#define ENTRY(os, arch, variant, hex) \
	"{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"sha256:" hex "\",\"size\":7," \
	"\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"" variant "}}"
#define INDEX(entries) "{" TWO ",\"manifests\":[" entries "]}"
#define V(v) ",\"variant\":\"" v "\""

#define FEATURES(list, hex) ENTRY("linux", "amd64", ",\"os.features\":" list, hex)
#define ARTIFACT(type, hex) \
	"{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"sha256:" hex "\",\"size\":7," \
	"\"artifactType\":\"" type "\"}"

/* The first candidate's descriptor. */
static enum lp_code choose(const char *text, const struct lp_platform *want, enum lp_kind prefer,
			   struct lp_descriptor *d, struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	struct lp_candidates c;

	if (lp_index_parse(text, strlen(text), NULL, &ix, err) ||
	    lp_index_choose(&ix, want, prefer, &c, err))
		return err->code;
	return lp_descriptor_parse(c.entry[0].json, d, err);
}

static const struct {
	const char *text;
	const char *platform;
	enum lp_code want;
	char hex;		/* first digit of the chosen */
	const char *rule;
} indexes[] = {
	{INDEX(ENTRY("linux", "arm64", "", A64) "," ENTRY("linux", "amd64", "", B64)),
	 "linux/amd64", LP_OK, 'b', NULL},
	{INDEX(ENTRY("linux", "amd64", "", A64) "," ENTRY("linux", "amd64", "", B64)),
	 "linux/amd64", LP_OK, 'a', NULL},
	{INDEX(DESC(OCI "manifest.v1+json", A64) "," ENTRY("linux", "amd64", "", B64)),
	 "linux/amd64", LP_OK, 'b', NULL},
	{INDEX(DESC(OCI "manifest.v1+json", A64) "," ENTRY("linux", "arm64", "", B64)),
	 "linux/amd64", LP_OK, 'a', NULL},
	{INDEX(ENTRY("linux", "arm", V("v6"), A64) "," ENTRY("linux", "arm", V("v7"), B64)),
	 "linux/arm/v7", LP_OK, 'b', NULL},
	{INDEX(DESC("a/b", A64) "," ENTRY("linux", "arm64", V("v8"), B64)), "linux/arm64", LP_OK,
	 'b', NULL},
	{INDEX(DESC(OCI "index.v1+json", A64)), "linux/amd64", LP_OK, 'a', NULL},
	{INDEX(ENTRY("unknown", "unknown", "", A64)), "linux/amd64", LP_EMISSING, 0,
	 "oci.index.platform"},
	{INDEX(""), "linux/amd64", LP_EMISSING, 0, "oci.index.platform"},
	{INDEX(DESC("a/b", A64)), "linux/amd64", LP_EMISSING, 0, "oci.index.platform"},
	{INDEX("7"), "linux/amd64", LP_EFORMAT, 0, "oci.descriptor.media-type"},
	{INDEX("{\"mediaType\":\"" OCI "manifest.v1+json\",\"platform\":{}}"), "linux/amd64",
	 LP_EFORMAT, 0, "oci.index.platform"},
	{INDEX("{\"mediaType\":\"" OCI "manifest.v1+json\",\"platform\":[]}"), "linux/amd64",
	 LP_EFORMAT, 0, "oci.index.platform"},
	{INDEX(ENTRY("linux", "amd64", ",\"variant\":1", A64)), "linux/amd64", LP_EFORMAT, 0,
	 "oci.index.platform"},
	{INDEX(ENTRY("linux", "amd64", "", "aa")), "linux/amd64", LP_EFORMAT, 0,
	 "oci.descriptor.digest"},
	{INDEX(FEATURES("[\"win32k\"]", A64)), "linux/amd64", LP_EMISSING, 0,
	 "oci.index.platform"},
	{INDEX(FEATURES("[\"win32k\"]", A64) "," ENTRY("linux", "amd64", "", B64)), "linux/amd64",
	 LP_OK, 'b', NULL},
	{INDEX(FEATURES("[\"win32k\"]", A64) "," ENTRY("linux", "amd64", "", B64)),
	 "linux(+win32k)/amd64", LP_OK, 'a', NULL},
	{INDEX(FEATURES("[]", A64)), "linux/amd64", LP_OK, 'a', NULL},
	{INDEX(FEATURES("\"win32k\"", A64)), "linux/amd64", LP_EFORMAT, 0, "oci.index.platform"},
	{INDEX(ARTIFACT("a/b", A64)), "linux/amd64", LP_EMISSING, 0, "oci.index.platform"},
	{INDEX(ARTIFACT(OCI "config.v1+json", A64)), "linux/amd64", LP_OK, 'a', NULL},
	{INDEX("{\"mediaType\":\"a/b\",\"artifactType\":{}}"), "linux/amd64", LP_EFORMAT, 0,
	 "oci.index.artifact-type"},
	{"{" TWO "}", "linux/amd64", LP_EFORMAT, 0, "oci.index.manifests"},
	{"{" TWO ",\"manifests\":[],\"layers\":[]}", "linux/amd64", LP_EFORMAT, 0,
	 "oci.manifest.ambiguous"},
};

static void test_indexes(void)
{
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
		LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
		struct lp_platform want;
		struct lp_err err = {0};
		char digest[LP_DIGEST_TEXT];
		const char *t = indexes[i].text;

		if (lp_platform_parse(indexes[i].platform, &want, &err))
			continue;
		CHECK(choose(t, &want, LP_KIND_OCI, &d, &err) == indexes[i].want,
		      "index %zu: %s", i, err.msg);
		lp_digest_text(&d.digest, digest);
		if (indexes[i].want)
			CHECK(!strcmp(err.rule, indexes[i].rule), "index %zu breaks %s", i,
			      indexes[i].rule);
		else
			CHECK(digest[7] == indexes[i].hex, "index %zu gives %c", i, indexes[i].hex);
	}
}


/* An image and its Nydus twin in an index, in either order; which kind is wanted, and comes. */
static const struct {
	const char *text, *platform;
	char oci, nydus;
} twins[] = {
	{INDEX(ENTRY("linux", "amd64", "", A64) "," ARTIFACT(LP_TYPE_NYDUS, B64)), "linux/amd64",
	 'a', 'a'},		/* a platform counts more */
	{INDEX(ENTRY("linux", "amd64", "", A64) ","
	       FEATURES("[\"" LP_FEATURE_NYDUS "\"]", B64)), "linux/amd64", 'a', 'b'},
	{INDEX(FEATURES("[\"" LP_FEATURE_NYDUS "\"]", B64) ","
	       ENTRY("linux", "amd64", "", A64)), "linux/amd64", 'a', 'b'},
	{INDEX(ENTRY("linux", "amd64", "},\"artifactType\":\"" LP_TYPE_NYDUS "\",\"x\":{", B64) ","
	       ENTRY("linux", "amd64", "", A64)), "linux/amd64", 'a', 'b'},
	{INDEX(FEATURES("[\"" LP_FEATURE_NYDUS "\"]", B64)), "linux/amd64", 'b', 'b'},
	{INDEX(ENTRY("linux", "amd64", "", A64)), "linux/amd64", 'a', 'a'},
	{INDEX(ENTRY("linux", "arm64", "", A64) "," FEATURES("[\"" LP_FEATURE_NYDUS "\"]", B64)),
	 "linux/arm64", 'a', 'a'},
	{INDEX(FEATURES("[\"" LP_FEATURE_NYDUS "\",\"other\"]", B64) ","
	       ENTRY("linux", "amd64", "", A64)), "linux/amd64", 'a', 'a'},
};

static char chosen(size_t i, enum lp_kind prefer)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	char digest[LP_DIGEST_TEXT];
	struct lp_platform want;
	struct lp_err err = {0};

	if (lp_platform_parse(twins[i].platform, &want, &err) ||
	    choose(twins[i].text, &want, prefer, &d, &err))
		return '?';
	lp_digest_text(&d.digest, digest);
	return digest[7];
}

static void test_twins(void)
{
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
		CHECK(chosen(i, LP_KIND_OCI) == twins[i].oci, "twins %zu: OCI preferred", i);
		CHECK(chosen(i, LP_KIND_NYDUS) == twins[i].nydus, "twins %zu: Nydus preferred", i);
	}
}

/* More entries that serve equally well than are looked at, the preferred one last. */
static void test_many(void)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	struct lp_platform want = {.os = "linux", .arch = "amd64"};
	struct lp_candidates c = {.n = 0};
	struct lp_descriptor d = {.media_type = OCI "manifest.v1+json", .bytes = 7};
	struct lp_err err = {0};
	bool ok = !lp_index_empty(&ix, &err);

	for (unsigned i = 0; i < 20 && ok; i++) {
		LP_AUTO(lp_json_free) json_t *e = NULL;

		d.digest = (struct lp_digest){.alg = LP_SHA256, .b = {(uint8_t)i}};
		e = lp_index_entry_json(&d, &want, i == 19 ? LP_TYPE_NYDUS : NULL);
		ok = e && !lp_index_add(&ix, e, &err) && !lp_index_add(&ix, e, &err);
	}
	if (!ok || lp_index_choose(&ix, &want, LP_KIND_NYDUS, &c, &err))
		return;
	CHECK(json_array_size(ix.entries) == 20, "adding again replaces");
	CHECK(c.n == LP_CANDIDATES_MAX && c.entry[0].kind == LP_KIND_NYDUS &&
	      c.entry[1].kind == LP_KIND_OCI, "%zu of them, the preferred first", c.n);
}

static void test_print(void)
{
	static const char list[] =
		"{" TWO ",\"mediaType\":\"" DOCKER "distribution.manifest.list.v2+json\","
		"\"manifests\":[" DESC(DOCKER "distribution.manifest.v2+json", A64) "]}";
	static const char want[] =
		"{\"manifests\":[{\"digest\":\"sha256:" A64 "\",\"mediaType\":\"" DOCKER
		"distribution.manifest.v2+json\",\"size\":7},{\"artifactType\":\"x/y\",\"digest\":"
		"\"sha256:" B64 "\",\"mediaType\":\"a/b\",\"platform\":{\"architecture\":\"arm\",\"os\":"
		"\"linux\",\"os.features\":[\"f\",\"g.h\"],\"variant\":\"v7\"},\"size\":3}],"
		"\"mediaType\":\"" OCI "index.v1+json\"," TWO "}";
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	LP_AUTO(lp_json_free) json_t *e = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lp_platform p = {.os = "linux", .arch = "arm", .variant = "v7", .features = "+f+g.h"};
	struct lp_descriptor d = {.media_type = "a/b", .bytes = 3};
	struct lp_err err = {0};

	if (lp_digest_parse("sha256:" B64, 7 + 64, &d.digest, &err))
		return;
	e = lp_index_entry_json(&d, &p, "x/y");
	if (!e || lp_index_parse(list, sizeof(list) - 1, NULL, &ix, &err) ||
	    lp_index_add(&ix, e, &err) || lp_index_print(&ix, &out, &err))
		return;
	CHECK(out.len == sizeof(want) - 1 && !memcmp(out.p, want, out.len), "%.*s", (int)out.len,
	      (const char *)out.p);
}

int main(void)
{
	test_indexes();
	test_twins();
	test_many();
	test_print();
	return test_done();
}
