// SPDX-License-Identifier: MIT
#include "tree/erofs_read.h"

#include <string.h>

#define COOKIE_BITS 12	/* a block has fewer entries than 1 << 12 */

enum lp_code lp_erofs_dirblock(const struct lp_erofs *e, const struct lp_erofs_inode *dir,
			       uint64_t block, struct lp_erofs_dirblock *out, struct lp_err *err)
{
	uint64_t left = dir->size - block * LP_EROFS_BLOCK;
	struct lp_cursor c;
	uint32_t first;

	out->at = lp_erofs_data_at(dir, block);
	out->p = e->p + out->at;
	out->bytes = left < LP_EROFS_BLOCK ? (uint32_t)left : LP_EROFS_BLOCK;
	c = (struct lp_cursor){.p = out->p, .left = out->bytes};
	lp_take(&c, 8);
	first = lp_le16(&c);
	if (c.bad || !first || first % LP_EROFS_DIRENT_BYTES || first >= out->bytes)
		return lp_fail(err, LP_EFORMAT, out->at, "erofs.dir.block",
			       "a directory block of %u bytes, with names from %u", out->bytes,
			       first);
	out->n = first / LP_EROFS_DIRENT_BYTES;
	return LP_OK;
}

static enum lp_code refuse_name(const struct lp_erofs_dirblock *b, uint32_t i, uint32_t from,
				uint32_t to, struct lp_err *err)
{
	return lp_fail(err, LP_EFORMAT, b->at + i * LP_EROFS_DIRENT_BYTES, "erofs.dir.name",
		       "the name of directory entry %u is bytes %u to %u of %u", i, from, to,
		       b->bytes);
}

enum lp_code lp_erofs_dirblock_entry(const struct lp_erofs_dirblock *b, uint32_t i,
				     struct lp_erofs_dirent *out, struct lp_err *err)
{
	uint32_t skip = i * LP_EROFS_DIRENT_BYTES, from, to = b->bytes;
	struct lp_cursor c = {.p = b->p + skip, .left = b->bytes - skip};
	const void *end;

	out->nid = lp_le64(&c);
	from = lp_le16(&c);
	out->type = lp_u8(&c);
	if (i + 1 < b->n) {
		lp_take(&c, 1 + 8);
		to = lp_le16(&c);
	}
	if (from < b->n * LP_EROFS_DIRENT_BYTES || from >= to || to > b->bytes)
		return refuse_name(b, i, from, to, err);
	out->name = (const char *)b->p + from;
	out->name_bytes = to - from;
	/* the last name of a block that has room left ends at a NUL */
	end = memchr(out->name, '\0', out->name_bytes);
	if (end && i + 1 == b->n)
		out->name_bytes = (size_t)((const char *)end - out->name);
	if ((end && i + 1 != b->n) || !out->name_bytes || out->name_bytes > LP_NAME_MAX ||
	    memchr(out->name, '/', out->name_bytes))
		return refuse_name(b, i, from, to, err);
	return LP_OK;
}

enum lp_code lp_erofs_dirent(const struct lp_erofs *e, const struct lp_erofs_inode *dir,
			     uint64_t *cookie, struct lp_erofs_dirent *out, bool *more,
			     struct lp_err *err)
{
	uint64_t block = *cookie >> COOKIE_BITS;
	uint32_t i = *cookie & ((1u << COOKIE_BITS) - 1);
	struct lp_erofs_dirblock b;

	*more = block < (dir->size + LP_EROFS_BLOCK - 1) / LP_EROFS_BLOCK;
	if (!*more)
		return LP_OK;
	if (lp_erofs_dirblock(e, dir, block, &b, err))
		return err->code;
	if (i >= b.n)
		return lp_fail(err, LP_EUSAGE, b.at, "erofs.dir.cookie", "no entry %u of %u", i, b.n);
	if (lp_erofs_dirblock_entry(&b, i, out, err))
		return err->code;
	*cookie = i + 1 < b.n ? *cookie + 1 : (block + 1) << COOKIE_BITS;
	return LP_OK;
}

static enum lp_code missing(const char *name, size_t bytes, struct lp_err *err)
{
	return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, "erofs.path.missing", "there is no \"%.*s\"",
		       (int)(bytes < 100 ? bytes : 100), name);
}

enum lp_code lp_erofs_lookup(const struct lp_erofs *e, const struct lp_erofs_inode *dir,
			     const char *name, size_t name_bytes, uint64_t *nid,
			     struct lp_err *err)
{
	uint64_t low = 0, high = (dir->size + LP_EROFS_BLOCK - 1) / LP_EROFS_BLOCK;
	struct lp_erofs_dirblock b = {0};
	struct lp_erofs_dirent d;
	uint32_t from = 0, to;

	/* the last block whose first name is not behind @name */
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (lp_erofs_dirblock(e, dir, mid, &b, err) ||
		    lp_erofs_dirblock_entry(&b, 0, &d, err))
			return err->code;
		if (lp_erofs_compare(d.name, d.name_bytes, name, name_bytes) > 0)
			high = mid;
		else
			low = mid + 1;
	}
	if (!low)
		return missing(name, name_bytes, err);
	if (lp_erofs_dirblock(e, dir, low - 1, &b, err))
		return err->code;
	for (to = b.n; from < to;) {
		uint32_t mid = from + (to - from) / 2;
		int c;

		if (lp_erofs_dirblock_entry(&b, mid, &d, err))
			return err->code;
		c = lp_erofs_compare(d.name, d.name_bytes, name, name_bytes);
		if (!c) {
			*nid = d.nid;
			return LP_OK;
		}
		if (c > 0)
			to = mid;
		else
			from = mid + 1;
	}
	return missing(name, name_bytes, err);
}

enum lp_code lp_erofs_path(const struct lp_erofs *e, const char *path, struct lp_erofs_inode *out,
			   struct lp_err *err)
{
	uint64_t nid = e->root;

	if (lp_erofs_inode(e, nid, out, err))
		return err->code;
	while (*path) {
		size_t bytes = strcspn(path, "/");

		if (!S_ISDIR(out->mode))
			return missing(path, bytes, err);
		if (lp_erofs_lookup(e, out, path, bytes, &nid, err) ||
		    lp_erofs_inode(e, nid, out, err))
			return err->code;
		path += bytes + (path[bytes] == '/');
	}
	return LP_OK;
}
