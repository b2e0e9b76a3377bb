// SPDX-License-Identifier: MIT
#include "oci/reference.h"
#include "testing/test.h"

#include <string.h>
#include <unistd.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A64 A64
#define A16 "aaaaaaaaaaaaaaaa"

/* What is written, and how it is spelled in full; NULL: refused. */
static const struct {
	const char *text, *want;
} cases[] = {
	{"python", "docker://docker.io/library/python:latest"},
	{"python:3.11", "docker://docker.io/library/python:3.11"},
	{"user/tool", "docker://docker.io/user/tool:latest"},
	{"docker.io/python", "docker://docker.io/library/python:latest"},
	{"index.docker.io/python", "docker://docker.io/library/python:latest"},
	{"docker://ghcr.io/a/b/c:t", "docker://ghcr.io/a/b/c:t"},
	{"localhost/x", "docker://localhost/x:latest"},
	{"localhost:5000/x", "docker://localhost:5000/x:latest"},
	{"127.0.0.1:5000/python:esgz", "docker://127.0.0.1:5000/python:esgz"},
	{"[::1]:5000/x", "docker://[::1]:5000/x:latest"},
	{"Host/x", "docker://Host/x:latest"},
	{"h.io/x@sha256:" A64, "docker://h.io/x@sha256:" A64},
	{"h.io/x:t@sha256:" A64, "docker://h.io/x:t@sha256:" A64},
	{"a__b/c-d---e/f.g_h", "docker://docker.io/a__b/c-d---e/f.g_h:latest"},
	{"x:" A128, "docker://docker.io/library/x:" A128},
	{"oci:/tmp/layout", "oci:/tmp/layout"},
	{"oci:build/corpora/python:latest", "oci:build/corpora/python:latest"},
	{"oci:d:docker.io/library/x:1", "oci:d:docker.io/library/x:1"},
	{"oci-archive:x.tar:v1", "oci-archive:x.tar:v1"},
	{"dir:/a:b", "dir:/a:b"},
	{"tar:x.tar.gz", "tar:x.tar.gz"},
	{"blob:/b,c", "blob:/b,c"},
	{"rafs:boot", "rafs:boot"},
	{"rafs:boot,blobs", "rafs:boot,blobs"},
	{"", NULL},
	{"docker:python", NULL},
	{"docker://", NULL},
	{"docker://ghcr.io/", NULL},
	{"Python", NULL},
	{"a//b", NULL},
	{"/a", NULL},
	{"a/", NULL},
	{"a..b", NULL},
	{"a___b", NULL},
	{"-a", NULL},
	{"a_", NULL},
	{"x:", NULL},
	{"x:.t", NULL},
	{"x:t/t", NULL},
	{"x:a" A128, NULL},
	{"x@sha256:aa", NULL},
	{"x@sha256:" A64 "@sha256:" A64, NULL},
	{"x@", NULL},
	{"@sha256:" A64, NULL},
	{"h.io:x/y", NULL},
	{"h.io:99999/y", NULL},
	{"h.io:/y", NULL},
	{".h.io/y", NULL},
	{"h..io/y", NULL},
	{"h-.io/y", NULL},
	{"[::1/y", NULL},
	{"[::g]/y", NULL},
	{"[]/y", NULL},
	{"[::1]5/y", NULL},
	{"h.io/" A128 A128, NULL},
	{A128 A64 "/" A16 A16 A16 "aaaaaa", NULL}, /* docker.io/ in front makes it too long */
	{"x\n", NULL},
	{"oci:", NULL},
	{"oci::t", NULL},
	{"oci:d:", NULL},
	{"oci:d:-t", NULL},
	{"oci:d:a b", NULL},
	{"oci:d:a" A128, NULL},
	{"dir:", NULL},
	{"rafs:b,", NULL},
	{"dir:" A128 A128 A128 A128 A128 A128 A128 A128, NULL},
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lp_reference r = {0}, again;
		struct lp_err err = {0};
		char text[LP_REFERENCE_TEXT] = "";
		enum lp_code got = lp_reference_parse(cases[i].text, &r, &err);

		if (!cases[i].want) {
			CHECK(got == LP_EUSAGE && *err.msg, "\"%.40s\": %s", cases[i].text, err.msg);
			continue;
		}
		lp_reference_text(&r, text);
		CHECK(!got && !strcmp(text, cases[i].want), "\"%.40s\" is %.60s", cases[i].text,
		      got ? err.msg : text);
		CHECK(!lp_reference_parse(text, &again, &err) && !memcmp(&again, &r, sizeof(r)),
		      "\"%.60s\" is itself", text);
	}
}

static void test_loopback(void)
{
	static const struct {
		const char *host;
		bool want;
	} hosts[] = {
		{"127.0.0.1", true},	   {"127.0.0.1:5000", true}, {"127.255.0.9", true},
		{"localhost", true},	   {"localhost:1", true},    {"LOCALHOST", true},
		{"[::1]", true},	   {"[::1]:5000", true},     {"127.example.org", false},
		{"127.0.0.1.evil", false}, {"localhost.evil", false}, {"128.0.0.1", false},
		{"10.127.0.1", false},	   {"[::2]", false},	     {"", false},
		{"127.1", false},
	};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		CHECK(lp_reference_loopback(hosts[i].host) == hosts[i].want, "loopback \"%s\"",
		      hosts[i].host);
}

static void test_absolute(void)
{
	struct lp_reference r = {.transport = LP_RAFS, .path = "boot", .dir = "a/b"};
	char here[1024] = "", want[2048], blobs[1024];
	struct lp_err err = {0};

	if (!CHECK(getcwd(here, sizeof(here)), "a working directory"))
		return;
	snprintf(want, sizeof(want), "%s/boot", here);
	CHECK(!lp_reference_absolute(&r, &err) && !strcmp(r.path, want), "%s", r.path);
	snprintf(want, sizeof(want), "%s/a/b", here);
	lp_reference_blobs(&r, blobs);
	CHECK(!strcmp(r.dir, want) && !strcmp(blobs, want), "blobs in %s", blobs);
	r.dir[0] = '\0';
	lp_reference_blobs(&r, blobs);
	CHECK(!strcmp(blobs, here), "blobs beside the bootstrap, in %s", blobs);
	CHECK(!lp_reference_absolute(&r, &err) && !*r.dir, "what is absolute, or not there, stays");
	snprintf(r.path, sizeof(r.path), "/boot");
	lp_reference_blobs(&r, blobs);
	CHECK(!strcmp(blobs, "/"), "blobs in %s", blobs);
	memset(r.path, 'x', sizeof(r.path) - 1);
	CHECK(lp_reference_absolute(&r, &err) == LP_EUSAGE, "too long: %s", err.msg);
}

int main(void)
{
	test_cases();
	test_absolute();
	test_loopback();
	return test_done();
}
