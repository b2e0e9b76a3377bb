// SPDX-License-Identifier: MIT
#include "oci/subject.h"
#include "testing/dir.h"
#include "testing/test.h"

#include <string.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DESC(type, hex) \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":7}"
#define OCI "application/vnd.oci.image."
#define M(more) "{\"schemaVersion\":2,\"mediaType\":\"" OCI "manifest.v1+json\"" more "}"
#define CONFIG ",\"layers\":[],\"config\":" DESC("c/d", B64)

static const struct {
	const char *text, *type;	/* type: in the list; NULL: it is not there */
	enum lp_code want;
	const char *rule;
} cases[] = {
	{M(CONFIG), NULL, LP_OK, NULL},
	{M(CONFIG ",\"subject\":null"), NULL, LP_OK, NULL},
	{M(CONFIG ",\"subject\":" DESC("a/b", A64)), "c/d", LP_OK, NULL},
	{M(CONFIG ",\"subject\":" DESC("a/b", B64)), NULL, LP_OK, NULL},
	{M(CONFIG ",\"artifactType\":\"e/f\",\"subject\":" DESC("a/b", A64)), "e/f", LP_OK, NULL},
	{M(CONFIG ",\"subject\":[]"), NULL, LP_EFORMAT, "oci.manifest.subject"},
	{M(CONFIG ",\"subject\":{}"), NULL, LP_EFORMAT, "oci.descriptor.media-type"},
	{M(CONFIG ",\"artifactType\":1,\"subject\":" DESC("a/b", A64)), NULL, LP_EFORMAT,
	 "oci.manifest.artifact-type"},
	{M(",\"config\":1,\"subject\":" DESC("a/b", A64)), NULL, LP_EFORMAT, "oci.manifest.config"},
	{M(CONFIG ",\"annotations\":1,\"subject\":" DESC("a/b", A64)), NULL, LP_EFORMAT,
	 "oci.manifest.annotations"},
	{"{", NULL, LP_EFORMAT, "oci.manifest.json"},
};

/* A layout with one manifest, which has no tag. */
static enum lp_code make(const char *path, const char *text, struct lp_layout *l,
			 struct lp_err *err)
{
	struct lp_descriptor d = {.media_type = OCI "manifest.v1+json"};
	LP_AUTO(lp_json_free) json_t *entry = NULL;

	if (lp_layout_create(l, path, err) || lp_layout_put(l, text, strlen(text), &d, err))
		return err->code;
	entry = lp_index_entry_json(&d, NULL, "x/y");
	if (!entry)
		return lp_fail_errno(err, "an entry");
	if (lp_layout_add(l, entry, err) || lp_layout_add(l, entry, err))
		return err->code;
	return LP_OK;
}

int main(void)
{
	struct lp_digest subject;
	char dir[TEST_DIR];
	struct lp_err err = {0};

	if (lp_digest_parse("sha256:" A64, 7 + 64, &subject, &err))
		return 1;
	test_dir_make(dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_layout_free) struct lp_layout l = {.dir = -1, .file = -1};
		LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};
		struct lp_index_entry e = {.json = NULL};
		char path[300];
		enum lp_code got;

		snprintf(path, sizeof(path), "%s/%zu", dir, i);
		if (make(path, cases[i].text, &l, &err))
			continue;
		got = lp_subject_list(&l, &subject, &list, &err);
		CHECK(got == cases[i].want, "subject %zu: %s", i, err.msg);
		if (got)
			CHECK(err.rule && !strcmp(err.rule, cases[i].rule), "breaks %s",
			      cases[i].rule);
		else if (!cases[i].type)
			CHECK(!json_array_size(list.entries), "is no referrer");
		else
			CHECK(!lp_index_read(&list, 0, &e, &err) && e.artifact_type &&
			      !strcmp(e.artifact_type, cases[i].type), "is one, of type %s",
			      cases[i].type);
	}
	test_dir_remove(dir);
	return test_done();
}
