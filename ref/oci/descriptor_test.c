// SPDX-License-Identifier: MIT
#include "oci/descriptor.h"
#include "testing/test.h"

#include <string.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA "\"sha256:" A64 "\""
#define TAR "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\""
#define X16 "xxxxxxxxxxxxxxxx"
#define X128 X16 X16 X16 X16 X16 X16 X16 X16

#define HELLO "\"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\""

static const struct {
	const char *text;
	enum lp_code want;
	const char *rule;
} cases[] = {
	{"{" TAR ",\"digest\":" SHA ",\"size\":7}", LP_OK, NULL},
	{"{" TAR ",\"digest\":" SHA ",\"size\":0,\"annotations\":null,\"new\":[1]}", LP_OK, NULL},
	{"{" TAR ",\"digest\":" SHA ",\"size\":9223372036854775807}", LP_OK, NULL},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"annotations\":{\"a\":\"b\"}}", LP_OK, NULL},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"urls\":[\"https://[::1]:5000/a?b=%20#c\"]}", LP_OK,
	 NULL},
	{"{" TAR ",\"digest\":" HELLO ",\"size\":5,\"data\":\"aGVsbG8=\"}", LP_OK, NULL},
	{"{" TAR ",\"digest\":" SHA ",\"size\":5,\"data\":\"aGVsbG8=\"}", LP_EDIGEST,
	 "oci.descriptor.data-equal"},
	{"{" TAR ",\"digest\":" HELLO ",\"size\":4,\"data\":\"aGVsbG8=\"}", LP_EFORMAT,
	 "oci.descriptor.data-equal"},
	{"{" TAR ",\"digest\":" HELLO ",\"size\":5,\"data\":\"aGVsbG8\"}", LP_EFORMAT,
	 "oci.descriptor.data"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"urls\":[\"a b:\"]}", LP_EFORMAT,
	 "oci.descriptor.urls"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"urls\":[\"x://%z0\"]}", LP_EFORMAT,
	 "oci.descriptor.urls"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"urls\":[\"x://[a\"]}", LP_EFORMAT,
	 "oci.descriptor.urls"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"artifactType\":\"a\"}", LP_EFORMAT,
	 "oci.descriptor.artifact-type"},
	{"[]", LP_EFORMAT, "oci.descriptor.object"},
	{"{}", LP_EFORMAT, "oci.descriptor.media-type"},
	{"{\"mediaType\":7,\"digest\":" SHA ",\"size\":7}", LP_EFORMAT, "oci.descriptor.media-type"},
	{"{\"mediaType\":\"tar\",\"digest\":" SHA ",\"size\":7}", LP_EFORMAT,
	 "oci.descriptor.media-type"},
	{"{\"mediaType\":\"a/b c\",\"digest\":" SHA ",\"size\":7}", LP_EFORMAT,
	 "oci.descriptor.media-type"},
	{"{\"mediaType\":\"a/" X128 "\",\"digest\":" SHA ",\"size\":7}", LP_EFORMAT,
	 "oci.descriptor.media-type"},
	{"{" TAR ",\"size\":7}", LP_EFORMAT, "oci.descriptor.digest"},
	{"{" TAR ",\"digest\":\"sha256:aa\",\"size\":7}", LP_EFORMAT, "oci.descriptor.digest"},
	{"{" TAR ",\"digest\":\"sha256:A" A64 "\",\"size\":7}", LP_EFORMAT, "oci.descriptor.digest"},
	{"{" TAR ",\"digest\":\"" A64 "\",\"size\":7}", LP_EFORMAT, "oci.descriptor.digest"},
	{"{" TAR ",\"digest\":\"md5:" A64 "\",\"size\":7}", LP_EUNSUP, "oci.descriptor.digest"},
	{"{" TAR ",\"digest\":{},\"size\":7}", LP_EFORMAT, "oci.descriptor.digest"},
	{"{" TAR ",\"digest\":" SHA "}", LP_EFORMAT, "oci.descriptor.size"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":-1}", LP_EFORMAT, "oci.descriptor.size"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":7.0}", LP_EFORMAT, "oci.descriptor.size"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":\"7\"}", LP_EFORMAT, "oci.descriptor.size"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"annotations\":[]}", LP_EFORMAT,
	 "oci.descriptor.annotations"},
	{"{" TAR ",\"digest\":" SHA ",\"size\":1,\"annotations\":{\"a\":1}}", LP_EFORMAT,
	 "oci.descriptor.annotations"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_json_free) json_t *o = NULL;
		LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
		struct lp_err err = {0};
		const char *t = cases[i].text;

		if (!CHECK(!lp_json_parse(t, strlen(t), "test.json.rule", &o, &err), "case %zu", i))
			continue;
		CHECK(lp_descriptor_parse(o, &d, &err) == cases[i].want, "descriptor %zu: %s", i,
		      err.msg);
		if (cases[i].want)
			CHECK(err.rule && !strcmp(err.rule, cases[i].rule) && !*d.media_type &&
			      !d.notes, "descriptor %zu breaks %s", i, cases[i].rule);
	}
}

