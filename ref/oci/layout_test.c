// SPDX-License-Identifier: MIT
#include "oci/layout.h"
#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/layout_test.XXXXXX";

static const char *in_root(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

/* Does the blob of @d hold @want? */
static bool blob_is(struct lp_layout *l, const struct lp_descriptor *d, const char *want)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_err err;
	char got[100] = "";
	uint64_t bytes = 0;

	return !lp_layout_blob(l, &d->digest, &fd, &err) && !lp_file_bytes(fd, &bytes, &err) &&
	       bytes == strlen(want) && !lp_file_pread(fd, 0, got, (size_t)bytes, &err) &&
	       !strcmp(got, want);
}

static bool tag_is(struct lp_layout *l, const char *tag, const struct lp_descriptor *want)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor got = {0};
	struct lp_err err;

	return !lp_layout_find(l, tag, &got, &err) && lp_digest_equal(&got.digest, &want->digest);
}

static void test_write_and_read(void)
{
	LP_AUTO(lp_layout_free) struct lp_layout l = {0};
	LP_AUTO(lp_descriptor_free) struct lp_descriptor got = {0};
	struct lp_descriptor a = {.media_type = "a/b"}, b = {.media_type = "a/b"};
	struct lp_digest none;
	struct lp_err err = {0};
	int fd = -1;

	CHECK(lp_layout_open(&l, in_root("l/d"), &err) == LP_EMISSING, "no layout: %s", err.msg);
	if (!CHECK(!lp_layout_create(&l, in_root("l/d"), &err), "create: %s", err.msg))
		return;
	CHECK(lp_layout_find(&l, "", &got, &err) == LP_EMISSING, "nothing in it: %s", err.msg);
	CHECK(!lp_layout_put(&l, "hello", 5, &a, &err) && !lp_layout_put(&l, "world", 5, &b, &err) &&
	      !lp_layout_put(&l, "hello", 5, &a, &err), "put, twice the same: %s", err.msg);
	CHECK(a.bytes == 5 && blob_is(&l, &a, "hello") && blob_is(&l, &b, "world"), "blobs");
	CHECK(!lp_layout_tag(&l, "x", &a, &err) && tag_is(&l, "", &a),
	      "the only image needs no tag");
	CHECK(!lp_layout_tag(&l, "y", &a, &err) && !lp_layout_tag(&l, "y", &b, &err) &&
	      tag_is(&l, "y", &b) && tag_is(&l, "x", &a), "a tag moves");
	CHECK(lp_layout_find(&l, "", &got, &err) == LP_EMISSING && strstr(err.msg, "x, y"),
	      "one of two: %s", err.msg);
	lp_digest_of(LP_SHA256, "none", 4, &none);
	CHECK(lp_layout_blob(&l, &none, &fd, &err) == LP_EMISSING && fd < 0, "no such blob");
	lp_layout_free(&l);
	CHECK(!lp_layout_create(&l, in_root("l/d"), &err) && tag_is(&l, "y", &b),
	      "create opens what is there");
}

static void test_archive(void)
{
	LP_AUTO(lp_layout_free) struct lp_layout l = {0};
	LP_AUTO(lp_descriptor_free) struct lp_descriptor got = {0};
	struct lp_err err = {0};
	char command[400];
	int fd;

	snprintf(command, sizeof(command), "tar -C %s/l/d -cf %s/l.tar . 2>/dev/null", root, root);
	if (system(command)) {
		printf("ok %d - archive # SKIP no tar program\n", ++test_count);
		return;
	}
	CHECK(!lp_layout_open(&l, in_root("l.tar"), &err) && !lp_layout_find(&l, "x", &got, &err) &&
	      blob_is(&l, &got, "hello"), "read from an archive: %s", err.msg);
	CHECK(lp_layout_stage(&l, &fd, &err) == LP_EUSAGE &&
	      lp_layout_tag(&l, "z", &got, &err) == LP_EUSAGE, "an archive is only read");
}

/* oci-layout and index.json, and what opening and finding "t" must say. */
#define MARK "{\"imageLayoutVersion\":\"1.0.0\"}"
#define D(c) "{\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"sha256:" c c c c "\"," \
	"\"annotations\":{\"org.opencontainers.image.ref.name\":\"t\"}}"
#define A16 "aaaaaaaaaaaaaaaa"
#define B16 "bbbbbbbbbbbbbbbb"

