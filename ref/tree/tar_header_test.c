// SPDX-License-Identifier: MIT
#include "tree/tar.h"

#include "testing/test.h"

#include <stdlib.h>
#include <string.h>

#define N50 "12345678901234567890123456789012345678901234567890"
#define N250 N50 N50 N50 N50 N50
#define NODE LP_ENTRY_NODE
#define REG (S_IFREG | 0644)

static const struct lp_xattr xattrs[] = {
	{"user.b", "1\0\n=2", 5}, {"security.capability", "c", 1}, {"user.a", "", 0},
};

/* Headers of Go 1.26's archive/tar were compared byte for byte with all of these shapes. */
static const struct {
	const char *name;
	struct lp_entry e;
	size_t bytes;		/* 512: plain ustar; 1536: with an extended header */
	const char *records;	/* or NULL */
} cases[] = {
	{"a file", {NODE, .path = "a", .mode = REG, .size = 5, .mtime = 7}, 512, NULL},
	{"8 GiB less a byte", {NODE, .path = "a", .mode = REG, .size = 8589934591}, 512, NULL},
	{"8 GiB", {NODE, .path = "a", .mode = REG, .size = 8589934592}, 1536,
	 "19 size=8589934592\n"},
	{"the root", {NODE, .path = "", .mode = S_IFDIR | 0755}, 512, NULL},
	{"a directory", {NODE, .path = "d", .mode = S_IFDIR | 01777}, 512, NULL},
	{"a symlink", {NODE, .path = "s", .link = "/x/../y", .mode = S_IFLNK | 0777}, 512, NULL},
	{"a hard link", {LP_ENTRY_HARDLINK, .path = "h", .link = "d/a", .mode = REG}, 512, NULL},
	{"a device", {NODE, .path = "c", .mode = S_IFCHR | 0600, .major = 5, .minor = 1}, 512,
	 NULL},
	{"a block device", {NODE, .path = "c", .mode = S_IFBLK, .major = 4095, .minor = 1048575},
	 512, NULL},
	{"a fifo", {NODE, .path = "p", .mode = S_IFIFO | 0600}, 512, NULL},
	{"a whiteout", {LP_ENTRY_WHITEOUT, .path = "d/x", .mode = REG}, 512, NULL},
	{"an opaque directory", {LP_ENTRY_OPAQUE, .path = "d", .mode = REG}, 512, NULL},
	{"an opaque root", {LP_ENTRY_OPAQUE, .path = "", .mode = REG}, 512, NULL},
	{"a long whiteout", {LP_ENTRY_WHITEOUT, .path = "d/" N50 N50, .mode = REG}, 1536,
	 "116 path=d/.wh." N50 N50 "\n"},
	{"a split name", {NODE, .path = N50 N50 "/" N50, .mode = REG}, 512, NULL},
	{"a name that does not split", {NODE, .path = N50 N50 "x", .mode = REG}, 1536,
	 "111 path=" N50 N50 "x\n"},
	{"a name outside ASCII", {NODE, .path = "\303\251", .mode = REG}, 1536,
	 "11 path=\303\251\n"},
	{"a long link", {NODE, .path = "s", .link = N50 N50 "x", .mode = S_IFLNK | 0777}, 1536,
	 "115 linkpath=" N50 N50 "x\n"},
	{"a fraction", {NODE, .path = "a", .mode = REG, .mtime = 7, .mtime_ns = 120000000}, 1536,
	 "14 mtime=7.12\n"},
	{"a fraction before 1970", {NODE, .path = "a", .mode = REG, .mtime = -3,
				    .mtime_ns = 750000000}, 1536, "15 mtime=-2.25\n"},
	{"a time before 1970", {NODE, .path = "a", .mode = REG, .mtime = -3}, 1536,
	 "12 mtime=-3\n"},
	{"owners", {NODE, .path = "a", .mode = REG, .uid = 2097152, .gid = 4294967294}, 1536,
	 "18 gid=4294967294\n15 uid=2097152\n"},
	{"xattrs", {NODE, .path = "a", .mode = REG, .xattr = xattrs, .nxattr = 3}, 1536,
	 "38 SCHILY.xattr.security.capability=c\n24 SCHILY.xattr.user.a=\n"},
};

