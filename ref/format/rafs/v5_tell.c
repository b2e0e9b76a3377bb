// SPDX-License-Identifier: MIT
/* v5_tell - an open bootstrap of RAFS v5 as entries, chunks and prefetch hints. */
#include "base/cursor.h"
#include "format/rafs/v5.h"
#include "format/rafs/xattrs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_PATH "rafs.limit.path"
#define RULE_PREFETCH "rafs5.prefetch.inode"
#define RULE_XATTR "rafs5.inode.xattr"
#define RULE_KEY "rafs5.xattr.key"

#define RUNS_MAX ((size_t)1 << 30)	/* bytes of numbers, ours: one for each entry */

/* One call of tell(). */
struct telling {
	const struct lp_rafs_v5 *v;
	struct lp_sink *sink;
	struct lp_rafs_xattrs xattrs;
	struct lp_buf extents;		/* of struct lp_extent, of one file */
	uint8_t *done;			/* [ninode + 1] by first name: prefetched */
	char path[LP_PATH_MAX], link[LP_PATH_MAX], target[LP_SYMLINK_MAX + 1];
};

/* The path of inode @i, from its end. */
static enum lp_code find_path(const struct lp_rafs_v5 *v, uint32_t i, char out[static LP_PATH_MAX],
			      struct lp_err *err)
{
	char text[LP_PATH_MAX];
	size_t at = LP_PATH_MAX - 1;

	text[at] = '\0';
	for (; i != 1; i = v->parent[i]) {
		struct lp_rafs_inode n;

		if (lp_rafs_v5_inode(v, i, &n, err))
			return err->code;
		if (at < (size_t)n.name_bytes + 1)
			return lp_fail(err, LP_ELIMIT, n.at, RULE_PATH, "a path above %d bytes",
				       LP_PATH_MAX - 1);
		if (text[at])
			text[--at] = '/';
		at -= n.name_bytes;
		memcpy(text + at, n.name, n.name_bytes);
	}
	memcpy(out, text + at, LP_PATH_MAX - at);
	return LP_OK;
}

static enum lp_code find_extents(struct telling *t, const struct lp_rafs_inode *n,
				 struct lp_err *err)
{
	t->extents.len = 0;
	for (uint32_t k = 0; S_ISREG(n->mode) && k < n->nchild; k++) {
		struct lp_rafs_chunk c;

		lp_rafs_chunk_read(t->v->p + n->chunk + (uint64_t)k * LP_RAFS_CHUNK_BYTES, &c);
		if (lp_rafs_plan_extent(&t->v->plan,
					lp_rafs_plan_find(&t->v->plan, c.blob, c.number),
					(uint64_t)k * t->v->chunk_bytes, c.plain_bytes, &t->extents,
					err))
			return err->code;
	}
	return LP_OK;
}

/* Pairs {u32 bytes, key NUL value}, one behind the other: 2.6. */
static enum lp_code take_xattrs(struct telling *t, const struct lp_rafs_inode *n,
				struct lp_err *err)
{
	struct lp_cursor c = {.p = n->xattr, .left = (size_t)n->xattr_bytes};

