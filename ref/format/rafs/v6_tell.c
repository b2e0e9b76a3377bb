// SPDX-License-Identifier: MIT
/* v6_tell - an open bootstrap of RAFS v6 as entries, chunks and prefetch hints. */
#include "base/cursor.h"
#include "format/rafs/v6.h"
#include "format/rafs/xattrs.h"
#include "tree/erofs_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_INDEX "rafs6.chunk.index"
#define RULE_RANGE "rafs6.chunk.range"
#define RULE_BITS "rafs6.chunk.bits"
#define RULE_NUMBER "rafs6.inode.number"
#define RULE_PREFETCH "rafs6.prefetch.inode"
#define RULE_CHUNKS "rafs.limit.chunks"

#define XATTR_BYTES (sizeof(struct lp_erofs_xattr) * LP_TREE_XATTRS_MAX)
#define PATHS_MAX ((size_t)LP_PATH_MAX * LP_ENTRIES_MAX)

/* The first name of an inode number. */
struct first {
	uint64_t nid;
	size_t path;		/* offset into the paths, and 1; 0: none yet */
};

/* One call of tell(). */
struct telling {
	struct lp_erofs_visitor entries, hints;
	const struct lp_rafs_v6 *v;
	struct lp_sink *sink;
	struct lp_rafs_xattrs xattrs;
	struct lp_buf found;		/* of struct lp_erofs_xattr, of one entry */
	struct lp_buf extents;		/* of struct lp_extent, of one file */
	struct lp_buf paths;		/* NUL-terminated: of all first names */
	struct first *first;		/* [numbers] */
	uint64_t numbers;
	uint64_t indexes;		/* chunk indexes looked at */
	uint8_t *done;			/* a bit each nid: prefetched */
	char target[LP_SYMLINK_MAX + 1];
};

static uint64_t inode_at(const struct telling *t, const struct lp_erofs_inode *i)
{
	return t->v->tree.inode_base + i->nid * LP_EROFS_NID_BYTES;
}

/* A chunk index: 3.7. */
struct index {
	uint32_t blob, number;		/* blob + 1 */
	uint64_t address;
};

static struct index read_index(const struct telling *t, uint64_t start, uint64_t k)
{
	struct lp_cursor c = {.p = t->v->tree.p + start + k * LP_EROFS_INDEX_BYTES,
			      .left = LP_EROFS_INDEX_BYTES};
	struct index x;
	uint32_t low = lp_le16(&c), high;

	x.blob = lp_u8(&c);
	high = lp_u8(&c);
	x.number = high << 16 | low;
	x.address = (uint64_t)lp_le32(&c) * LP_BLOCK;
	return x;
}

/* The kernel goes by the bits in the inode: chunks of the image, or one for all of the file. */
static enum lp_code check_bits(const struct telling *t, const struct lp_erofs_inode *i,
			       uint64_t start, uint64_t n, struct lp_err *err)
{
	uint64_t chunk = UINT64_C(1) << lp_erofs_chunk_bits(i);
	struct index first = read_index(t, start, 0);

	if (chunk == t->v->chunk_bytes)
		return LP_OK;
	if (chunk < i->size || chunk / 2 >= i->size)
		return lp_fail(err, LP_EFORMAT, inode_at(t, i) + 16, RULE_BITS,
			       "chunks of %" PRIu64 " bytes in an image with %u", chunk,
			       t->v->chunk_bytes);
	for (uint64_t k = 1; k < n; k++) {
		struct index x = read_index(t, start, k);

		if (x.blob != first.blob || x.address != first.address + k * t->v->chunk_bytes)
			return lp_fail(err, LP_EFORMAT, start + k * LP_EROFS_INDEX_BYTES, RULE_BITS,
				       "chunk %" PRIu64 " of a file of one piece is elsewhere", k);
	}
	return LP_OK;
}

