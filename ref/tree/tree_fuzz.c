// SPDX-License-Identifier: MIT
/*
 * Entries in any order: a tree either is refused or becomes EROFS that passes the check.
 *
 * Input: for each entry u8 kind, u8 path, u8 link, u8 xattrs; paths are of a few names, so
 * that they meet often.
 */
#include "base/cursor.h"
#include "layer/layer.h"
#include "tree/erofs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void make_path(uint8_t v, char out[16])
{
	static const char *const name[] = {"a", "b", "a.b", "!"};
	size_t at = 0;

	for (int i = 0; i < v >> 6; i++)
		at += (size_t)snprintf(out + at, 16 - at, "%s%s", i ? "/" : "", name[v >> 2 * i & 3]);
	out[at] = '\0';
}

static enum lp_code add(struct lp_tree *t, struct lp_cursor *c, struct lp_err *err)
{
	static const uint32_t type[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFBLK, S_IFSOCK};
	static const struct lp_xattr x[] = {{"user.a", "1", 1}, {"user.b", "22", 2}, {"user.a", "3", 1}};
	struct lp_extent extent[2];
	char path[16], link[16];
	uint8_t kind = lp_u8(c);
	struct lp_entry e = {
		.kind = kind & 3,
		.path = path,
		.link = link,
		.mode = type[(kind >> 2) % 6] | 0644,
		.mtime = kind,
		.size = kind * UINT64_C(3000),
		.xattr = x,
		.extent = extent,
		.nextent = kind ? 2 : 0,
	};

	make_path(lp_u8(c), path);
	make_path(lp_u8(c), link);
	e.nxattr = lp_u8(c) & 3;
	extent[0] = (struct lp_extent){0, e.size / 3, LP_BLOCK * (kind >> 4), 1};
	extent[1] = (struct lp_extent){e.size / 3 * 2, e.size / 3, 0, 2};
	extent[1].device_off = extent[1].off + (uint64_t)LP_BLOCK * (kind & 8);
	return lp_tree_add(t, &e, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct lp_erofs_device device[2] = {{"1", 1024 * LP_BLOCK}, {"2", 1024 * LP_BLOCK}};
	LP_AUTO(lp_tree_free) struct lp_tree t = {0};
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_cursor c = {.p = data, .left = n};
	struct lp_err err = {0};
	struct lp_erofs e;

	assert(!lp_tree_open(&t, &err));
	while (c.left > 3)
		if (add(&t, &c, &err))
			assert(err.rule && !strncmp(err.rule, "tree.", 5));
	if (lp_tree_end(&t, &err)) {
		assert(err.rule);
		return 0;
	}
	fd = memfd_create("tree", MFD_CLOEXEC);
	assert(!lp_erofs_write(&t, device, 2, fd, &err) && !lp_map_fd(&map, fd, &err));
	assert(!lp_erofs_open(&e, map.p, map.bytes, &err) && !lp_erofs_check(&e, LP_EROFS_LAYER, &err));
	return 0;
}
