// SPDX-License-Identifier: MIT
#include "layer/layer.h"
#include "tree/erofs_read.h"

#include "testing/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIG_DIR 5000
#define DEVICE_BYTES (UINT64_C(1) << 40)

/* A tree as bytes. */
struct image {
	int fd;
	struct lp_map map;
	struct lp_erofs e;
};

static void free_image(struct image *im)
{
	lp_map_free(&im->map);
	lp_fd_close(&im->fd);
}

static const struct lp_erofs_device devices[2] = {
	{"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", DEVICE_BYTES},
	{"second", 16 * LP_BLOCK},
};

static enum lp_code encode(struct lp_tree *t, struct image *im, struct lp_err *err)
{
	im->fd = memfd_create("erofs", MFD_CLOEXEC);
	if (im->fd < 0)
		return lp_fail_errno(err, "memfd");
	if (lp_tree_end(t, err) || lp_erofs_write(t, devices, 2, im->fd, err) ||
	    lp_map_fd(&im->map, im->fd, err))
		return err->code;
	return lp_erofs_open(&im->e, im->map.p, im->map.bytes, err);
}

static enum lp_code add_odd(struct lp_tree *t, const struct lp_entry *e, size_t n,
			    struct lp_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (lp_tree_add(t, &e[i], err))
			return err->code;
	return LP_OK;
}

#define FILE_MODE (S_IFREG | 0640)
#define BLOCKS(n) ((uint64_t)(n) * LP_BLOCK)

static char long_name[251], long_target[4096], value[65536];
static const struct lp_xattr twice[] = {
	{"security.capability", "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20},
	{"system.posix_acl_access", "\2\0\0\0", 4},
	{"trusted.t", "", 0},
	{"user.large", value, 65535},
};
static const struct lp_xattr once[] = {{"user.once", "only here", 9}};
static const struct lp_extent holes[] = {
	{BLOCKS(4), BLOCKS(4), BLOCKS(16), 1},
	{BLOCKS(12), BLOCKS(2), BLOCKS(3), 2},
};
static const struct lp_extent whole[] = {{0, 12345, BLOCKS(2), 2}};
static const struct lp_extent huge[] = {{0, DEVICE_BYTES - BLOCKS(64), BLOCKS(64), 1}};

static const struct lp_entry odd[] = {
	{.path = "", .mode = S_IFDIR | 0751, .uid = 5, .gid = 6, .mtime = 1},
	{.path = "whole", .mode = FILE_MODE, .size = 12345, .extent = whole, .nextent = 1,
	 .uid = 4294967294, .gid = 4294967293, .mtime = -2, .mtime_ns = 500000000},
	{.path = "holes", .mode = FILE_MODE, .size = BLOCKS(20), .extent = holes, .nextent = 2},
	{.path = "hole", .mode = FILE_MODE, .size = 1 << 30},
	{.path = "huge", .mode = FILE_MODE, .size = DEVICE_BYTES - BLOCKS(64), .extent = huge,
	 .nextent = 1},
	{.path = "empty", .mode = FILE_MODE, .mtime = INT64_C(1) << 40},
	{.path = "fifo", .mode = S_IFIFO | 0600},
	{.path = "socket", .mode = S_IFSOCK | 0600},
	{.path = "char", .mode = S_IFCHR | 0600, .major = 259, .minor = 344865},
	{.path = "block", .mode = S_IFBLK | 0600, .major = 7, .minor = 0},
	{.path = "link", .mode = S_IFLNK | 0777, .link = "whole"},
	{.path = "far", .mode = S_IFLNK | 0777, .link = long_target, .xattr = once, .nxattr = 1},
	{.kind = LP_ENTRY_HARDLINK, .path = "!first", .link = "whole"},
	{.kind = LP_ENTRY_HARDLINK, .path = "dir/link2", .link = "link"},
	{.path = "dir", .mode = S_IFDIR | 0755, .xattr = twice, .nxattr = 4},
	{.path = "dir/x", .mode = FILE_MODE, .xattr = twice, .nxattr = 3},
	{.path = "dir/-dash", .mode = FILE_MODE, .xattr = twice, .nxattr = 4},
	{.path = "dir/+plus", .mode = FILE_MODE, .xattr = once, .nxattr = 1},
	{.kind = LP_ENTRY_OPAQUE, .path = "opaque/implied"},
	{.kind = LP_ENTRY_WHITEOUT, .path = "gone"},
	{.path = long_name, .mode = S_IFDIR | 0},
};

static enum lp_code make_odd(struct lp_tree *t, struct lp_err *err)
{
	memset(long_name, 'n', 250);
	memset(long_target, 't', 4095);
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)(i * 7);
	if (lp_tree_open(t, err) || add_odd(t, odd, sizeof(odd) / sizeof(odd[0]), err))
		return err->code;
	for (int i = 0; i < BIG_DIR; i++) {
		char path[64];
		struct lp_entry e = {.path = path, .mode = FILE_MODE, .mtime = i};

		snprintf(path, sizeof(path), "big/%d.%d", i * 7919 % BIG_DIR, i);
		if (lp_tree_add(t, &e, err))
			return err->code;
	}
	return LP_OK;
}