static void test_notes(void)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {.media_type = "a/b", .bytes = 3};
	LP_AUTO(lp_descriptor_free) struct lp_descriptor copy = {0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	LP_AUTO(lp_descriptor_free) struct lp_descriptor again = {0};
	struct lp_err err = {0};
	const char *copied, *own;

	lp_digest_of(LP_SHA256, "abc", 3, &d.digest);
	CHECK(!lp_descriptor_note(&d, "k"), "no annotation");
	CHECK(!lp_descriptor_set_note(&d, "k", "1", &err) && !lp_descriptor_copy(&copy, &d, &err) &&
	      !lp_descriptor_set_note(&d, "k", "2", &err), "set, copy, set");
	copied = lp_descriptor_note(&copy, "k");
	own = lp_descriptor_note(&d, "k");
	CHECK(copied && own && !strcmp(copied, "1") && !strcmp(own, "2"),
	      "a copy keeps its annotations");
	o = lp_descriptor_json(&d);
	CHECK(o && !lp_descriptor_parse(o, &again, &err) && again.bytes == 3 &&
	      lp_digest_equal(&again.digest, &d.digest) &&
	      json_equal(again.notes, d.notes), "printed and read again");
}

static void test_media(void)
{
	static const struct {
		const char *type;
		enum lp_media want;
		const char *name;
	} rows[] = {
		{"application/vnd.oci.image.index.v1+json", LP_MEDIA_INDEX, NULL},
		{"application/vnd.docker.distribution.manifest.list.v2+json", LP_MEDIA_INDEX,
		 "application/vnd.oci.image.index.v1+json"},
		{"application/vnd.docker.distribution.manifest.v2+json", LP_MEDIA_MANIFEST,
		 "application/vnd.oci.image.manifest.v1+json"},
		{"application/vnd.oci.image.manifest.v1+json; charset=utf-8", LP_MEDIA_MANIFEST, NULL},
		{"application/vnd.docker.container.image.v1+json", LP_MEDIA_CONFIG,
		 "application/vnd.oci.image.config.v1+json"},
		{"application/vnd.oci.image.layer.v1.tar", LP_MEDIA_LAYER, NULL},
		{"application/vnd.docker.image.rootfs.diff.tar.gzip", LP_MEDIA_LAYER_GZIP,
		 "application/vnd.oci.image.layer.v1.tar+gzip"},
		{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LP_MEDIA_LAYER_GZIP,
		 "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
		{"application/vnd.oci.image.layer.v1.tar+zstd", LP_MEDIA_LAYER_ZSTD, NULL},
		{"application/vnd.oci.empty.v1+json", LP_MEDIA_EMPTY, NULL},
		{"application/vnd.oci.image.layer.v1.tar+gzip+encrypted", LP_MEDIA_OTHER, NULL},
		{"application/json", LP_MEDIA_OTHER, NULL},
		{"", LP_MEDIA_OTHER, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = rows[i].name ? rows[i].name : rows[i].type;

		CHECK(lp_media_of(rows[i].type) == rows[i].want &&
		      !strcmp(lp_media_name(rows[i].type), name), "media type \"%s\"",
		      rows[i].type);
	}
}

int main(void)
{
	test_cases();
	test_notes();
	test_media();
	return test_done();
}