static bool same_xattrs(const struct lp_entry *a, const struct lp_entry *b)
{
	size_t found = 0;

	for (size_t i = 0; i < a->nxattr; i++)
		for (size_t k = 0; k < b->nxattr; k++)
			found += !strcmp(a->xattr[i].name, b->xattr[k].name) &&
				 a->xattr[i].bytes == b->xattr[k].bytes &&
				 !memcmp(a->xattr[i].value, b->xattr[k].value, a->xattr[i].bytes);
	return a->nxattr == b->nxattr && found == a->nxattr;
}

static bool same(const struct lp_entry *a, const struct lp_entry *b)
{
	return a->kind == b->kind && !strcmp(a->path, b->path) && !a->link == !b->link &&
	       (!a->link || !strcmp(a->link, b->link)) && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid && a->major == b->major &&
	       a->minor == b->minor && a->size == b->size && a->mtime == b->mtime &&
	       a->mtime_ns == b->mtime_ns && same_xattrs(a, b);
}

static void test_case(size_t i)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	LP_AUTO(lp_tar_free) struct lp_tar t = {0};
	const char *records = cases[i].records;
	struct lp_mem_reader mem;
	struct lp_err err = {0};
	struct lp_entry e = {0};
	bool more = false;

	if (!CHECK(!lp_tar_header(&cases[i].e, &b, &err) && b.len == cases[i].bytes,
		   "%s: %zu bytes of header", cases[i].name, b.len))
		return;
	CHECK(!records || !memcmp(b.p + 512, records, strlen(records)), "%s: its records",
	      cases[i].name);
	lp_mem_reader_open(&mem, b.p, b.len);
	CHECK(!lp_tar_open(&t, &mem.reader, &err) && !lp_tar_next(&t, &e, &more, &err) && more &&
	      same(&e, &cases[i].e) && t.at == b.len, "%s: read back", cases[i].name);
}

/* POSIX, ustar Interchange Format. */
static void test_block(void)
{
	static const char rest[] = "0000644\0" "0000001\0" "0000002\0" "00000000005\0"
				   "14151120000\0" "007365\0 " "0";
	const struct lp_entry e = {NODE, .path = "a", .mode = REG, .uid = 1, .gid = 2, .size = 5,
				   .mtime = 1638178816};
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err = {0};

	CHECK(!lp_tar_header(&e, &b, &err) && b.len == 512 && !strcmp((char *)b.p, "a") &&
	      !memcmp(b.p + 100, rest, sizeof(rest)) && !memcmp(b.p + 257, "ustar\0" "00", 9) &&
	      !memcmp(b.p + 329, "0000000\0" "0000000", 16) && !b.p[345], "the fields of ustar");
}

static void test_refused(void)
{
	static const struct lp_xattr odd = {"user.a=b", "", 0};
	const struct lp_entry xattr = {NODE, .path = "a", .mode = REG, .xattr = &odd, .nxattr = 1};
	const struct lp_entry device = {NODE, .path = "a", .mode = S_IFCHR, .minor = 1 << 21};
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err = {0};

	CHECK(lp_tar_header(&xattr, &b, &err) == LP_EUNSUP, "an xattr with an equals sign");
	CHECK(lp_tar_header(&device, &b, &err) == LP_EUNSUP, "a device that does not fit");
}

static void test_paths(void)
{
	static const struct {
		const char *in, *out;
	} path[] = {
		{"", ""}, {".", ""}, {"/", ""}, {"./a", "a"}, {"a/", "a"}, {"//a//b/.", "a/b"},
		{"../../a", "a"}, {"a/../../b", "b"}, {"a/b/../..", ""}, {"...", "..."},
		{"a/..b/c..", "a/..b/c.."}, {"a/b/../c", "a/c"}, {".a", ".a"},
	};
	char out[LP_PATH_MAX];
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++)
		CHECK(!lp_path_clean(path[i].in, out, &err) && !strcmp(out, path[i].out),
		      "\"%s\" is \"%s\"", path[i].in, path[i].out);
	CHECK(lp_path_clean(N250 "123456", out, &err) == LP_ELIMIT, "a component of 256 bytes");
	CHECK(lp_path_clean(N250 "123456/..", out, &err) == LP_ELIMIT, "even if .. takes it back");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	test_block();
	test_refused();
	test_paths();
	return test_done();
}