struct count {
	struct lp_erofs_visitor v;
	char last[LP_PATH_MAX];
	size_t n;
};

static enum lp_code count_one(struct lp_erofs_visitor *v, const char *path,
			      const struct lp_erofs_inode *inode, struct lp_err *err)
{
	struct count *c = (struct count *)v;

	(void)inode;
	(void)err;
	c->n++;
	snprintf(c->last, sizeof(c->last), "%s", path);
	return LP_OK;
}

static bool same_xattrs(const struct lp_erofs *e, const struct lp_erofs_inode *i,
			const struct lp_entry *want)
{
	size_t n = 0, found = 0;
	uint64_t cookie = 0;

	for (bool more = true; more;) {
		struct lp_erofs_xattr x;
		struct lp_err err;

		if (lp_erofs_xattr(e, i, &cookie, &x, &more, &err))
			return false;
		n += more;
		for (size_t k = 0; more && k < want->nxattr; k++)
			found += !strcmp(x.name, want->xattr[k].name) &&
				 x.bytes == want->xattr[k].bytes &&
				 !memcmp(x.value, want->xattr[k].value, x.bytes);
	}
	return n == want->nxattr && found == n;
}

static bool same_extents(const struct lp_erofs *e, const struct lp_erofs_inode *i,
			 const struct lp_entry *want)
{
	uint64_t off = 0;
	size_t k = 0;

	while (off < want->size) {
		struct lp_extent x;
		struct lp_err err;

		if (lp_erofs_extent(e, i, off, &x, &err) || x.off != off || !x.bytes)
			return false;
		off += x.bytes;
		if (!x.device)
			continue;
		if (k >= want->nextent || x.off != want->extent[k].off ||
		    x.bytes != want->extent[k].bytes || x.device != want->extent[k].device ||
		    x.device_off != want->extent[k].device_off)
			return false;
		k++;
	}
	return off == want->size && k == want->nextent;
}

static void test_entry(const struct lp_erofs *e, const struct lp_entry *want)
{
	struct lp_erofs_inode i = {0};
	struct lp_err err = {0};
	const char *target = "";
	bool link = S_ISLNK(want->mode);

	if (!CHECK(!lp_erofs_path(e, want->path, &i, &err), "/%.20s is found: %s", want->path, err.msg))
		return;
	CHECK(i.mode == want->mode && i.uid == want->uid && i.gid == want->gid &&
	      i.mtime == want->mtime && i.mtime_ns == want->mtime_ns &&
	      i.rdev_major == want->major && i.rdev_minor == want->minor,
	      "/%.20s: attributes", want->path);
	CHECK(same_xattrs(e, &i, want), "/%.20s: xattrs", want->path);
	if (S_ISREG(want->mode))
		CHECK(i.size == want->size && same_extents(e, &i, want), "/%.20s: extents",
		      want->path);
	if (link)
		CHECK(!lp_erofs_symlink(e, &i, &target, &err) && i.size == strlen(want->link) &&
		      !memcmp(target, want->link, i.size), "/%.20s: target", want->path);
}

