// SPDX-License-Identifier: MIT
#include "format/rafs/v5.h"

#include "base/cursor.h"
#include "format/rafs/merkle.h"
#include "tree/erofs_layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_SUPER "rafs5.super.bytes"
#define RULE_VERSION "rafs5.super.version"
#define RULE_RESERVED "rafs5.super.reserved"
#define RULE_TABLE "rafs5.table.range"
#define RULE_OVERLAP "rafs5.table.overlap"
#define RULE_BLOBS "rafs5.blob.table"
#define RULE_UNIQUE "rafs5.super.inodes"
#define RULE_OFFSET "rafs5.inode.offset"
#define RULE_RECORD "rafs5.inode.record"
#define RULE_TREE "rafs5.inode.tree"
#define RULE_PARENT "rafs5.inode.parent"
#define RULE_INO "rafs5.inode.number"
#define RULE_NAME "rafs5.inode.name"
#define RULE_ORDER "rafs5.dir.order"
#define RULE_TYPE "rafs5.inode.type"
#define RULE_LINK "rafs5.inode.symlink"
#define RULE_TIME "rafs5.inode.time"
#define RULE_SIZE "rafs5.inode.size"
#define RULE_CHUNK "rafs5.chunk.place"
#define RULE_ENTRIES "rafs.limit.entries"
#define RULE_BLOB_COUNT "rafs.limit.blobs"

#define MAGIC 0x52414653u
#define VERSION 0x500u
#define SUPER_BYTES 8192u
#define EXTENDED_BYTES 64u
#define INODE_BYTES 128u
#define BLOBS_MAX 1023u		/* ours: layers of a manifest */

/* 2.3; what is reserved as compatible is accepted, as the specification says */
#define KNOWN (LP_RAFS_COMPRESSORS | LP_RAFS_DIGESTERS | LP_RAFS_OWNERS | LP_RAFS_XATTRS | \
	       LP_RAFS_CIPHER_NONE | LP_RAFS_CIPHER_XTS | 0xfc000000u)

enum inode_flag { SYMLINK = 1, HARDLINK = 2, XATTR = 4, HOLE = 8 };

static uint64_t align8(uint64_t v)
{
	return (v + 7) & ~(uint64_t)7;
}

static enum lp_code check_table(const struct lp_rafs_v5 *v, const struct lp_rafs_table *t,
				const char *what, struct lp_err *err)
{
	if (t->off % 8 || t->off < SUPER_BYTES || t->off > v->bytes || t->bytes > v->bytes - t->off)
		return lp_fail(err, LP_EFORMAT, t->off, RULE_TABLE,
			       "the %s table, %" PRIu64 " bytes, is not behind the superblock and "
			       "inside the file", what, t->bytes);
	return LP_OK;
}

/* No two tables share a byte. */
static enum lp_code check_overlap(const struct lp_rafs_v5 *v, struct lp_err *err)
{
	const struct lp_rafs_table *t[] = {&v->inodes, &v->prefetch, &v->blobs, &v->extended};

	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			if (t[i]->bytes && t[k]->bytes && t[i]->off < t[k]->off + t[k]->bytes &&
			    t[k]->off < t[i]->off + t[i]->bytes)
				return lp_fail(err, LP_EFORMAT, t[i]->off, RULE_OVERLAP,
					       "two tables share bytes");
	return LP_OK;
}

static enum lp_code read_super(struct lp_rafs_v5 *v, struct lp_err *err)
{
	struct lp_cursor c = {.p = v->p, .left = v->bytes};
	uint32_t magic = lp_le32(&c), version = lp_le32(&c), size = lp_le32(&c), blob_bytes;
	uint64_t flags;