static const struct {
	const char *marker, *index;
	enum lp_code want;
	const char *rule;
} hostile[] = {
	{MARK, "{\"schemaVersion\":2,\"manifests\":[" D(A16) "]}", LP_OK, NULL},
	{MARK, "{\"schemaVersion\":2,\"manifests\":[" D(A16) "," D(A16) "]}", LP_OK, NULL},
	{"", "", LP_EFORMAT, "oci.layout.version"},
	{"[]", "", LP_EFORMAT, "oci.layout.version"},
	{"{\"imageLayoutVersion\":\"2.0.0\"}", "", LP_EUNSUP, "oci.layout.version"},
	{MARK, "", LP_EFORMAT, "oci.layout.index"},
	{MARK, "{\"schemaVersion\":1,\"manifests\":[]}", LP_EFORMAT, "oci.layout.index"},
	{MARK, "{\"schemaVersion\":2}", LP_EFORMAT, "oci.layout.index"},
	{MARK, "{\"schemaVersion\":2,\"manifests\":{}}", LP_EFORMAT, "oci.layout.index"},
	{MARK, "{\"schemaVersion\":2,\"manifests\":[]}", LP_EMISSING, "oci.layout.tag"},
	{MARK, "{\"schemaVersion\":2,\"manifests\":[1,\"a\",[]]}", LP_EMISSING, "oci.layout.tag"},
	{MARK, "{\"schemaVersion\":2,\"manifests\":[" D(A16) "," D(B16) "]}", LP_EFORMAT,
	 "oci.layout.tag"},
	{MARK, "{\"schemaVersion\":2,\"manifests\":[" D("aa") "]}", LP_EFORMAT,
	 "oci.descriptor.digest"},
};

static void test_hostile(void)
{
	const char *dir = in_root("h");
	char at[200];

	snprintf(at, sizeof(at), "%s", dir);
	mkdir(at, 0755);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		LP_AUTO(lp_layout_free) struct lp_layout l = {0};
		LP_AUTO(lp_descriptor_free) struct lp_descriptor got = {0};
		struct lp_err err = {0};
		enum lp_code code;

		code = lp_file_save(AT_FDCWD, in_root("h/oci-layout"), hostile[i].marker,
				    strlen(hostile[i].marker), &err);
		if (!code)
			code = lp_file_save(AT_FDCWD, in_root("h/index.json"), hostile[i].index,
					    strlen(hostile[i].index), &err);
		CHECK(!code, "write layout %zu", i);
		code = lp_layout_open(&l, at, &err);
		if (!code)
			code = lp_layout_find(&l, "t", &got, &err);
		CHECK(code == hostile[i].want &&
		      (!hostile[i].rule || (err.rule && !strcmp(err.rule, hostile[i].rule))),
		      "layout %zu: %s", i, err.msg);
	}
}

static void test_other_files(void)
{
	LP_AUTO(lp_layout_free) struct lp_layout l = {0};
	struct lp_err err = {0};

	mkdir(in_root("f"), 0755);
	CHECK(!mkfifo(in_root("f/oci-layout"), 0600) &&
	      lp_layout_open(&l, in_root("f"), &err) == LP_EFORMAT, "a fifo does not hang: %s",
	      err.msg);
	CHECK(lp_layout_open(&l, in_root("f/oci-layout"), &err) == LP_EUSAGE, "no file");
	CHECK(lp_layout_create(&l, in_root("l.txt/x"), &err) == LP_OK, "parents are made");
	CHECK(lp_layout_open(&l, "", &err) == LP_EUSAGE, "no path");
}

/* Four processes tag at once: none may be lost. */
static void test_lock(void)
{
	LP_AUTO(lp_layout_free) struct lp_layout l = {0};
	struct lp_descriptor d = {.media_type = "a/b"};
	struct lp_err err = {0};
	unsigned lost = 0;
	char tag[32];

	if (lp_layout_create(&l, in_root("k"), &err) || lp_layout_put(&l, "x", 1, &d, &err))
		return;
	fflush(stdout);
	for (int p = 0; p < 4; p++) {
		if (fork())
			continue;
		for (int i = 0; i < 8; i++) {
			snprintf(tag, sizeof(tag), "t%d-%d", p, i);
			if (lp_layout_tag(&l, tag, &d, &err))
				_exit(1);
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < 32; i++) {
		snprintf(tag, sizeof(tag), "t%d-%d", i / 8, i % 8);
		lost += !tag_is(&l, tag, &d);
	}
	CHECK(!lost, "%u of 32 tags are lost", lost);
}

int main(void)
{
	char command[100];

	if (!mkdtemp(root))
		return 1;
	test_write_and_read();
	test_archive();
	test_hostile();
	test_other_files();
	test_lock();
	snprintf(command, sizeof(command), "rm -rf %s", root);
	CHECK(!system(command), "clean up");
	return test_done();
}
