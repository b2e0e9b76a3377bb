// SPDX-License-Identifier: MIT
#include "tree/erofs_read.h"

#include <string.h>

#define CHUNKS_JOINED 1024u	/* ours: of one extent */
#define INLINE_COOKIE 256u	/* cookies: the shared xattrs, then this + offset among the others */

uint64_t lp_erofs_inode_end(const struct lp_erofs *e, const struct lp_erofs_inode *i)
{
	(void)e;
	if (S_ISREG(i->mode) && i->size)
		return lp_align(i->after, LP_EROFS_INDEX_BYTES) +
		       (((i->size - 1) >> lp_erofs_chunk_bits(i)) + 1) * LP_EROFS_INDEX_BYTES;
	if ((S_ISDIR(i->mode) || S_ISLNK(i->mode)) && i->layout == LP_EROFS_INLINE)
		return i->after + i->size % LP_EROFS_BLOCK;
	return i->after;
}

enum lp_code lp_erofs_behind(const struct lp_erofs *e, const struct lp_erofs_inode *inode,
			     struct lp_erofs_inode *out, struct lp_err *err)
{
	uint64_t at = lp_align(lp_erofs_inode_end(e, inode), LP_EROFS_NID_BYTES) - e->inode_base;

	if (!lp_erofs_inode(e, at / LP_EROFS_NID_BYTES, out, err))
		return LP_OK;
	/* An inode whose tail would be cut by the end of a block begins the next one. */
	at = lp_align(at + 1, LP_EROFS_BLOCK);
	return lp_erofs_inode(e, at / LP_EROFS_NID_BYTES, out, err);
}

enum lp_code lp_erofs_symlink(const struct lp_erofs *e, const struct lp_erofs_inode *inode,
			      const char **target, struct lp_err *err)
{
	uint64_t at = lp_erofs_data_at(inode, 0);

	if (!S_ISLNK(inode->mode) || !inode->size || inode->size > LP_SYMLINK_MAX)
		return lp_fail(err, LP_EFORMAT, at, "erofs.symlink.bytes",
			       "mode %o with a target of %llu bytes", inode->mode,
			       (unsigned long long)inode->size);
	*target = (const char *)e->p + at;
	if (memchr(*target, '\0', inode->size))
		return lp_fail(err, LP_EFORMAT, at, "erofs.symlink.nul", "a NUL in a symlink's target");
	return LP_OK;
}

struct chunk {
	uint32_t device, block;
};

static struct chunk read_chunk(const struct lp_erofs *e, const struct lp_erofs_inode *inode,
			       uint64_t i)
{
	uint64_t at = lp_align(inode->after, LP_EROFS_INDEX_BYTES) + i * LP_EROFS_INDEX_BYTES;
	struct lp_cursor c = {.p = e->p + at + 2, .left = 6};
	struct chunk k;

	k.device = lp_le16(&c);
	k.block = lp_le32(&c);
	return k;
}

static bool follows(struct chunk a, struct chunk b, uint64_t blocks)
{
	if (a.block == LP_EROFS_NULL || b.block == LP_EROFS_NULL)
		return a.block == b.block;
	return a.device == b.device && b.block == a.block + blocks;
}

enum lp_code lp_erofs_extent(const struct lp_erofs *e, const struct lp_erofs_inode *inode,
			     uint64_t off, struct lp_extent *out, struct lp_err *err)
{
	uint32_t bits = lp_erofs_chunk_bits(inode);
	uint64_t i = off >> bits, last, end, start = i << bits;
	struct chunk first, next;

	if (!S_ISREG(inode->mode) || off >= inode->size)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, "erofs.chunk.range",
			       "offset %llu of mode %o with %llu bytes", (unsigned long long)off,
			       inode->mode, (unsigned long long)inode->size);
	last = (inode->size - 1) >> bits;
	first = next = read_chunk(e, inode, i);
	for (uint32_t n = 0; i < last && n < CHUNKS_JOINED; i++, n++) {
		struct chunk k = read_chunk(e, inode, i + 1);

		if (!follows(next, k, UINT64_C(1) << (bits - 12)))
			break;
		next = k;
	}
	end = i < last ? (i + 1) << bits : inode->size;
	*out = (struct lp_extent){.off = off, .bytes = end - off};
	if (first.block == LP_EROFS_NULL)
		return LP_OK;
	if (!first.device || first.device > e->ndevice ||
	    first.block + (end - start - 1) / LP_EROFS_BLOCK >=
		    lp_erofs_device_blocks(e, first.device))
		return lp_fail(err, LP_EFORMAT, lp_align(inode->after, LP_EROFS_INDEX_BYTES),
			       "erofs.chunk.device", "blocks %u to %llu of device %u",
			       first.block,
			       (unsigned long long)(first.block + (end - start - 1) / LP_EROFS_BLOCK),
			       first.device);
	out->device = first.device;
	out->device_off = (uint64_t)first.block * LP_EROFS_BLOCK + (off - start);
	return LP_OK;
}