	v->chunk_bytes = lp_le32(&c);
	flags = lp_le64(&c);
	v->unique = lp_le64(&c);
	v->inodes.off = lp_le64(&c);
	v->prefetch.off = lp_le64(&c);
	v->blobs.off = lp_le64(&c);
	v->ninode = lp_le32(&c);
	v->nprefetch = lp_le32(&c);
	blob_bytes = lp_le32(&c);
	v->nextended = lp_le32(&c);
	v->extended.off = lp_le64(&c);
	if (v->bytes <= SUPER_BYTES || v->bytes % 8 || size != SUPER_BYTES)
		return lp_fail(err, LP_EFORMAT, 8, RULE_SUPER,
			       "a bootstrap of %zu bytes with a superblock of %u", v->bytes, size);
	if (magic != MAGIC || version != VERSION)
		return lp_fail(err, LP_EFORMAT, 0, RULE_VERSION, "not RAFS v5: version %#x",
			       version);
	for (const uint8_t *p = c.p; p < v->p + SUPER_BYTES; p++)
		if (*p)
			return lp_fail(err, LP_EFORMAT, (uint64_t)(p - v->p), RULE_RESERVED,
				       "a reserved byte of the superblock is %#x", *p);
	v->inodes.bytes = (uint64_t)v->ninode * 4;
	v->prefetch.bytes = (uint64_t)v->nprefetch * 4;
	v->blobs.bytes = blob_bytes;
	v->extended.bytes = (uint64_t)v->nextended * EXTENDED_BYTES;
	v->xattrs = flags & LP_RAFS_XATTRS;
	if (lp_rafs_kind_of(flags, KNOWN, 16, &v->kind, err) ||
	    lp_rafs_chunk_size(v->chunk_bytes, 12, err))
		return err->code;
	return LP_OK;
}

static enum lp_code check_super(const struct lp_rafs_v5 *v, struct lp_err *err)
{
	if (check_table(v, &v->inodes, "inode", err))
		return err->code;
	if (v->nprefetch && check_table(v, &v->prefetch, "prefetch", err))
		return err->code;
	if (v->blobs.bytes && check_table(v, &v->blobs, "blob", err))
		return err->code;
	if (v->nextended && check_table(v, &v->extended, "extended blob", err))
		return err->code;
	if (!v->ninode || v->unique > v->ninode)
		return lp_fail(err, LP_EFORMAT, 24, RULE_UNIQUE, "%" PRIu64 " inodes with %u names",
			       v->unique, v->ninode);
	if (v->ninode > LP_ENTRIES_MAX)
		return lp_fail(err, LP_ELIMIT, 56, RULE_ENTRIES, "%u names, the limit is %u",
			       v->ninode, LP_ENTRIES_MAX);
	return check_overlap(v, err);
}

/* One more blob: its id, up to a NUL or the end of the table. */
static enum lp_code read_blob(struct lp_rafs_v5 *v, struct lp_cursor *c, struct lp_err *err)
{
	struct lp_rafs_blob b = {.codec = v->kind.codec};
	uint64_t at = (uint64_t)(c->p - v->p);
	size_t n = 0;

	lp_take(c, 8); /* what to read ahead */
	while (n < c->left && c->p[n])
		n++;
	if (c->bad || lp_rafs_id(c->p, n, at + 8, b.id, err))
		return c->bad ? lp_fail(err, LP_EFORMAT, at, RULE_BLOBS, "the blob table ends early")
			      : err->code;
	lp_take(c, n);
	if (v->blob.len / sizeof(b) >= BLOBS_MAX)
		return lp_fail(err, LP_ELIMIT, at, RULE_BLOB_COUNT, "more than %u blobs", BLOBS_MAX);
	return lp_buf_add(&v->blob, &b, sizeof(b), SIZE_MAX, err);
}

static enum lp_code read_blobs(struct lp_rafs_v5 *v, struct lp_err *err)
{
	struct lp_cursor c = {.p = v->p + v->blobs.off, .left = (size_t)v->blobs.bytes};
	struct lp_rafs_blob *blob;
	size_t n;

	if (!v->blobs.bytes)
		return LP_OK;
	/* Each id ends with a NUL; behind the last one there are zero bytes to a multiple of 8. */
	while (c.left) {
		bool pad = true;

		if (read_blob(v, &c, err))
			return err->code;
		for (size_t i = 0; i < c.left; i++)
			pad = pad && !c.p[i];
		if (pad && c.left < 8)
			break;
		lp_take(&c, 1);
	}
	blob = (struct lp_rafs_blob *)(void *)v->blob.p;
	n = v->blob.len / sizeof(*blob);
	if (v->nextended && v->nextended < n)
		return lp_fail(err, LP_EFORMAT, v->extended.off, RULE_BLOBS,
			       "%u extended entries for %zu blobs", v->nextended, n);
	for (size_t i = 0; i < n && v->nextended; i++) {
		c = (struct lp_cursor){.p = v->p + v->extended.off + i * EXTENDED_BYTES,
				       .left = EXTENDED_BYTES};
		blob[i].nchunk = lp_le32(&c);
		blob[i].features = lp_le32(&c); /* unknown ones are ignored: 2.5 */
		blob[i].plain_bytes = lp_le64(&c);
		blob[i].stored_bytes = lp_le64(&c);
	}
	return lp_rafs_blobs_check(blob, (uint32_t)n, v->blobs.off, err);
}

