// SPDX-License-Identifier: MIT
#include "registry/route.h"

#include "testing/test.h"

#include <string.h>

static const struct {
	const char *path;
	enum lb_route_kind kind;
	const char *name, *reference;
} cases[] = {
	{"/v2/", LB_ROUTE_BASE, "", ""},
	{"/v2", LB_ROUTE_BASE, "", ""},
	{"/token", LB_ROUTE_TOKEN, "", ""},
	{"/v2/python/manifests/latest", LB_ROUTE_MANIFEST, "python", "latest"},
	{"/v2/a/b/c/manifests/sha256:00", LB_ROUTE_MANIFEST, "a/b/c", "sha256:00"},
	{"/v2/python/blobs/sha256:00", LB_ROUTE_BLOB, "python", "sha256:00"},
	{"/v2/a/blobs/b/blobs/sha256:00", LB_ROUTE_BLOB, "a/blobs/b", "sha256:00"},
	{"/v2/python/blobs/uploads/", LB_ROUTE_UPLOADS, "python", ""},
	{"/v2/python/blobs/uploads", LB_ROUTE_UPLOADS, "python", ""},
	{"/v2/python/blobs/uploads/17af", LB_ROUTE_UPLOAD, "python", "17af"},
	{"/v2/python/tags/list", LB_ROUTE_TAGS, "python", ""},
	{"/v2/python/referrers/sha256:00", LB_ROUTE_REFERRERS, "python", "sha256:00"},
	{"/storage/a/b/sha256:00", LB_ROUTE_STORAGE, "a/b", "sha256:00"},
	{"/storage/sha256:00", LB_ROUTE_OTHER, NULL, NULL},
	{"/", LB_ROUTE_OTHER, NULL, NULL},
	{"", LB_ROUTE_OTHER, NULL, NULL},
	{"/v2/python", LB_ROUTE_OTHER, NULL, NULL},
	{"/v2/../manifests/latest", LB_ROUTE_OTHER, NULL, NULL},
	{"/v2/a/../b/blobs/sha256:00", LB_ROUTE_OTHER, NULL, NULL},
	{"/v2/Upper/manifests/latest", LB_ROUTE_OTHER, NULL, NULL},
	{"/v2//manifests/latest", LB_ROUTE_OTHER, NULL, NULL},
	{"/v2/python/blobs/sha256:00/more", LB_ROUTE_OTHER, NULL, NULL},
};

static const struct {
	const char *text;
	bool name, tag;
} words[] = {
	{"a", true, true}, {"a.b", true, true}, {"a__b", true, true}, {"a--b", true, true},
	{"a/b", true, false}, {"a..b", false, true}, {"a___b", false, true}, {"", false, false},
	{"-a", false, false}, {"a-", false, true}, {"A", false, true}, {"_a", false, true},
	{"a/", false, false}, {"a/../b", false, false}, {".", false, false}, {"a b", false, false},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lb_route got;

		lb_route_parse(cases[i].path, &got);
		CHECK(got.kind == cases[i].kind, "%s is %s", cases[i].path,
		      lb_route_word(cases[i].kind));
		if (cases[i].name)
			CHECK(!strcmp(got.name, cases[i].name) &&
			      !strcmp(got.reference, cases[i].reference),
			      "%s: its name and reference", cases[i].path);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		CHECK(lb_route_name_ok(words[i].text) == words[i].name, "\"%s\" as a name",
		      words[i].text);
		CHECK(lb_route_tag_ok(words[i].text) == words[i].tag, "\"%s\" as a tag",
		      words[i].text);
	}
	return test_done();
}
