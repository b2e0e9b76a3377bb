// SPDX-License-Identifier: MIT
#include "tree/erofs.h"

#include "tree/erofs_read.h"

#include <string.h>

#define BLOCK_BITS 12

static enum lp_code check_super(const struct lp_erofs *e, const struct lp_erofs_super *s,
				uint64_t slots_end, struct lp_err *err)
{
	uint32_t known = LP_EROFS_CHUNKED_FILE | LP_EROFS_DEVICE_TABLE;

	if (s->incompat & ~known)
		return lp_fail(err, LP_EUNSUP, LP_EROFS_SUPER_AT + 80, "erofs.super.features",
			       "incompatible features %#x", s->incompat & ~known);
	if (s->ndevice && !(s->incompat & LP_EROFS_DEVICE_TABLE))
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 86, "erofs.super.devices",
			       "%u devices, but no table of them", s->ndevice);
	if (slots_end > e->bytes)
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 88, "erofs.super.devices",
			       "the table of %u devices ends at %llu of %zu bytes", s->ndevice,
			       (unsigned long long)slots_end, e->bytes);
	if (e->inode_base > e->bytes || e->xattr_base > e->bytes)
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 40, "erofs.super.areas",
			       "inodes or shared xattrs begin behind the end");
	return LP_OK;
}

static enum lp_code check_kind(const struct lp_erofs *e, struct lp_cursor *c, struct lp_err *err)
{
	uint32_t magic = lp_le32(c), sum = lp_le32(c), compat = lp_le32(c);
	uint8_t bits = lp_u8(c);

	if (c->bad || magic != LP_EROFS_MAGIC)
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT, "erofs.super.magic",
			       "these %zu bytes are not EROFS", e->bytes);
	if (bits != BLOCK_BITS)
		return lp_fail(err, LP_EUNSUP, LP_EROFS_SUPER_AT + 12, "erofs.super.block-size",
			       "blocks of 2^%u bytes", bits);
	if (compat & LP_EROFS_CHECKSUM && lp_erofs_checksum(e->p) != sum)
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 4, "erofs.super.checksum",
			       "the superblock's checksum is wrong");
	return LP_OK;
}

enum lp_code lp_erofs_open(struct lp_erofs *e, const void *p, size_t bytes, struct lp_err *err)
{
	struct lp_cursor c = {.p = p, .left = bytes};
	struct lp_erofs_super s = {0};
	uint8_t extensions, directory_bits;
	struct lp_erofs_inode root;

	*e = (struct lp_erofs){.p = p, .bytes = bytes};
	lp_take(&c, LP_EROFS_SUPER_AT);
	if (bytes < LP_EROFS_BLOCK)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.super.magic",
			       "%zu bytes are too few for EROFS", bytes);
	if (check_kind(e, &c, err))
		return err->code;
	extensions = lp_u8(&c);
	e->root = lp_le16(&c);
	e->inodes = lp_le64(&c);
	lp_take(&c, 16);
	e->inode_base = (uint64_t)lp_le32(&c) * LP_EROFS_BLOCK;
	e->xattr_base = (uint64_t)lp_le32(&c) * LP_EROFS_BLOCK;
	lp_take(&c, 32);
	s.incompat = lp_le32(&c);
	lp_take(&c, 2);
	e->ndevice = s.ndevice = lp_le16(&c);
	e->device_slot = lp_le16(&c) * LP_EROFS_SLOT_BYTES;
	directory_bits = lp_u8(&c);
	if (extensions || directory_bits)
		return lp_fail(err, LP_EUNSUP, LP_EROFS_SUPER_AT + 13, "erofs.super.features",
			       "%u extension slots, directory blocks of 2^%u blocks", extensions,
			       directory_bits);
	if (check_super(e, &s, e->device_slot + (uint64_t)e->ndevice * LP_EROFS_SLOT_BYTES, err) ||
	    lp_erofs_inode(e, e->root, &root, err))
		return err->code;
	if (!S_ISDIR(root.mode))
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 14, "erofs.super.root",
			       "the root has mode %o", root.mode);
	return LP_OK;
}

uint32_t lp_erofs_device_blocks(const struct lp_erofs *e, uint32_t number)
{
	uint64_t at = e->device_slot + (uint64_t)(number - 1) * LP_EROFS_SLOT_BYTES;
	struct lp_cursor c = {.p = e->p + at + LP_EROFS_TAG_BYTES, .left = 4};

	return lp_le32(&c);
}

void lp_erofs_device(const struct lp_erofs *e, uint32_t number, struct lp_erofs_device *out)
{
	uint64_t at = e->device_slot + (uint64_t)(number - 1) * LP_EROFS_SLOT_BYTES;

	memcpy(out->tag, e->p + at, LP_EROFS_TAG_BYTES);
	out->tag[LP_EROFS_TAG_BYTES] = '\0';
	out->bytes = (uint64_t)lp_erofs_device_blocks(e, number) * LP_EROFS_BLOCK;
}

static void read_extended(struct lp_cursor *c, struct lp_erofs_inode *i)
{
	lp_take(c, 2);
	i->size = lp_le64(c);
	i->u = lp_le32(c);
	i->serial = lp_le32(c);
	i->uid = lp_le32(c);
	i->gid = lp_le32(c);
	i->mtime = (int64_t)lp_le64(c);
	i->mtime_ns = lp_le32(c);
	i->nlink = lp_le32(c);
	lp_take(c, 16);
}