static uint32_t table_entry(const struct lp_rafs_v5 *v, const struct lp_rafs_table *t, uint32_t i)
{
	struct lp_cursor c = {.p = v->p + t->off + (uint64_t)i * 4, .left = 4};

	return lp_le32(&c);
}

static void read_fixed(struct lp_cursor *c, struct lp_rafs_inode *n)
{
	n->digest = lp_take(c, LP_RAFS_DIGEST);
	n->parent = lp_le64(c);
	n->ino = lp_le64(c);
	n->uid = lp_le32(c);
	n->gid = lp_le32(c);
	lp_le32(c); /* project */
	n->mode = lp_le32(c);
	n->size = lp_le64(c);
	lp_le64(c); /* blocks: nothing depends on them */
	n->flags = lp_le64(c);
	n->nlink = lp_le32(c);
	n->child = lp_le32(c);
	n->nchild = lp_le32(c);
	n->name_bytes = lp_le16(c);
	n->link_bytes = lp_le16(c);
	n->rdev = lp_le32(c);
	n->mtime_ns = lp_le32(c);
	n->mtime = lp_le64(c);
	lp_take(c, 8);
}

/* What stands behind the fixed part. */
static void read_rest(const struct lp_rafs_v5 *v, struct lp_cursor *c, struct lp_rafs_inode *n)
{
	n->name = (const char *)lp_take(c, n->name_bytes);
	lp_take(c, (size_t)(align8(n->name_bytes) - n->name_bytes));
	n->link = "";
	if (S_ISLNK(n->mode)) {
		n->link = (const char *)lp_take(c, n->link_bytes);
		lp_take(c, (size_t)(align8(n->link_bytes) - n->link_bytes));
	}
	n->xattr_bytes = n->flags & XATTR ? lp_le64(c) : 0;
	if (n->xattr_bytes > c->left)
		c->bad = true;
	n->xattr = lp_take(c, (size_t)n->xattr_bytes);
	lp_take(c, (size_t)(align8(n->xattr_bytes) - n->xattr_bytes));
	n->chunk = (uint64_t)(c->p - v->p);
	if (S_ISREG(n->mode) && n->nchild > c->left / LP_RAFS_CHUNK_BYTES)
		c->bad = true;
}

enum lp_code lp_rafs_v5_inode(const struct lp_rafs_v5 *v, uint32_t i, struct lp_rafs_inode *out,
			      struct lp_err *err)
{
	uint64_t at = (uint64_t)table_entry(v, &v->inodes, i - 1) << 3;
	struct lp_cursor c = {.p = v->p};

	if (at < SUPER_BYTES || at > v->bytes || v->bytes - at < INODE_BYTES)
		return lp_fail(err, LP_EFORMAT, v->inodes.off + (uint64_t)(i - 1) * 4, RULE_OFFSET,
			       "inode %u at %" PRIu64, i, at);
	c.p += at;
	c.left = v->bytes - (size_t)at;
	out->at = at;
	read_fixed(&c, out);
	read_rest(v, &c, out);
	if (c.bad)
		return lp_fail(err, LP_EFORMAT, at, RULE_RECORD,
			       "the record of inode %u does not end inside the file", i);
	return LP_OK;
}

static enum lp_code check_name(const struct lp_rafs_inode *n, uint32_t i, struct lp_err *err)
{
	const char *p = n->name;
	size_t bytes = n->name_bytes;

	if (i == 1 && bytes <= 1 && (!bytes || *p == '/'))
		return LP_OK;
	if (i == 1 || !bytes || bytes > LP_NAME_MAX || memchr(p, '/', bytes) ||
	    memchr(p, 0, bytes) || (*p == '.' && (bytes == 1 || (bytes == 2 && p[1] == '.'))))
		return lp_fail(err, LP_EFORMAT, n->at + INODE_BYTES, RULE_NAME,
			       "inode %u has a name of %zu bytes that no file can have", i, bytes);
	return LP_OK;
}

