// SPDX-License-Identifier: MIT
#include "layer/layer.h"
#include "tree/erofs_read.h"

#include "testing/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BIG 400
#define DEVICE_BLOCKS 100

/* Where an edit's offset counts from. */
enum from {
	SUPER,
	SLOT,		/* the first device's */
	INODE,		/* of the path */
	BEHIND,		/* its inode and xattrs: dirents, a target, chunk indexes aligned to 8 */
	XATTR,		/* its xattr header */
};

/* One edit of a sound tree, and the rule that it breaks. */
static const struct {
	const char *rule;	/* NULL: it stays sound */
	enum from from;
	const char *path;
	uint32_t off, bytes;
	uint64_t value;
	bool unsealed;		/* the checksum is left as it was */
} cases[] = {
	{NULL, SUPER, "", 24, 8, 77, false},
	{"erofs.super.magic", SUPER, "", 0, 4, 0xe0f5e1e3, false},
	{"erofs.super.checksum", SUPER, "", 24, 1, 1, true},
	{"erofs.super.block-size", SUPER, "", 12, 1, 9, false},
	{"erofs.super.features", SUPER, "", 13, 1, 1, false},
	{"erofs.super.features", SUPER, "", 80, 4, 0x1c, false},
	{"erofs.super.features", SUPER, "", 90, 1, 1, false},
	{"erofs.super.devices", SUPER, "", 80, 4, 4, false},
	{"erofs.super.devices", SUPER, "", 86, 2, 65535, false},
	{"erofs.super.devices", SUPER, "", 88, 2, 65535, false},
	{"erofs.super.devices", SUPER, "", 88, 2, 8, false},
	{"erofs.super.root", SUPER, "a", 14, 2, 0, false},
	{"erofs.super.areas", SUPER, "", 40, 4, 0xffffffff, false},
	{"erofs.super.areas", SUPER, "", 44, 4, 0xffffffff, false},
	{"erofs.super.inodes", SUPER, "", 16, 8, UINT64_MAX, false},
	{"erofs.inode.range", SUPER, "", 14, 2, 65535, false},
	{"erofs.chunk.device", SLOT, "", 64, 4, DEVICE_BLOCKS - 1, false},
	{"erofs.inode.format", INODE, "a", 0, 2, 0x19, false},
	{"erofs.inode.layout", INODE, "a", 0, 2, 0x03, false},
	{"erofs.inode.layout", INODE, "a", 0, 2, 0x01, false},
	{"erofs.inode.layout", INODE, "d", 0, 2, 0x09, false},
	{"erofs.inode.layout", INODE, "l", 0, 2, 0x09, false},
	{"erofs.inode.range", INODE, "a", 2, 2, 65535, false},
	{"erofs.inode.mode", INODE, "a", 4, 2, 0644, false},
	{"erofs.dir.type", INODE, "a", 4, 2, S_IFIFO | 0644, false},
	{"erofs.inode.size", INODE, "a", 8, 8, UINT64_MAX, false},
	{"erofs.inode.size", INODE, "d", 8, 8, UINT64_C(1) << 63, false},
	{"erofs.chunk.range", INODE, "a", 8, 8, INT64_MAX, false},
	{"erofs.chunk.format", INODE, "a", 16, 4, 0x00, false},
	{"erofs.chunk.format", INODE, "a", 16, 4, 0x60, false},
	{"erofs.chunk.format", INODE, "a", 16, 4, 0xa0, false},
	{"erofs.inode.mtime", INODE, "a", 40, 4, 1000000000, false},
	{"erofs.inode.nlink", INODE, "a", 44, 4, 0, false},
	{"erofs.inode.nlink", INODE, "a", 44, 4, 2, false},
	{"erofs.inode.nlink", INODE, "a", 44, 4, UINT32_MAX, false},
	{"erofs.inode.nlink", INODE, "d/f", 44, 4, 1, false},
	{"erofs.inode.nlink", INODE, "d/f", 44, 4, 3, false},
	{"erofs.inode.nlink", INODE, "d", 44, 4, 3, false},
	{"erofs.inode.nlink", INODE, "", 44, 4, 3, false},
	{"erofs.dir.dots", INODE, "d", 8, 8, 0, false},
	{"erofs.inode.inline", INODE, "d", 8, 8, 4000, false},
	{"erofs.inode.data", INODE, "big", 16, 4, 0xffffffff, false},
	{"erofs.inode.data", INODE, "big", 8, 8, INT64_MAX, false},
	{"erofs.inode.overlap", INODE, "big", 16, 4, 0, false},
	{"erofs.symlink.bytes", INODE, "l", 8, 8, 0, false},
	{"erofs.symlink.nul", BEHIND, "l", 1, 1, 0, false},
	{"erofs.chunk.device", BEHIND, "a", 2, 2, 0, false},
	{"erofs.chunk.device", BEHIND, "a", 2, 2, 2, false},
	{"erofs.chunk.device", BEHIND, "a", 4, 4, DEVICE_BLOCKS - 2, false},
	{"erofs.chunk.device", BEHIND, "a", 4, 4, 0xfffffffe, false},
	{NULL, BEHIND, "a", 4, 4, 0xffffffff, false},
	{"erofs.dir.block", BEHIND, "d", 8, 2, 0, false},
	{"erofs.dir.block", BEHIND, "d", 8, 2, 13, false},
	{"erofs.dir.block", BEHIND, "d", 8, 2, 60000, false},
	{"erofs.dir.name", BEHIND, "d", 8, 2, 36, false},
	{"erofs.dir.name", BEHIND, "d", 20, 2, 0, false},
	{"erofs.dir.name", BEHIND, "d", 20, 2, 48, false},
	{"erofs.dir.name", BEHIND, "d", 44, 2, 500, false},
	{"erofs.dir.name", BEHIND, "d", 51, 1, '/', false},
	{"erofs.dir.name", BEHIND, "d", 51, 1, 0, false},
	{"erofs.dir.sorted", BEHIND, "d", 51, 1, 'z', false},
	{"erofs.dir.sorted", BEHIND, "d", 51, 1, 'g', false},
	{"erofs.dir.sorted", BEHIND, "d", 51, 1, '-', false},
	{"erofs.dir.dots", BEHIND, "d", 0, 8, 40, false},
	{"erofs.dir.dots", BEHIND, "d", 12, 8, 41, false},
	{"erofs.dir.dots", BEHIND, "d", 10, 1, 1, false},
	{"erofs.dir.type", BEHIND, "d", 34, 1, 2, false},
	{"erofs.inode.range", BEHIND, "d", 24, 8, UINT64_MAX, false},
	{"erofs.inode.range", BEHIND, "d", 24, 8, UINT64_C(1) << 59, false},
	{"erofs.xattr.shared", XATTR, "x", 4, 1, 255, false},
	{"erofs.xattr.shared", XATTR, "x", 12, 4, 0xffffffff, false},
	{"erofs.xattr.prefix", XATTR, "y", 13, 1, 5, false},
	{"erofs.xattr.prefix", XATTR, "y", 13, 1, 0x81, false},
	{"erofs.xattr.prefix", XATTR, "y", 13, 1, 2, false},
	{"erofs.xattr.prefix", XATTR, "y", 12, 1, 0, false},
	{"erofs.xattr.range", XATTR, "y", 14, 2, 65535, false},
	{"erofs.xattr.range", XATTR, "y", 12, 1, 255, false},
	{"erofs.xattr.name", XATTR, "y", 16, 1, 0, false},
	{"erofs.xattr.overlay-reserved", XATTR, "o", 30, 1, 'x', false},
	{"erofs.xattr.overlay-reserved", XATTR, "o", 24, 1, 'x', false},
};

