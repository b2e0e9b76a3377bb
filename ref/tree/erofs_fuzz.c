// SPDX-License-Identifier: MIT
/*
 * Hostile EROFS.  The first byte says how the rest is meant: 0, as a whole file; else as edits
 * (u16 offset in units of 2, u8 length, bytes) of a tree that the writer made.
 *
 * What passes the check must serve every other reader, and merge into what passes it again.
 */
#include "layer/layer.h"
#include "tree/canonical.h"
#include "tree/erofs_read.h"
#include "tree/merge.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct lp_xattr xattrs[] = {
	{"user.s", "twice", 5}, {"security.capability", "0123", 4},
};
static const struct lp_extent extents[] = {
	{.bytes = 2 * LP_BLOCK, .device_off = LP_BLOCK, .device = 1},
	{.off = 3 * LP_BLOCK, .bytes = LP_BLOCK, .device_off = 9 * LP_BLOCK, .device = 1},
};
static const struct lp_entry entries[] = {
	{.path = "a", .mode = S_IFREG, .size = 3 * LP_BLOCK, .extent = extents, .nextent = 1},
	{.path = "h", .mode = S_IFREG, .size = 5 * LP_BLOCK, .extent = extents, .nextent = 2},
	{.path = "l", .mode = S_IFLNK, .link = "target"},
	{.path = "d/f", .mode = S_IFREG, .xattr = xattrs, .nxattr = 2},
	{.path = "d/g", .kind = LP_ENTRY_HARDLINK, .link = "d/f"},
	{.path = "d/e/x", .mode = S_IFREG, .xattr = xattrs, .nxattr = 1},
	{.path = "n", .mode = S_IFCHR, .major = 1, .minor = 300},
	{.path = "d", .kind = LP_ENTRY_OPAQUE},
	{.path = "w", .kind = LP_ENTRY_WHITEOUT},
};

static enum lp_code encode(struct lp_tree *t, uint32_t ndevice, struct lp_buf *out,
			   struct lp_err *err)
{
	const struct lp_erofs_device device[2] = {
		{"1", 64 * LP_BLOCK}, {"2", UINT32_MAX * (uint64_t)LP_BLOCK - LP_BLOCK},
	};
	LP_AUTO(lp_fd_close) int fd = memfd_create("tree", MFD_CLOEXEC);
	uint64_t bytes = 0;

	if (lp_erofs_write(t, device, ndevice, fd, err) || lp_file_bytes(fd, &bytes, err) ||
	    lp_buf_reserve(out, bytes, SIZE_MAX, err))
		return err->code;
	out->len = bytes;
	return lp_file_pread(fd, 0, out->p, bytes, err);
}

static enum lp_code make_base(struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	char path[128];
	const struct lp_entry many = {.path = path, .mode = S_IFREG};

	if (lp_tree_open(&t, err))
		return err->code;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (lp_tree_add(&t, &entries[i], err))
			return err->code;
	for (int i = 0; i < 45; i++) {
		snprintf(path, sizeof(path), "big/%0100d", i);
		if (lp_tree_add(&t, &many, err))
			return err->code;
	}
	return lp_tree_end(&t, err) ? err->code : encode(&t, 1, out, err);
}

static void edit(struct lp_buf *b, const uint8_t *data, size_t n)
{
	struct lp_cursor c = {.p = data, .left = n};

	while (c.left > 3) {
		size_t at = 2u * lp_le16(&c), bytes = lp_u8(&c) % 16 + 1u;
		const uint8_t *p;

		bytes = bytes < c.left ? bytes : c.left;
		p = lp_take(&c, bytes);
		if (p && at < b->len && bytes <= b->len - at)
			memcpy(b->p + at, p, bytes);
	}
}

static enum lp_code drop(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	(void)w;
	(void)p;
	(void)n;
	(void)err;
	return LP_OK;
}

/* Every accessor on every inode that a walk meets. */
static enum lp_code visit(struct lp_erofs_visitor *v, const char *path,
			  const struct lp_erofs_inode *inode, struct lp_err *err)
{
	(void)v;
	(void)path;
	(void)inode;
	(void)err;
	return LP_OK;
}

static void touch(const struct lp_erofs *e, uint64_t nid)
{
	struct lp_erofs_inode i;
	struct lp_erofs_dirent d;
	struct lp_erofs_xattr x;
	struct lp_extent extent;
	struct lp_err err;
	const char *target;
	uint64_t cookie = 0, found;
	bool more = true;

	if (lp_erofs_inode(e, nid, &i, &err))
		return;
	for (int k = 0; k < 1000 && more && !lp_erofs_xattr(e, &i, &cookie, &x, &more, &err); k++)
		assert(strlen(x.name) < 256 || !more);
	cookie = 0;
	more = S_ISDIR(i.mode);
	for (int k = 0; k < 1000 && more && !lp_erofs_dirent(e, &i, &cookie, &d, &more, &err); k++)
		assert(!more || lp_erofs_lookup(e, &i, d.name, d.name_bytes, &found, &err) <= LP_ELIMIT);
	if (S_ISLNK(i.mode) && !lp_erofs_symlink(e, &i, &target, &err))
		assert(i.size && target[i.size - 1]);
	more = S_ISREG(i.mode);
	for (uint64_t off = 0, k = 0; more && off < i.size && k < 1000; off += extent.bytes, k++)
		more = !lp_erofs_extent(e, &i, off, &extent, &err);
}

/* A tree that passed: whatever else fails is a limit. */
static void use(const struct lp_erofs *e)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	const struct lp_erofs two[2] = {*e, *e};
	struct lp_erofs_visitor v = {visit};
	struct lp_writer w = {drop};
	struct lp_err err = {0};
	struct lp_erofs merged;

	assert(!lp_erofs_walk(e, &v, &err));
	assert(!lp_canonical_erofs(e, NULL, &w, &err));
	assert(!lp_tree_open(&t, &err));
	if (lp_tree_merge(two, 2, &t, &err) || encode(&t, 2, &out, &err)) {
		assert(err.code == LP_ELIMIT || !strcmp(err.rule, "erofs.chunk.device") ||
		       !strncmp(err.rule, "tree.", 5));
		return;
	}
	assert(!lp_erofs_open(&merged, out.p, out.len, &err));
	assert(!lp_erofs_check(&merged, LP_EROFS_MERGED, &err));
	assert(!lp_canonical_erofs(&merged, NULL, &w, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lp_buf base;
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err = {0};
	struct lp_erofs e;
	uint8_t *exact;

	if (!base.len && make_base(&base, &err))
		abort();
	if (!n)
		return 0;
	if (lp_buf_add(&b, *data ? base.p : data + 1, *data ? base.len : n - 1, SIZE_MAX, &err))
		abort();
	if (*data)
		edit(&b, data + 1, n - 1);
	if (b.len >= LP_EROFS_BLOCK)
		lp_erofs_seal(b.p);
	exact = malloc(b.len + !b.len);
	assert(exact);
	if (b.len)
		memcpy(exact, b.p, b.len);
	if (!lp_erofs_open(&e, exact, b.len, &err)) {
		for (uint64_t nid = 0; nid < b.len / LP_EROFS_NID_BYTES + 2; nid++)
			touch(&e, nid);
		if (!lp_erofs_check(&e, LP_EROFS_LAYER, &err))
			use(&e);
	}
	free(exact);
	return 0;
}