static enum lp_code check_type(const struct lp_rafs_inode *n, uint32_t i, struct lp_err *err)
{
	bool link = S_ISLNK(n->mode);

	if ((i == 1 && !S_ISDIR(n->mode)) || !lp_erofs_type(n->mode) ||
	    n->mode & ~(uint32_t)(S_IFMT | 07777) ||
	    link != !!(n->flags & SYMLINK) || n->flags & ~(uint64_t)(SYMLINK | HARDLINK | XATTR))
		return lp_fail(err, LP_EFORMAT, n->at + 60, RULE_TYPE,
			       "inode %u has mode %#o and flags %#" PRIx64, i, n->mode, n->flags);
	if (n->mtime_ns >= 1000000000)
		return lp_fail(err, LP_EFORMAT, n->at + 108, RULE_TIME, "%u nanoseconds",
			       n->mtime_ns);
	if (link && (!n->link_bytes || n->link_bytes > LP_SYMLINK_MAX ||
		     n->size != n->link_bytes || memchr(n->link, 0, n->link_bytes)))
		return lp_fail(err, LP_EFORMAT, n->at + 102, RULE_LINK,
			       "inode %u has a target of %u bytes and size %" PRIu64, i,
			       n->link_bytes, n->size);
	return LP_OK;
}

/* Chunk @k of the regular file @n, checked against it. */
static enum lp_code read_chunk(const struct lp_rafs_v5 *v, const struct lp_rafs_inode *n,
			       uint32_t k, struct lp_rafs_chunk *c, struct lp_err *err)
{
	uint64_t at = n->chunk + (uint64_t)k * LP_RAFS_CHUNK_BYTES;
	uint64_t off = (uint64_t)k * v->chunk_bytes, left = n->size - off;

	lp_rafs_chunk_read(v->p + at, c);
	if (lp_rafs_chunk_check(c, v->plan.blob, v->plan.nblob, v->chunk_bytes, at, err))
		return err->code;
	if (c->plain_bytes != (left < v->chunk_bytes ? left : v->chunk_bytes) || c->file_off != off)
		return lp_fail(err, LP_EFORMAT, at, RULE_CHUNK,
			       "chunk %u of a file of %" PRIu64 " bytes has %u at %" PRIu64, k,
			       n->size, c->plain_bytes, c->file_off);
	return LP_OK;
}

static enum lp_code take_file(struct lp_rafs_v5 *v, const struct lp_rafs_inode *n, uint32_t i,
			      struct lp_err *err)
{
	uint64_t want = n->size / v->chunk_bytes + !!(n->size % v->chunk_bytes);

	if (n->nchild != want)
		return lp_fail(err, LP_EFORMAT, n->at + 96, RULE_SIZE,
			       "inode %u has %u chunks for %" PRIu64 " bytes", i, n->nchild,
			       n->size);
	for (uint32_t k = 0; k < n->nchild; k++) {
		struct lp_rafs_chunk c;

		if (read_chunk(v, n, k, &c, err) ||
		    lp_rafs_plan_add(&v->plan, &c, n->chunk + (uint64_t)k * LP_RAFS_CHUNK_BYTES, err))
			return err->code;
	}
	return LP_OK;
}

/* The children of directory @i are nobody else's, and come behind it. */
static enum lp_code take_dir(struct lp_rafs_v5 *v, const struct lp_rafs_inode *n, uint32_t i,
			     struct lp_err *err)
{
	if (n->nchild && (n->child <= i || n->child > v->ninode ||
			  n->nchild > v->ninode - n->child + 1))
		return lp_fail(err, LP_EFORMAT, n->at + 92, RULE_TREE,
			       "directory %u has children %u to %" PRIu64 " of %u", i, n->child,
			       (uint64_t)n->child + n->nchild - 1, v->ninode);
	for (uint32_t k = 0; k < n->nchild; k++) {
		if (v->parent[n->child + k])
			return lp_fail(err, LP_EFORMAT, n->at + 92, RULE_TREE,
				       "inode %u is a child of both %u and %u", n->child + k,
				       v->parent[n->child + k], i);
		v->parent[n->child + k] = i;
	}
	return LP_OK;
}

/* Siblings are consecutive, and sorted: readers search them by halves. */
static enum lp_code check_place(struct lp_rafs_v5 *v, const struct lp_rafs_inode *n, uint32_t i,
				struct lp_err *err)
{
	struct lp_rafs_inode up, before;
	size_t least;
	int order;

