// SPDX-License-Identifier: MIT
#include "tree/spool.h"

#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct lp_xattr xattrs[] = {{"user.a", "1\0002", 3}, {"user.b", "", 0}};

static const struct lp_entry entries[] = {
	{.path = "", .mode = S_IFDIR | 0755, .mtime = -5, .mtime_ns = 7},
	{.path = "a", .mode = S_IFREG | 0644, .uid = 1, .gid = 2, .size = 5, .xattr = xattrs,
	 .nxattr = 2},
	{.path = "s", .mode = S_IFLNK | 0777, .link = "../a"},
	{.kind = LP_ENTRY_HARDLINK, .path = "h", .mode = S_IFREG, .link = "a"},
	{.path = "c", .mode = S_IFCHR, .major = 5, .minor = 6},
	{.kind = LP_ENTRY_WHITEOUT, .path = "w", .mode = S_IFREG},
	{.path = "b", .mode = S_IFREG, .size = 3},
};

#define N (sizeof(entries) / sizeof(entries[0]))

static bool same(const struct lp_entry *a, const struct lp_entry *b)
{
	for (size_t i = 0; i < a->nxattr && i < b->nxattr; i++)
		if (strcmp(a->xattr[i].name, b->xattr[i].name) != 0 ||
		    a->xattr[i].bytes != b->xattr[i].bytes ||
		    memcmp(a->xattr[i].value, b->xattr[i].value, a->xattr[i].bytes) != 0)
			return false;
	return a->kind == b->kind && !strcmp(a->path, b->path) && !a->link == !b->link &&
	       (!a->link || !strcmp(a->link, b->link)) && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid && a->major == b->major &&
	       a->minor == b->minor && a->size == b->size && a->mtime == b->mtime &&
	       a->mtime_ns == b->mtime_ns && a->nxattr == b->nxattr;
}

static enum lp_code fill(struct lp_spool *s, struct lp_err *err)
{
	for (size_t i = 0; i < N; i++)
		if (lp_spool_add(s, &entries[i], err) ||
		    (entries[i].size && (lp_spool_body(s, "hello", 1, err) ||
					 lp_spool_body(s, "ello", entries[i].size - 1, err))))
			return err->code;
	return LP_OK;
}

static void test_entries(int dir)
{
	LP_AUTO(lp_spool_free) struct lp_spool s = {0};
	struct lp_xattr xattr[LP_SPOOL_XATTRS];
	struct lp_err err = {0};
	struct lp_entry e;
	char body[5];
	uint64_t at;

	if (!CHECK(!lp_spool_open(&s, dir, &err) && !fill(&s, &err) && s.count == N &&
		   s.body_bytes == 8, "a spool of %zu entries", N))
		return;
	for (size_t i = N; i-- > 0;) {
		lp_spool_entry(&s, i, &e, xattr, &at);
		CHECK(same(&e, &entries[i]), "entry %zu, \"%s\"", i, entries[i].path);
		CHECK(!e.size || (!lp_spool_read(&s, at, body, (size_t)e.size, &err) &&
				  !memcmp(body, "hello", (size_t)e.size)), "its body");
	}
	CHECK(lp_spool_read(&s, 4, body, 5, &err) == LP_ESHORT, "no more bodies than there are");
}

static void test_misuse(int dir)
{
	LP_AUTO(lp_spool_free) struct lp_spool s = {0};
	struct lp_entry many = {.path = "x", .mode = S_IFREG, .nxattr = LP_SPOOL_XATTRS + 1};
	struct lp_err err = {0};

	CHECK(lp_spool_open(&s, -1, &err) == LP_ESYSTEM, "no directory, no spool");
	lp_spool_free(&s);
	if (!CHECK(!lp_spool_open(&s, dir, &err), "a spool"))
		return;
	CHECK(lp_spool_body(&s, "x", 1, &err) == LP_EUSAGE, "a body without an entry");
	CHECK(lp_spool_add(&s, &many, &err) == LP_ELIMIT && !s.count, "too many xattrs");
	CHECK(!lp_spool_add(&s, &entries[1], &err) && lp_spool_body(&s, "123456", 6, &err),
	      "a body longer than its entry says");
	CHECK(lp_spool_add(&s, &entries[0], &err) == LP_EUSAGE && s.count == 1,
	      "an entry before the body is whole");
}

/* Names and xattrs of a hostile layer do not fill the memory. */
static void test_limit(int dir)
{
	LP_AUTO(lp_spool_free) struct lp_spool s = {0};
	struct lp_xattr big[16];
	struct lp_entry e = {.path = "x", .mode = S_IFREG, .xattr = big, .nxattr = 16};
	char *value = calloc(1, LP_XATTR_VALUE_MAX);
	struct lp_err err = {0};

	for (int i = 0; i < 16; i++)
		big[i] = (struct lp_xattr){"user.x", value, LP_XATTR_VALUE_MAX};
	if (!value || lp_spool_open(&s, dir, &err))
		err.code = LP_ESYSTEM;
	while (!err.code && s.count < 100)
		if (lp_spool_add(&s, &e, &err))
			break;
	CHECK(err.code == LP_ELIMIT && err.rule && s.count > 60 && s.count < 65,
	      "%zu MiB of xattrs are too much", s.count + 1);
	free(value);
}

int main(void)
{
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	test_entries(dir);
	test_misuse(dir);
	test_limit(dir);
	close(dir);
	return test_done();
}