/* The short form, of older RAFS bootstraps: the time is the file's own. */
static void read_compact(const struct lp_erofs *e, struct lp_cursor *c, struct lp_erofs_inode *i)
{
	struct lp_cursor built = {.p = e->p + LP_EROFS_SUPER_AT + 24, .left = 12};

	i->nlink = lp_le16(c);
	i->size = lp_le32(c);
	lp_take(c, 4);
	i->u = lp_le32(c);
	i->serial = lp_le32(c);
	i->uid = lp_le16(c);
	i->gid = lp_le16(c);
	lp_take(c, 4);
	i->mtime = (int64_t)lp_le64(&built);
	i->mtime_ns = lp_le32(&built);
}

static enum lp_code check_chunks(const struct lp_erofs *e, const struct lp_erofs_inode *i,
				 uint64_t at, struct lp_err *err)
{
	uint64_t start = lp_align(i->after, LP_EROFS_INDEX_BYTES), n;

	if (!i->size && (i->layout == LP_EROFS_CHUNKED || i->layout == LP_EROFS_PLAIN))
		return LP_OK;
	if (i->layout != LP_EROFS_CHUNKED)
		return lp_fail(err, LP_EUNSUP, at, "erofs.inode.layout",
			       "a regular file of layout %u", i->layout);
	if ((i->u & 0xffe0) != LP_EROFS_INDEXES)
		return lp_fail(err, LP_EUNSUP, at + 16, "erofs.chunk.format", "chunk format %#x",
			       i->u);
	n = (i->size - 1) >> lp_erofs_chunk_bits(i);
	if (start > e->bytes || n >= (e->bytes - start) / LP_EROFS_INDEX_BYTES)
		return lp_fail(err, LP_EFORMAT, at, "erofs.chunk.range",
			       "%llu chunk indexes from %llu of %zu bytes",
			       (unsigned long long)n + 1, (unsigned long long)start, e->bytes);
	return LP_OK;
}

/* Data of directories and symlinks: full blocks, and a tail there or behind the inode. */
static enum lp_code check_data(const struct lp_erofs *e, const struct lp_erofs_inode *i,
			       uint64_t at, struct lp_err *err)
{
	uint64_t tail = i->layout == LP_EROFS_INLINE ? i->size % LP_EROFS_BLOCK : 0;
	uint64_t blocks = i->size - tail, start = (uint64_t)i->u * LP_EROFS_BLOCK;

	if (i->layout != LP_EROFS_PLAIN && i->layout != LP_EROFS_INLINE)
		return lp_fail(err, LP_EUNSUP, at, "erofs.inode.layout",
			       "mode %o of layout %u", i->mode, i->layout);
	if (blocks && (start > e->bytes || blocks > e->bytes - start))
		return lp_fail(err, LP_EFORMAT, at + 16, "erofs.inode.data",
			       "%llu bytes of data from %llu of %zu", (unsigned long long)blocks,
			       (unsigned long long)start, e->bytes);
	/* the kernel refuses a tail that runs over a block, and so do we */
	if (tail && (i->after % LP_EROFS_BLOCK + tail > LP_EROFS_BLOCK ||
		     tail > e->bytes - i->after))
		return lp_fail(err, LP_EFORMAT, at, "erofs.inode.inline",
			       "%llu inline bytes from %llu of %zu", (unsigned long long)tail,
			       (unsigned long long)i->after, e->bytes);
	return LP_OK;
}

static enum lp_code check_inode(const struct lp_erofs *e, const struct lp_erofs_inode *i,
				uint64_t at, struct lp_err *err)
{
	if (i->after > e->bytes)
		return lp_fail(err, LP_EFORMAT, at + 2, "erofs.inode.range",
			       "the inode and its xattrs end at %llu of %zu bytes",
			       (unsigned long long)i->after, e->bytes);
	if (i->size > INT64_MAX)
		return lp_fail(err, LP_EFORMAT, at + 8, "erofs.inode.size", "a negative size");
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		return check_chunks(e, i, at, err);
	case S_IFDIR:
	case S_IFLNK:
		return check_data(e, i, at, err);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return LP_OK;
	default:
		return lp_fail(err, LP_EFORMAT, at + 4, "erofs.inode.mode", "mode %o has no type",
			       i->mode);
	}
}

enum lp_code lp_erofs_inode(const struct lp_erofs *e, uint64_t nid, struct lp_erofs_inode *out,
			    struct lp_err *err)
{
	uint64_t at = e->inode_base + nid * LP_EROFS_NID_BYTES;
	struct lp_cursor c;
	uint16_t format;

	if (nid > e->bytes / LP_EROFS_NID_BYTES || at > e->bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.inode.range",
			       "inode %llu lies behind the end", (unsigned long long)nid);
	c = (struct lp_cursor){.p = e->p + at, .left = e->bytes - at};
	*out = (struct lp_erofs_inode){.nid = nid};
	format = lp_le16(&c);
	out->xattr_icount = lp_le16(&c);
	out->mode = lp_le16(&c);
	out->layout = format >> 1 & 7;
	if (format & ~0xfu)
		return lp_fail(err, LP_EUNSUP, at, "erofs.inode.format", "inode format %#x", format);
	if (format & 1)
		read_extended(&c, out);
	else
		read_compact(e, &c, out);
	if (c.bad)
		return lp_fail(err, LP_EFORMAT, at, "erofs.inode.range",
			       "inode %llu ends behind the end", (unsigned long long)nid);
	out->after = e->bytes - c.left;
	if (out->xattr_icount)
		out->after += LP_EROFS_XATTR_HEADER + (out->xattr_icount - 1) * 4u;
	if (S_ISCHR(out->mode) || S_ISBLK(out->mode)) {
		out->rdev_major = out->u >> 8 & 0xfff;
		out->rdev_minor = (out->u & 0xff) | (out->u >> 12 & 0xfff00);
	}
	return check_inode(e, out, at, err);
}