static enum lp_code find_chunk(struct telling *t, const struct lp_erofs_inode *i, uint64_t at,
			       struct index x, uint64_t off, struct lp_err *err)
{
	const struct lp_rafs_place *place = lp_rafs_plan_find(&t->v->plan, x.blob - 1, x.number);
	uint64_t want = i->size - off < t->v->chunk_bytes ? i->size - off : t->v->chunk_bytes;
	struct lp_rafs_chunk c;

	if (!x.blob || !place)
		return lp_fail(err, LP_EFORMAT, at, RULE_INDEX,
			       "chunk %u of blob %u is not in the chunk table", x.number,
			       x.blob - 1);
	lp_rafs_chunk_read(t->v->plan.boot + place->at, &c);
	if (c.plain_off != x.address || c.plain_bytes != want)
		return lp_fail(err, LP_EFORMAT, at, RULE_INDEX,
			       "%" PRIu64 " bytes at %" PRIu64 ", by the chunk table %u at %" PRIu64,
			       want, x.address, c.plain_bytes, c.plain_off);
	return lp_rafs_plan_extent(&t->v->plan, place, off, want, &t->extents, err);
}

static enum lp_code find_extents(struct telling *t, const struct lp_erofs_inode *i,
				 struct lp_err *err)
{
	uint64_t start = lp_align(i->after, LP_EROFS_INDEX_BYTES), n;

	t->extents.len = 0;
	if (!i->size)
		return LP_OK;
	n = (i->size - 1) / t->v->chunk_bytes + 1;
	if (start > t->v->tree.bytes || n > (t->v->tree.bytes - start) / LP_EROFS_INDEX_BYTES)
		return lp_fail(err, LP_EFORMAT, inode_at(t, i), RULE_RANGE,
			       "%" PRIu64 " chunk indexes behind byte %" PRIu64, n, start);
	t->indexes += n;
	if (t->indexes > 2 * (uint64_t)LP_CHUNKS_MAX) /* once as entries, once as hints */
		return lp_fail(err, LP_ELIMIT, start, RULE_CHUNKS, "more than %u chunk indexes",
			       LP_CHUNKS_MAX);
	if (check_bits(t, i, start, n, err))
		return err->code;
	for (uint64_t k = 0; k < n; k++)
		if (find_chunk(t, i, start + k * LP_EROFS_INDEX_BYTES, read_index(t, start, k),
			       k * t->v->chunk_bytes, err))
			return err->code;
	return LP_OK;
}

static enum lp_code find_xattrs(struct telling *t, const struct lp_erofs_inode *i,
				struct lp_err *err)
{
	uint64_t cookie = 0;
	const struct lp_erofs_xattr *x;
	bool more;

	t->found.len = 0;
	lp_rafs_xattrs_clear(&t->xattrs);
	for (;;) {
		struct lp_erofs_xattr next;

		if (lp_erofs_xattr(&t->v->tree, i, &cookie, &next, &more, err))
			return err->code;
		if (!more)
			break;
		if (lp_buf_add(&t->found, &next, sizeof(next), XATTR_BYTES, err))
			return err->code;
	}
	x = (const struct lp_erofs_xattr *)(void *)t->found.p;
	for (size_t k = 0; k < t->found.len / sizeof(*x); k++)
		if (lp_rafs_xattrs_add(&t->xattrs, x[k].name, x[k].value, x[k].bytes,
				       inode_at(t, i), err))
			return err->code;
	return LP_OK;
}

/* Bytes that an inode, its attributes and its chunk indexes have. */
static size_t record_bytes(const struct telling *t, const struct lp_erofs_inode *i)
{
	uint64_t n = i->size ? (i->size - 1) / t->v->chunk_bytes + 1 : 0;

	return (size_t)(lp_align(i->after, LP_EROFS_INDEX_BYTES) + n * LP_EROFS_INDEX_BYTES -
			inode_at(t, i));
}