static void test_links(const struct lp_erofs *e)
{
	struct lp_erofs_inode a = {0}, b = {0};
	struct lp_err err = {0};

	CHECK(!lp_erofs_path(e, "whole", &a, &err) && !lp_erofs_path(e, "!first", &b, &err) &&
	      a.nid == b.nid && a.nlink == 2, "a hard link is the same inode, with two links");
	CHECK(!lp_erofs_path(e, "link", &a, &err) && !lp_erofs_path(e, "dir/link2", &b, &err) &&
	      a.nid == b.nid && a.nlink == 2, "and of a symlink");
	CHECK(!lp_erofs_path(e, "", &a, &err) && a.nlink == 6 && a.nid == e->root,
	      "the root has 2 + 4 links, not %u", a.nlink);
	CHECK(!lp_erofs_path(e, "gone", &a, &err) && S_ISCHR(a.mode) && !a.u && a.nlink == 1,
	      "a whiteout is a 0:0 device");
	CHECK(!lp_erofs_path(e, "opaque/implied", &a, &err) && !a.serial && a.xattr_icount,
	      "an opaque directory has its xattr, and is known as implied");
	CHECK(!lp_erofs_path(e, "dir", &a, &err) && a.serial, "one that was named is not");
	CHECK(lp_erofs_path(e, "dir/y", &a, &err) == LP_EMISSING, "dir/y is missing");
	CHECK(lp_erofs_path(e, "whole/y", &a, &err) == LP_EMISSING, "whole/y is missing");
}

static void test_big(const struct lp_erofs *e)
{
	struct lp_erofs_inode dir = {0}, i = {0};
	struct lp_err err = {0};
	int found = 0;

	if (!CHECK(!lp_erofs_path(e, "big", &dir, &err), "the large directory: %s", err.msg))
		return;
	for (int k = 0; k < BIG_DIR; k++) {
		char name[64];
		uint64_t nid = 0;
		int n = snprintf(name, sizeof(name), "%d.%d", k * 7919 % BIG_DIR, k);

		found += !lp_erofs_lookup(e, &dir, name, (size_t)n, &nid, &err) &&
			 !lp_erofs_inode(e, nid, &i, &err) && i.mtime == k;
	}
	CHECK(found == BIG_DIR, "all %d of its names are found", found);
	CHECK(dir.size > 20 * LP_BLOCK, "it has %llu bytes", (unsigned long long)dir.size);
}

/* fsck.erofs on the bytes of @im; the devices are sparse files. */
static void test_fsck(const struct image *im)
{
	LP_AUTO(lp_fd_close) int one = memfd_create("one", 0);
	LP_AUTO(lp_fd_close) int two = memfd_create("two", 0);
	char command[256];
	int rc;

	if (system("command -v fsck.erofs >/dev/null 2>&1")) {
		printf("ok %d - fsck.erofs # SKIP not installed: erofs-utils\n", ++test_count);
		return;
	}
	if (ftruncate(one, (off_t)DEVICE_BYTES) || ftruncate(two, 16 * LP_BLOCK))
		return;
	snprintf(command, sizeof(command),
		 "fsck.erofs --device=/proc/%d/fd/%d --device=/proc/%d/fd/%d /proc/%d/fd/%d",
		 getpid(), one, getpid(), two, getpid(), im->fd);
	rc = system(command);
	CHECK(!rc, "fsck.erofs finds nothing wrong (%d)", WEXITSTATUS(rc));
}

static void test_odd(void)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	LP_AUTO(free_image) struct image im = {.fd = -1};
	struct count c = {.v = {count_one}};
	struct lp_erofs_device d;
	struct lp_err err = {0};

	if (!CHECK(!make_odd(&t, &err) && !encode(&t, &im, &err), "the odd tree is encoded: %s",
		   err.msg))
		return;
	CHECK(!lp_erofs_check(&im.e, LP_EROFS_LAYER, &err), "and passes the check: %s", err.msg);
	CHECK(lp_erofs_check(&im.e, LP_EROFS_MERGED, &err) && err.rule, "but not as a merged tree: %s",
	      err.msg);
	lp_erofs_device(&im.e, 2, &d);
	CHECK(!strcmp(d.tag, "second") && d.bytes == devices[1].bytes, "device 2 is %s", d.tag);
	lp_erofs_device(&im.e, 1, &d);
	CHECK(!strcmp(d.tag, devices[0].tag) && d.bytes == DEVICE_BYTES, "device 1 is %s", d.tag);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (odd[i].kind == LP_ENTRY_NODE)
			test_entry(&im.e, &odd[i]);
	test_links(&im.e);
	test_big(&im.e);
	CHECK(!lp_erofs_walk(&im.e, &c.v, &err) &&
	      c.n == sizeof(odd) / sizeof(odd[0]) + BIG_DIR + 2, "a walk meets %zu names", c.n);
	CHECK(!strcmp(c.last, "whole"), "%s is the last", c.last);
	test_fsck(&im);
}

int main(void)
{
	test_odd();
	return test_done();
}
