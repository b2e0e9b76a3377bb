// SPDX-License-Identifier: MIT
#include "oci/config.h"
#include "testing/test.h"

#include <string.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PLATFORM "\"os\":\"linux\",\"architecture\":\"amd64\""
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" A64 "\"]}"
#define WITH(config) "{" PLATFORM "," ROOTFS ",\"config\":" config "}"

static const struct {
	const char *text;
	enum lp_code want;
	const char *rule;
} cases[] = {
	{"{" PLATFORM "," ROOTFS "}", LP_OK, NULL},
	{WITH("null"), LP_OK, NULL},
	{WITH("{\"Env\":null,\"Cmd\":[\"sh\"],\"Entrypoint\":[],\"User\":\"\",\"Labels\":{}}"),
	 LP_OK, NULL},
	{"{" PLATFORM "," ROOTFS ",\"history\":[{\"empty_layer\":true},{}],\"x\":1}", LP_OK, NULL},
	{"", LP_EFORMAT, "oci.config.json"},
	{"[]", LP_EFORMAT, "oci.config.platform"},
	{"{" ROOTFS "}", LP_EFORMAT, "oci.config.platform"},
	{"{\"os\":1,\"architecture\":\"amd64\"," ROOTFS "}", LP_EFORMAT, "oci.config.platform"},
	{"{\"os\":\"" A64 "\",\"architecture\":\"amd64\"," ROOTFS "}", LP_EFORMAT,
	 "oci.config.platform"},
	{"{" PLATFORM "}", LP_EFORMAT, "oci.config.rootfs"},
	{"{" PLATFORM ",\"rootfs\":[]}", LP_EFORMAT, "oci.config.rootfs"},
	{"{" PLATFORM ",\"rootfs\":{\"diff_ids\":[]}}", LP_EFORMAT, "oci.config.rootfs"},
	{"{" PLATFORM ",\"rootfs\":{\"type\":\"base\",\"diff_ids\":[]}}", LP_EFORMAT,
	 "oci.config.rootfs"},
	{"{" PLATFORM ",\"rootfs\":{\"type\":\"layers\"}}", LP_EFORMAT, "oci.config.diff-ids"},
	{"{" PLATFORM ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}", LP_EFORMAT,
	 "oci.config.diff-ids"},
	{"{" PLATFORM ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:a\"]}}", LP_EFORMAT,
	 "oci.descriptor.digest"},
	{WITH("[]"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"Env\":[1]}"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"Env\":{}}"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"Cmd\":\"sh\"}"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"Entrypoint\":[null]}"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"User\":0}"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"WorkingDir\":[]}"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"StopSignal\":9}"), LP_EFORMAT, "oci.config.members"},
	{WITH("{\"Labels\":{\"a\":1}}"), LP_EFORMAT, "oci.config.members"},
	{"{" PLATFORM "," ROOTFS ",\"history\":{}}", LP_EFORMAT, "oci.config.history"},
	{"{" PLATFORM "," ROOTFS ",\"history\":[1]}", LP_EFORMAT, "oci.config.history"},
	{"{" PLATFORM "," ROOTFS ",\"history\":[{\"empty_layer\":1}]}", LP_EFORMAT,
	 "oci.config.history"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_config_free) struct lp_config c = {0};
		struct lp_err err = {0};
		const char *t = cases[i].text;

		CHECK(lp_config_parse(t, strlen(t), &c, &err) == cases[i].want, "config %zu: %s", i,
		      err.msg);
		if (cases[i].want)
			CHECK(err.rule && !strcmp(err.rule, cases[i].rule) && !c.document,
			      "config %zu breaks %s", i, cases[i].rule);
		else
			CHECK(c.ndiffid == 1 && c.diffid[0].b[31] == 0xaa, "config %zu: layers", i);
	}
}

static void test_many_layers(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_config_free) struct lp_config c = {0};
	struct lp_err err = {0};
	static const char head[] = "{" PLATFORM ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[";
	static const char one[] = ",\"sha256:" A64 "\"";
	bool ok = !lp_buf_add(&text, head, sizeof(head) - 1, SIZE_MAX, &err);

	for (size_t i = 0; i <= LP_LAYERS_MAX; i++)
		ok = ok && !lp_buf_add(&text, one + !i, sizeof(one) - 1 - !i, SIZE_MAX, &err);
	ok = ok && !lp_buf_add(&text, "]}}", 3, SIZE_MAX, &err);
	CHECK(ok && lp_config_parse(text.p, text.len, &c, &err) == LP_ELIMIT, "too many layers");
	CHECK(lp_config_parse("", LP_CONFIG_MAX + 1, &c, &err) == LP_ELIMIT, "too many bytes");
}

#define HISTORY \
	"{" PLATFORM "," ROOTFS ",\"history\":[{\"created_by\":\"1\"}," \
	"{\"created_by\":\"e\",\"empty_layer\":true},{\"created_by\":\"2\"}],\"x\":[1.5]}"

static void test_rewrite(void)
{
	static const struct {
		size_t n;
		const char *history;
	} rows[] = {
		{0, "[{\"created_by\":\"e\",\"empty_layer\":true}]"},
		{1, "[{\"created_by\":\"1\"},{\"created_by\":\"e\",\"empty_layer\":true}]"},
		{2, "[{\"created_by\":\"1\"},{\"created_by\":\"e\",\"empty_layer\":true},"
		    "{\"created_by\":\"2\"}]"},
		{3, "[{\"created_by\":\"1\"},{\"created_by\":\"e\",\"empty_layer\":true},"
		    "{\"created_by\":\"2\"},{\"created_by\":\"lazypull\"}]"},
	};
	LP_AUTO(lp_config_free) struct lp_config c = {0};
	struct lp_digest ids[3];
	struct lp_err err = {0};

	for (size_t i = 0; i < 3; i++)
		lp_digest_of(LP_SHA256, &i, 1, &ids[i]);
	if (!CHECK(!lp_config_parse(HISTORY, sizeof(HISTORY) - 1, &c, &err), "with history"))
		return;
	for (size_t i = 0; i < 4; i++) {
		LP_AUTO(lp_buf_free) struct lp_buf out = {0};
		LP_AUTO(lp_config_free) struct lp_config again = {0};

		CHECK(!lp_config_rewrite(&c, ids, rows[i].n, &out, &err) &&
		      !lp_config_parse(out.p, out.len, &again, &err) &&
		      again.ndiffid == rows[i].n &&
		      (!rows[i].n || lp_digest_equal(&again.diffid[0], &ids[0])), "%zu layers",
		      rows[i].n);
		CHECK(out.len && memmem(out.p, out.len, rows[i].history, strlen(rows[i].history)) &&
		      memmem(out.p, out.len, "\"x\":[1.5]", 9), "the history of %zu layers",
		      rows[i].n);
	}
	CHECK(c.ndiffid == 1 && json_array_size(json_object_get(c.document, "history")) == 3,
	      "the original is as it was");
}

int main(void)
{
	test_cases();
	test_many_layers();
	test_rewrite();
	return test_done();
}