/* The xattr entry at @at, which ends before @end; *@next: behind it and its padding. */
static enum lp_code read_xattr(const struct lp_erofs *e, uint64_t at, uint64_t end,
			       struct lp_erofs_xattr *out, uint64_t *next, struct lp_err *err)
{
	struct lp_cursor c = {.p = e->p + at, .left = (size_t)(end - at)};
	uint8_t suffix_bytes = lp_u8(&c), number = lp_u8(&c);
	const char *prefix = lp_erofs_prefix_text(number);
	size_t prefix_bytes = prefix ? strlen(prefix) : 0;
	const uint8_t *suffix;

	out->bytes = lp_le16(&c);
	suffix = lp_take(&c, suffix_bytes);
	out->value = lp_take(&c, out->bytes);
	*next = at + lp_erofs_xattr_bytes(suffix_bytes, out->bytes);
	if (c.bad)
		return lp_fail(err, LP_EFORMAT, at, "erofs.xattr.range",
			       "an xattr of %llu bytes, %llu are left",
			       (unsigned long long)(*next - at), (unsigned long long)(end - at));
	if (!prefix || (prefix[prefix_bytes - 1] == '.') != (suffix_bytes != 0))
		return lp_fail(err, LP_EFORMAT, at + 1, "erofs.xattr.prefix",
			       "xattr prefix %u with %u more bytes", number, suffix_bytes);
	if (prefix_bytes + suffix_bytes >= sizeof(out->name) || memchr(suffix, '\0', suffix_bytes))
		return lp_fail(err, LP_EFORMAT, at, "erofs.xattr.name",
			       "an xattr name of %zu bytes, or with a NUL",
			       prefix_bytes + suffix_bytes);
	memcpy(out->name, prefix, prefix_bytes);
	memcpy(out->name + prefix_bytes, suffix, suffix_bytes);
	out->name[prefix_bytes + suffix_bytes] = '\0';
	return LP_OK;
}

enum lp_code lp_erofs_xattr(const struct lp_erofs *e, const struct lp_erofs_inode *inode,
			    uint64_t *cookie, struct lp_erofs_xattr *out, bool *more,
			    struct lp_err *err)
{
	uint32_t all = inode->xattr_icount ? (inode->xattr_icount - 1) * 4u : 0, shared;
	uint64_t ids = inode->after - all, start, at, next;
	struct lp_cursor c;

	*more = false;
	if (!all)
		return LP_OK;
	shared = e->p[ids - LP_EROFS_XATTR_HEADER + 4];
	if (shared * 4u > all)
		return lp_fail(err, LP_EFORMAT, ids - 8, "erofs.xattr.shared",
			       "%u shared xattrs in %u bytes", shared, all);
	start = ids + shared * 4u;
	if (*cookie < shared) {
		c = (struct lp_cursor){.p = e->p + ids + *cookie * 4, .left = 4};
		at = e->xattr_base + (uint64_t)lp_le32(&c) * 4;
		if (at > e->bytes)
			return lp_fail(err, LP_EFORMAT, ids, "erofs.xattr.shared",
				       "a shared xattr at %llu of %zu bytes",
				       (unsigned long long)at, e->bytes);
		if (read_xattr(e, at, e->bytes, out, &next, err))
			return err->code;
		++*cookie;
		*more = true;
		return LP_OK;
	}
	at = start + (*cookie < INLINE_COOKIE ? 0 : *cookie - INLINE_COOKIE);
	if (at >= inode->after)
		return LP_OK;
	if (read_xattr(e, at, inode->after, out, &next, err))
		return err->code;
	*cookie = INLINE_COOKIE + next - start;
	*more = true;
	return LP_OK;
}