static char names[BIG][16];
static const struct lp_xattr shared[] = {{"user.s", "twice", 5}}, own[] = {{"user.own", "1", 1}};
static const struct lp_extent extent[] = {
	{.bytes = 3 * LP_BLOCK, .device_off = 97 * LP_BLOCK, .device = 1},
};

#define FILE_MODE (S_IFREG | 0644)

static const struct lp_entry entries[] = {
	{.path = "a", .mode = FILE_MODE, .size = 3 * LP_BLOCK, .extent = extent, .nextent = 1},
	{.path = "l", .mode = S_IFLNK, .link = "target"},
	{.path = "d", .mode = S_IFDIR | 0755},
	{.path = "d/f", .mode = FILE_MODE},
	{.path = "d/g", .kind = LP_ENTRY_HARDLINK, .link = "d/f"},
	{.path = "x", .mode = FILE_MODE, .xattr = shared, .nxattr = 1},
	{.path = "x2", .mode = FILE_MODE, .xattr = shared, .nxattr = 1},
	{.path = "y", .mode = FILE_MODE, .xattr = own, .nxattr = 1},
	{.path = "o", .kind = LP_ENTRY_OPAQUE},
};

static enum lp_code make_tree(struct lp_buf *out, struct lp_err *err)
{
	const struct lp_erofs_device device = {"", DEVICE_BLOCKS * LP_BLOCK};
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	LP_AUTO(lp_fd_close) int fd = memfd_create("tree", MFD_CLOEXEC);
	uint64_t bytes = 0;

	if (fd < 0 || lp_tree_open(&t, err))
		return LP_ESYSTEM;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (lp_tree_add(&t, &entries[i], err))
			return err->code;
	for (int i = 0; i < BIG; i++) {
		const struct lp_entry e = {.path = names[i], .mode = FILE_MODE};

		snprintf(names[i], sizeof(names[i]), "big/%d", i);
		if (lp_tree_add(&t, &e, err))
			return err->code;
	}
	if (lp_tree_end(&t, err) || lp_erofs_write(&t, &device, 1, fd, err) ||
	    lp_file_bytes(fd, &bytes, err) || lp_buf_reserve(out, bytes, bytes, err))
		return err->code;
	out->len = bytes;
	return lp_file_pread(fd, 0, out->p, bytes, err);
}