	if (i == 1)
		return n->parent ? lp_fail(err, LP_EFORMAT, n->at + 32, RULE_PARENT,
					   "the root has a parent") : LP_OK;
	if (!v->parent[i])
		return lp_fail(err, LP_EFORMAT, n->at, RULE_TREE, "inode %u is in no directory", i);
	if (lp_rafs_v5_inode(v, v->parent[i], &up, err) || lp_rafs_v5_inode(v, i - 1, &before, err))
		return err->code;
	if (n->parent != up.ino)
		return lp_fail(err, LP_EFORMAT, n->at + 32, RULE_PARENT,
			       "inode %u says its parent is %" PRIu64 ", not %" PRIu64, i, n->parent,
			       up.ino);
	if (v->parent[i - 1] != v->parent[i])
		return LP_OK;
	least = before.name_bytes < n->name_bytes ? before.name_bytes : n->name_bytes;
	order = memcmp(before.name, n->name, least);
	if (order > 0 || (!order && before.name_bytes >= n->name_bytes))
		return lp_fail(err, LP_EFORMAT, n->at + INODE_BYTES, RULE_ORDER,
			       "inode %u is not behind its sibling %u by name", i, i - 1);
	return LP_OK;
}

/* Names of one number are hard links of one file. */
static enum lp_code take_number(struct lp_rafs_v5 *v, const struct lp_rafs_inode *n, uint32_t i,
				struct lp_err *err)
{
	struct lp_rafs_inode first;

	if (!n->ino || n->ino > v->ninode || !n->nlink)
		return lp_fail(err, LP_EFORMAT, n->at + 40, RULE_INO,
			       "inode %u has number %" PRIu64 " and %u links", i, n->ino, n->nlink);
	if (!v->first[n->ino]) {
		v->first[n->ino] = i;
		return LP_OK;
	}
	if (lp_rafs_v5_inode(v, v->first[n->ino], &first, err))
		return err->code;
	if (!S_ISREG(n->mode) || n->mode != first.mode || n->size != first.size ||
	    memcmp(n->digest, first.digest, LP_RAFS_DIGEST))
		return lp_fail(err, LP_EFORMAT, n->at + 40, RULE_INO,
			       "inodes %u and %u share number %" PRIu64 " and differ",
			       v->first[n->ino], i, n->ino);
	return LP_OK;
}

static enum lp_code take_inode(struct lp_rafs_v5 *v, uint32_t i, struct lp_err *err)
{
	struct lp_rafs_inode n;

	if (lp_rafs_v5_inode(v, i, &n, err) || check_name(&n, i, err) || check_type(&n, i, err) ||
	    check_place(v, &n, i, err) || take_number(v, &n, i, err))
		return err->code;
	if (S_ISDIR(n.mode))
		return take_dir(v, &n, i, err);
	if (S_ISREG(n.mode))
		return take_file(v, &n, i, err);
	return LP_OK;
}

enum lp_code lp_rafs_v5_open(struct lp_rafs_v5 *v, const uint8_t *p, size_t n, struct lp_err *err)
{
	*v = (struct lp_rafs_v5){.p = p, .bytes = n};
	if (read_super(v, err) || check_super(v, err) || read_blobs(v, err))
		return err->code;
	v->plan.boot = p;
	v->plan.blob = (const struct lp_rafs_blob *)(void *)v->blob.p;
	v->plan.nblob = (uint32_t)(v->blob.len / sizeof(struct lp_rafs_blob));
	v->plan.alg = v->kind.alg;
	v->parent = calloc((size_t)v->ninode + 1, sizeof(*v->parent));
	v->first = calloc((size_t)v->ninode + 1, sizeof(*v->first));
	if (!v->parent || !v->first)
		return lp_fail_errno(err, "%u inodes", v->ninode);
	for (uint32_t i = 1; i <= v->ninode; i++)
		if (take_inode(v, i, err))
			return err->code;
	if (lp_rafs_merkle_check(v, err))
		return err->code;
	return lp_rafs_plan_end(&v->plan, false, err);
}

void lp_rafs_v5_free(struct lp_rafs_v5 *v)
{
	lp_rafs_plan_free(&v->plan);
	lp_buf_free(&v->blob);
	free(v->parent);
	free(v->first);
	*v = (struct lp_rafs_v5){.p = NULL};
}