	lp_rafs_xattrs_clear(&t->xattrs);
	while (c.left) {
		uint64_t at = (uint64_t)(c.p - t->v->p);
		uint32_t bytes = lp_le32(&c);
		const char *pair = (const char *)lp_take(&c, bytes);
		const char *nul = pair ? memchr(pair, 0, bytes) : NULL;

		if (!nul)
			return lp_fail(err, LP_EFORMAT, at, RULE_XATTR,
				       "an xattr of %u bytes that is no key and value", bytes);
		if (nul == pair)
			return lp_fail(err, LP_EFORMAT, at, RULE_KEY, "an xattr without a name");
		if (lp_rafs_xattrs_add(&t->xattrs, pair, nul + 1,
				       (size_t)(pair + bytes - nul - 1), at, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code fill_entry(struct telling *t, const struct lp_rafs_inode *n, uint32_t i,
			       struct lp_entry *e, struct lp_err *err)
{
	uint32_t first = t->v->first[n->ino];

	*e = (struct lp_entry){
		.path = t->path, .mode = n->mode,
		.uid = t->v->kind.owners ? n->uid : 0, .gid = t->v->kind.owners ? n->gid : 0,
		.size = S_ISREG(n->mode) ? n->size : 0,
		.mtime = (int64_t)n->mtime, .mtime_ns = n->mtime_ns,
	};
	if (find_path(t->v, i, t->path, err))
		return err->code;
	if (first != i) {
		e->kind = LP_ENTRY_HARDLINK;
		e->size = 0;
		e->link = t->link;
		return find_path(t->v, first, t->link, err);
	}
	if (S_ISLNK(n->mode)) {
		memcpy(t->target, n->link, n->link_bytes);
		t->target[n->link_bytes] = '\0';
		e->link = t->target;
	}
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
		e->major = n->rdev >> 8 & 0xfff;
		e->minor = (n->rdev & 0xff) | (n->rdev >> 12 & 0xfff00);
	}
	if (S_ISCHR(n->mode) && !e->major && !e->minor)
		e->kind = LP_ENTRY_WHITEOUT;
	if (find_extents(t, n, err) || take_xattrs(t, n, err))
		return err->code;
	e->xattr = (const struct lp_xattr *)(void *)t->xattrs.list.p;
	e->nxattr = t->xattrs.list.len / sizeof(struct lp_xattr);
	e->extent = (const struct lp_extent *)(void *)t->extents.p;
	e->nextent = t->extents.len / sizeof(struct lp_extent);
	return LP_OK;
}

static enum lp_code tell_inode(struct telling *t, uint32_t i, struct lp_err *err)
{
	struct lp_rafs_inode n;
	struct lp_entry e;

	if (lp_rafs_v5_inode(t->v, i, &n, err) || fill_entry(t, &n, i, &e, err))
		return err->code;
	if (t->sink->entry(t->sink, &e, err)) {
		err->at = err->at == LP_NO_OFFSET ? n.at : err->at;
		return err->code;
	}
	return LP_OK;
}

static enum lp_code prefetch_file(struct telling *t, const struct lp_rafs_inode *n,
				  struct lp_err *err)
{
	const struct lp_extent *x;

	if (find_extents(t, n, err))
		return err->code;
	x = (const struct lp_extent *)(void *)t->extents.p;
	for (size_t i = 0; i < t->extents.len / sizeof(*x); i++)
		if (t->sink->prefetch(t->sink, x[i].device, x[i].device_off, x[i].bytes, err))
			return err->code;
	return LP_OK;
}

/* Inode @i and, if it is a directory, what is below: each inode once, in the order of indexes. */
static enum lp_code prefetch_below(struct telling *t, uint32_t i, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stack = {.p = NULL};

	if (lp_buf_add(&stack, &i, sizeof(i), RUNS_MAX, err))
		return err->code;
	while (stack.len) {
		struct lp_rafs_inode n;

		stack.len -= sizeof(i);
		memcpy(&i, stack.p + stack.len, sizeof(i));
		if (lp_rafs_v5_inode(t->v, i, &n, err))
			return err->code;
		if (t->done[t->v->first[n.ino]])
			continue;
		t->done[t->v->first[n.ino]] = 1;
		if (!S_ISDIR(n.mode) && prefetch_file(t, &n, err))
			return err->code;
		for (uint32_t k = n.nchild; S_ISDIR(n.mode) && k-- > 0;) {
			uint32_t child = n.child + k;

			if (lp_buf_add(&stack, &child, sizeof(child), RUNS_MAX, err))
				return err->code;
		}
	}
	return LP_OK;
}

static enum lp_code tell_prefetch(struct telling *t, struct lp_err *err)
{
	const struct lp_rafs_v5 *v = t->v;

	if (!t->sink->prefetch || !v->nprefetch)
		return LP_OK;
	t->done = calloc((size_t)v->ninode + 1, 1);
	if (!t->done)
		return lp_fail_errno(err, "%u inodes", v->ninode);
	for (uint32_t i = 0; i < v->nprefetch; i++) {
		struct lp_cursor c = {.p = v->p + v->prefetch.off + (uint64_t)i * 4, .left = 4};
		uint32_t ino = lp_le32(&c);

		if (!ino)
			return LP_OK;
		if (ino > v->ninode || !v->first[ino])
			return lp_fail(err, LP_EFORMAT, v->prefetch.off + (uint64_t)i * 4,
				       RULE_PREFETCH, "prefetch of inode %u, of %u", ino, v->ninode);
		if (prefetch_below(t, v->first[ino], err))
			return err->code;
	}
	return LP_OK;
}

static void telling_free(struct telling *t)
{
	lp_rafs_xattrs_free(&t->xattrs);
	lp_buf_free(&t->extents);
	free(t->done);
}

enum lp_code lp_rafs_v5_tell(const struct lp_rafs_v5 *v, const struct lp_descriptor *d, size_t n,
			     struct lp_sink *sink, struct lp_err *err)
{
	LP_AUTO(telling_free) struct telling t = {.v = v, .sink = sink};

	if (sink->frame && lp_rafs_plan_tell(&v->plan, d, n, sink, err))
		return err->code;
	for (uint32_t i = 1; i <= v->ninode; i++)
		if (tell_inode(&t, i, err))
			return err->code;
	if (tell_prefetch(&t, err))
		return err->code;
	return sink->end_tree ? sink->end_tree(sink, 0, err) : LP_OK;
}