/* The byte that an edit begins at. */
static uint64_t place(const struct lp_erofs *e, enum from from, const char *path)
{
	struct lp_erofs_inode i = {0};
	struct lp_err err;

	if (lp_erofs_path(e, path, &i, &err))
		return 0;
	switch (from) {
	case SUPER:
		return LP_EROFS_SUPER_AT;
	case SLOT:
		return e->device_slot;
	case INODE:
		return i.nid * LP_EROFS_NID_BYTES;
	case BEHIND:
		return S_ISREG(i.mode) ? lp_align(i.after, 8) : i.after;
	default:
		return i.nid * LP_EROFS_NID_BYTES + LP_EROFS_INODE_BYTES;
	}
}

/* Exactly as many bytes as there are, so that a sanitizer sees an access behind them. */
static enum lp_code check_bytes(const struct lp_buf *b, struct lp_err *err)
{
	uint8_t *copy = malloc(b->len + !b->len);
	struct lp_erofs e;

	if (!copy)
		return lp_fail(err, LP_ESYSTEM, 0, NULL, "memory");
	memcpy(copy, b->p, b->len);
	if (!lp_erofs_open(&e, copy, b->len, err) && !lp_erofs_check(&e, LP_EROFS_LAYER, err))
		err->code = LP_OK;
	free(copy);
	return err->code;
}

static void test_case(const struct lp_buf *sound, size_t i)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err = {0};
	struct lp_erofs e;
	struct lp_erofs_inode to = {0};
	uint64_t value = cases[i].value, at;
	const char *want = cases[i].rule ? cases[i].rule : "";

	if (lp_buf_add(&b, sound->p, sound->len, sound->len, &err) ||
	    lp_erofs_open(&e, b.p, b.len, &err))
		return;
	at = place(&e, cases[i].from, cases[i].path) + cases[i].off;
	if (cases[i].from == SUPER && *cases[i].path && !lp_erofs_path(&e, cases[i].path, &to, &err))
		value = to.nid;
	lp_put_le(b.p + at, cases[i].bytes, value);
	if (!cases[i].unsealed)
		lp_erofs_seal(b.p);
	check_bytes(&b, &err);
	if (!CHECK(!strcmp(err.code && err.rule ? err.rule : "", want), "%s: %s + %u = %#llx",
		   *want ? want : "sound", cases[i].path, cases[i].off, (unsigned long long)value))
		printf("# got %s: %s\n", err.rule ? err.rule : "nothing", err.msg);
}

/* The hostile forms that one edit does not make. */
static void test_graphs(const struct lp_buf *sound)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err = {0};
	struct lp_erofs e;
	uint64_t dirent, root;
	const char *rule = "erofs.dir.cycle";

	if (lp_buf_add(&b, sound->p, sound->len, sound->len, &err) ||
	    lp_erofs_open(&e, b.p, b.len, &err))
		return;
	dirent = place(&e, BEHIND, "d") + 24;
	root = e.root;
	lp_put_le(b.p + dirent, 8, root);
	lp_put_le(b.p + dirent + 10, 1, 2);
	lp_erofs_seal(b.p);
	check_bytes(&b, &err);
	CHECK(err.code && !strcmp(err.rule, rule), "a directory in itself: %s", err.msg);
	memcpy(b.p, sound->p, sound->len);
	lp_put_le(b.p + dirent, 8, place(&e, INODE, "d") / 32);
	lp_put_le(b.p + dirent + 10, 1, 2);
	lp_erofs_seal(b.p);
	check_bytes(&b, &err);
	CHECK(err.code && !strcmp(err.rule, rule), "and nearer: %s", err.msg);
	memcpy(b.p, sound->p, sound->len);
	lp_put_le(b.p + dirent, 8, place(&e, INODE, "d/f") / 32 + 1);
	lp_erofs_seal(b.p);
	check_bytes(&b, &err);
	CHECK(err.code, "an inode inside another: %s", err.msg);
}

/* Every length: an error or none, and never a byte too many. */
static void test_truncated(const struct lp_buf *sound)
{
	struct lp_buf b = *sound;
	struct lp_err err = {0};
	size_t passed = 0;

	for (b.len = 0; b.len < sound->len; b.len += b.len < 1400 || b.len % 32 ? 1 : 31)
		passed += !check_bytes(&b, &err);
	CHECK(passed < LP_EROFS_BLOCK, "%zu of %zu shorter trees pass: only padding is missing", passed,
	      sound->len);
}

int main(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf sound = {0};
	struct lp_err err = {0};

	if (CHECK(!make_tree(&sound, &err) && !check_bytes(&sound, &err), "the tree is sound: %s",
		  err.msg)) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			test_case(&sound, i);
		test_graphs(&sound);
		if (!getenv("LP_FAIL_ALLOC"))
			test_truncated(&sound);
	}
	return test_done();
}