/* Two records of one number: writers up to v2.1 gave each name of a file its own. */
static enum lp_code check_twin(struct telling *t, const struct lp_erofs_inode *i,
			       const struct first *first, struct lp_err *err)
{
	struct lp_erofs_inode other;

	if (first->nid == i->nid)
		return LP_OK;
	if (lp_erofs_inode(&t->v->tree, first->nid, &other, err) || find_extents(t, i, err))
		return err->code;
	if (!S_ISREG(i->mode) || other.size != i->size ||
	    record_bytes(t, i) != record_bytes(t, &other) ||
	    memcmp(t->v->tree.p + inode_at(t, i), t->v->tree.p + inode_at(t, &other),
		   record_bytes(t, i)))
		return lp_fail(err, LP_EFORMAT, inode_at(t, i), RULE_NUMBER,
			       "two inodes that differ have number %u", i->serial);
	return LP_OK;
}

/* The first name of the inode's number, or this one. */
static enum lp_code take_number(struct telling *t, const char *path,
				const struct lp_erofs_inode *i, const char **first,
				struct lp_err *err)
{
	struct first *f = &t->first[i->serial < t->numbers ? i->serial : 0];

	*first = path;
	if (!*path) /* the root's is 0, 1 or its nid, by the writer's version */
		return LP_OK;
	if (i->serial >= t->numbers || !i->serial)
		return lp_fail(err, LP_EFORMAT, inode_at(t, i) + 20, RULE_NUMBER,
			       "inode number %u of %" PRIu64, i->serial, t->numbers);
	if (f->path) {
		*first = (const char *)t->paths.p + f->path - 1;
		return check_twin(t, i, f, err);
	}
	f->nid = i->nid;
	f->path = t->paths.len + 1;
	return lp_buf_add(&t->paths, path, strlen(path) + 1, PATHS_MAX, err);
}

static enum lp_code fill_entry(struct telling *t, const struct lp_erofs_inode *i,
			       struct lp_entry *e, struct lp_err *err)
{
	const char *target;

	if (S_ISLNK(i->mode)) {
		if (lp_erofs_symlink(&t->v->tree, i, &target, err))
			return err->code;
		memcpy(t->target, target, (size_t)i->size);
		t->target[i->size] = '\0';
		e->link = t->target;
	}
	if (S_ISCHR(i->mode) && !i->rdev_major && !i->rdev_minor)
		e->kind = LP_ENTRY_WHITEOUT;
	if (find_xattrs(t, i, err))
		return err->code;
	e->xattr = (const struct lp_xattr *)(void *)t->xattrs.list.p;
	e->nxattr = t->xattrs.list.len / sizeof(struct lp_xattr);
	if (!S_ISREG(i->mode))
		return LP_OK;
	if (find_extents(t, i, err))
		return err->code;
	e->extent = (const struct lp_extent *)(void *)t->extents.p;
	e->nextent = t->extents.len / sizeof(struct lp_extent);
	return LP_OK;
}

static enum lp_code tell_entry(struct lp_erofs_visitor *visitor, const char *path,
			       const struct lp_erofs_inode *i, struct lp_err *err)
{
	struct telling *t = (struct telling *)visitor;
	struct lp_entry e = {
		.path = path, .mode = i->mode,
		.uid = t->v->kind.owners ? i->uid : 0, .gid = t->v->kind.owners ? i->gid : 0,
		.size = S_ISREG(i->mode) ? i->size : 0,
		.mtime = i->mtime, .mtime_ns = i->mtime_ns,
	};
	const char *first;

	if (take_number(t, path, i, &first, err))
		return err->code;
	if (first != path) {
		e.kind = LP_ENTRY_HARDLINK;
		e.size = 0;
		e.link = first;
	} else if (S_ISCHR(i->mode) || S_ISBLK(i->mode)) {
		e.major = i->rdev_major;
		e.minor = i->rdev_minor;
	}
	if (!e.kind && fill_entry(t, i, &e, err))
		return err->code;
	if (t->sink->entry(t->sink, &e, err)) {
		err->at = err->at == LP_NO_OFFSET ? inode_at(t, i) : err->at;
		return err->code;
	}
	return LP_OK;
}

static enum lp_code hint_file(struct lp_erofs_visitor *visitor, const char *path,
			      const struct lp_erofs_inode *i, struct lp_err *err)
{
	struct telling *t = (struct telling *)((char *)visitor - offsetof(struct telling, hints));
	const struct lp_extent *x;

	(void)path;
	if (t->done[i->nid / 8] >> (i->nid % 8) & 1)
		return LP_OK;
	t->done[i->nid / 8] |= (uint8_t)(1 << i->nid % 8);
	if (!S_ISREG(i->mode))
		return LP_OK;
	if (find_extents(t, i, err))
		return err->code;
	x = (const struct lp_extent *)(void *)t->extents.p;
	for (size_t k = 0; k < t->extents.len / sizeof(*x); k++)
		if (t->sink->prefetch(t->sink, x[k].device, x[k].device_off, x[k].bytes, err))
			return err->code;
	return LP_OK;
}

/* The inode that is hinted at, and what is below. */
static enum lp_code hint(struct telling *t, uint64_t at, uint64_t nid, struct lp_err *err)
{
	struct lp_erofs below = t->v->tree;
	struct lp_erofs_inode i;

	if (nid >= t->v->tree.bytes / LP_EROFS_NID_BYTES ||
	    lp_erofs_inode(&t->v->tree, nid, &i, err) ||
	    (nid != t->v->tree.root &&
	     (i.serial >= t->numbers || t->first[i.serial].nid != nid)))
		return lp_fail(err, LP_EFORMAT, at, RULE_PREFETCH,
			       "a prefetch hint at inode %" PRIu64 ", which no name has", nid);
	if (!S_ISDIR(i.mode))
		return hint_file(&t->hints, "", &i, err);
	if (t->done[nid / 8] >> (nid % 8) & 1)
		return LP_OK;
	below.root = nid;
	return lp_erofs_walk(&below, &t->hints, err);
}

static enum lp_code tell_prefetch(struct telling *t, struct lp_err *err)
{
	const struct lp_rafs_area *a = &t->v->prefetch;
	struct lp_cursor c = {.p = t->v->tree.p + a->off, .left = (size_t)a->bytes};

	if (!t->sink->prefetch || !a->bytes)
		return LP_OK;
	t->done = calloc(t->v->tree.bytes / LP_EROFS_NID_BYTES / 8 + 1, 1);
	if (!t->done)
		return lp_fail_errno(err, "the inodes of a prefetch table");
	while (c.left) {
		uint64_t at = (uint64_t)(c.p - t->v->tree.p), nid = lp_le32(&c);

		if (!nid) /* writers leave some behind the last */
			break;
		if (hint(t, at, nid, err))
			return err->code;
	}
	return LP_OK;
}

static void telling_free(struct telling *t)
{
	lp_rafs_xattrs_free(&t->xattrs);
	lp_buf_free(&t->found);
	lp_buf_free(&t->extents);
	lp_buf_free(&t->paths);
	free(t->first);
	free(t->done);
}

enum lp_code lp_rafs_v6_tell(const struct lp_rafs_v6 *v, const struct lp_descriptor *d, size_t n,
			     struct lp_sink *sink, struct lp_err *err)
{
	LP_AUTO(telling_free) struct telling t = {
		.entries = {tell_entry}, .hints = {hint_file}, .v = v, .sink = sink,
		.numbers = v->tree.inodes + 1,
	};

	if (v->tree.inodes > LP_ENTRIES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_EROFS_SUPER_AT + 16, "rafs.limit.entries",
			       "%" PRIu64 " inodes", v->tree.inodes);
	t.first = calloc(t.numbers, sizeof(*t.first));
	if (!t.first)
		return lp_fail_errno(err, "%" PRIu64 " inodes", t.numbers);
	if (sink->frame && lp_rafs_plan_tell(&v->plan, d, n, sink, err))
		return err->code;
	if (lp_erofs_walk(&v->tree, &t.entries, err) || tell_prefetch(&t, err))
		return err->code;
	return sink->end_tree ? sink->end_tree(sink, 0, err) : LP_OK;
}
