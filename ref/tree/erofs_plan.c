// SPDX-License-Identifier: MIT
#include "tree/erofs_plan.h"

#include <string.h>

#define NODES_BYTES(n) ((size_t)(n) * sizeof(uint32_t))

void lp_erofs_plan_free(struct lp_erofs_plan *p)
{
	lp_buf_free(&p->order);
	lp_buf_free(&p->place);
	lp_buf_free(&p->shared);
	lp_buf_free(&p->slot);
	*p = (struct lp_erofs_plan){0};
}

static enum lp_code zeroed(struct lp_buf *b, size_t bytes, struct lp_err *err)
{
	if (lp_buf_reserve(b, bytes, bytes, err))
		return err->code;
	memset(b->p, 0, bytes);
	b->len = bytes;
	return LP_OK;
}

/* A directory's inodes together, then subtree after subtree; hard links where they first come. */
static enum lp_code order_inodes(struct lp_erofs_plan *p, struct lp_err *err)
{
	const struct lp_tree *t = p->tree;
	LP_AUTO(lp_buf_free) struct lp_buf stack = {0};
	uint32_t *order, *todo, depth = 1;

	if (lp_buf_reserve(&p->order, NODES_BYTES(t->nnode), SIZE_MAX, err) ||
	    lp_buf_reserve(&stack, NODES_BYTES(t->nnode), SIZE_MAX, err))
		return err->code;
	order = (uint32_t *)(void *)p->order.p;
	todo = (uint32_t *)(void *)stack.p;
	order[p->ninode++] = todo[0] = 0;
	lp_erofs_place(p, 0)->nid = 1;
	while (depth) {
		const struct lp_node *dir = lp_node(t, todo[--depth]);

		for (uint32_t i = dir->nchild; i-- > 0;)
			if (lp_node_is_dir(lp_node(t, lp_node_child(t, dir, i))))
				todo[depth++] = lp_node_child(t, dir, i);
		for (uint32_t i = 0; i < dir->nchild; i++) {
			uint32_t node = lp_node_inode(t, lp_node_child(t, dir, i));
			struct lp_erofs_place *place = lp_erofs_place(p, node);

			if (!place->nid)
				order[p->ninode++] = node;
			place->nid = 1;
		}
	}
	p->order.len = NODES_BYTES(p->ninode);
	return LP_OK;
}

static struct lp_erofs_shared *shared_at(const struct lp_erofs_plan *p, uint32_t i)
{
	return (struct lp_erofs_shared *)(void *)p->shared.p + i;
}

/* The slot of the xattr at @at, or the empty one where it would go. */
static uint32_t *find_shared(const struct lp_erofs_plan *p, uint32_t at)
{
	const char *name, *value, *name2, *value2;
	size_t mask = p->slot.len / sizeof(uint32_t) - 1;
	uint32_t *slot = (uint32_t *)(void *)p->slot.p;
	struct lp_node_xattr x, y;
	size_t i;

	lp_node_xattr(p->tree, &at, &x, &name, &value);
	for (i = x.hash & mask; slot[i]; i = (i + 1) & mask) {
		uint32_t other = shared_at(p, slot[i] - 1)->at;

		lp_node_xattr(p->tree, &other, &y, &name2, &value2);
		if (x.hash == y.hash && x.name_bytes == y.name_bytes &&
		    x.value_bytes == y.value_bytes &&
		    !memcmp(name, name2, x.name_bytes + x.value_bytes))
			break;
	}
	return &slot[i];
}

static enum lp_code count_xattr(struct lp_erofs_plan *p, uint32_t at, struct lp_err *err)
{
	struct lp_erofs_shared s = {.at = at};
	uint32_t *slot = find_shared(p, at);

	if (!*slot) {
		if (lp_buf_add(&p->shared, &s, sizeof(s), SIZE_MAX, err))
			return err->code;
		*slot = (uint32_t)(p->shared.len / sizeof(s));
	}
	shared_at(p, *slot - 1)->uses++;
	return LP_OK;
}

static uint32_t entry_bytes(const struct lp_tree *t, uint32_t *at)
{
	const char *name, *value;
	struct lp_node_xattr x;
	size_t prefix = 0;

	lp_node_xattr(t, at, &x, &name, &value);
	lp_erofs_prefix(name, x.name_bytes, &prefix);
	return lp_erofs_xattr_bytes(x.name_bytes - prefix, x.value_bytes);
}

/* Which xattrs are used twice, and where among the shared ones they go. */
static enum lp_code share_xattrs(struct lp_erofs_plan *p, struct lp_err *err)
{
	const struct lp_tree *t = p->tree;
	const char *name, *value;
	struct lp_node_xattr x;
	size_t total = 0, nslot = 16;

	for (uint32_t i = 0; i < p->ninode; i++)
		total += lp_node(t, lp_erofs_node(p, i))->nxattr;
	if (!total)
		return LP_OK;
	while (nslot < total + total / 2)
		nslot *= 2;
	if (zeroed(&p->slot, NODES_BYTES(nslot), err))
		return err->code;
	for (uint32_t i = 0; i < p->ninode; i++) {
		const struct lp_node *n = lp_node(t, lp_erofs_node(p, i));
		uint32_t at = n->xattr;

		for (uint32_t k = 0; k < n->nxattr; k++) {
			if (count_xattr(p, at, err))
				return err->code;
			lp_node_xattr(t, &at, &x, &name, &value);
		}
	}
	for (size_t i = 0; i < p->shared.len / sizeof(struct lp_erofs_shared); i++) {
		struct lp_erofs_shared *s = shared_at(p, (uint32_t)i);
		uint32_t at = s->at;

		s->id = (uint32_t)(p->xattr_bytes / 4);
		if (s->uses > 1)
			p->xattr_bytes += entry_bytes(t, &at);
	}
	return LP_OK;
}

bool lp_erofs_plan_shared(const struct lp_erofs_plan *p, uint32_t at, uint32_t *id)
{
	const struct lp_erofs_shared *s = shared_at(p, *find_shared(p, at) - 1);

	*id = s->id;
	return s->uses > 1;
}

void lp_erofs_plan_xattrs(const struct lp_erofs_plan *p, const struct lp_node *n,
			  struct lp_erofs_xattrs *out)
{
	uint32_t at = n->xattr, id;

	*out = (struct lp_erofs_xattrs){.bytes = n->nxattr ? LP_EROFS_XATTR_HEADER : 0};
	for (uint32_t i = 0; i < n->nxattr; i++) {
		bool shared = out->shared < LP_EROFS_SHARED_MAX && lp_erofs_plan_shared(p, at, &id);
		uint32_t bytes = entry_bytes(p->tree, &at);

		out->shared += shared;
		out->bytes += shared ? 4 : bytes;
	}
}

void lp_erofs_plan_chunks(const struct lp_tree *t, const struct lp_node *n,
			  struct lp_erofs_chunks *out)
{
	uint64_t blocks = (n->size + LP_EROFS_BLOCK - 1) / LP_EROFS_BLOCK, boundaries = 0;

	for (uint32_t i = 0; i < n->nrun; i++) {
		struct lp_run r;

		lp_node_run(t, n, i, &r);
		boundaries |= r.block;
		if (r.block + r.blocks < blocks)
			boundaries |= r.block + r.blocks;
	}
	*out = (struct lp_erofs_chunks){0};
	while (out->bits < LP_EROFS_CHUNK_BITS_MAX && (UINT64_C(1) << out->bits) < blocks &&
	       !(boundaries >> out->bits & 1))
		out->bits++;
	out->n = (blocks + (UINT64_C(1) << out->bits) - 1) >> out->bits;
}

bool lp_erofs_names_next(struct lp_erofs_names *n, struct lp_erofs_name *out)
{
	static const char dots[] = "..";
	const struct lp_tree *t = n->plan->tree;
	const struct lp_node *dir = lp_node(t, n->dir), *child = NULL;
	uint32_t node;

	if (n->next < dir->nchild) {
		node = lp_node_child(t, dir, n->next);
		child = lp_node(t, node);
	}
	/* erofs.dir.sorted: "." and ".." go where their bytes belong: "!x" comes before them */
	if (n->dots < 2 && (!child || lp_erofs_compare(dots, n->dots + 1,
						       lp_node_text(t, child->name),
						       child->name_bytes) < 0)) {
		node = n->dots ? dir->parent : n->dir;
		*out = (struct lp_erofs_name){.name = dots, .bytes = ++n->dots, .mode = S_IFDIR};
	} else if (child) {
		n->next++;
		*out = (struct lp_erofs_name){
			.name = lp_node_text(t, child->name),
			.bytes = child->name_bytes,
		};
		node = lp_node_inode(t, node);
		out->mode = lp_node(t, node)->mode;
	} else {
		return false;
	}
	out->nid = lp_erofs_place(n->plan, node)->nid;
	return true;
}

/* i_size counts full blocks, and what is used of the last one. */
static uint32_t directory_bytes(const struct lp_erofs_plan *p, uint32_t node)
{
	struct lp_erofs_names names = {.plan = p, .dir = node};
	struct lp_erofs_name name;
	uint32_t used = 0, full = 0;

	while (lp_erofs_names_next(&names, &name)) {
		uint32_t more = LP_EROFS_DIRENT_BYTES + (uint32_t)name.bytes;

		if (more > LP_EROFS_BLOCK - used) {
			full += LP_EROFS_BLOCK;
			used = 0;
		}
		used += more;
	}
	return full + used;
}

/* Room that the inode of @node takes, with what stands behind it; *tail: it may not be cut. */
static uint64_t inode_bytes(const struct lp_erofs_plan *p, uint32_t node, bool *tail)
{
	const struct lp_node *n = lp_node(p->tree, node);
	struct lp_erofs_xattrs x;
	struct lp_erofs_chunks c;
	uint64_t bytes = 0, fixed;

	lp_erofs_plan_xattrs(p, n, &x);
	fixed = LP_EROFS_INODE_BYTES + x.bytes;
	*tail = false;
	if (S_ISREG(n->mode) && n->size) {
		lp_erofs_plan_chunks(p->tree, n, &c);
		return lp_align(fixed, 8) + c.n * LP_EROFS_INDEX_BYTES;
	}
	if (lp_node_is_dir(n))
		bytes = lp_erofs_place(p, node)->bytes;
	else if (S_ISLNK(n->mode))
		bytes = n->size;
	*tail = lp_erofs_fits_inline(x.bytes, bytes);
	return *tail ? fixed + bytes % LP_EROFS_BLOCK : fixed;
}

static enum lp_code place_inodes(struct lp_erofs_plan *p, uint64_t first, struct lp_err *err)
{
	uint64_t at = first;

	for (uint32_t i = 0; i < p->ninode; i++) {
		uint32_t node = lp_erofs_node(p, i);
		struct lp_erofs_place *place = lp_erofs_place(p, node);
		uint64_t bytes;
		bool tail;

		if (lp_node_is_dir(lp_node(p->tree, node)))
			place->bytes = directory_bytes(p, node);
		bytes = inode_bytes(p, node, &tail);
		at = lp_align(at, LP_EROFS_NID_BYTES);
		/* inline data must lie in one block with its inode */
		if (tail && at % LP_EROFS_BLOCK + bytes > LP_EROFS_BLOCK)
			at = lp_align(at, LP_EROFS_BLOCK);
		if (at + bytes > LP_EROFS_BYTES_MAX)
			return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "erofs.limit.bytes",
				       "the tree's metadata has more than %llu bytes",
				       (unsigned long long)LP_EROFS_BYTES_MAX);
		place->nid = (uint32_t)(at / LP_EROFS_NID_BYTES);
		at += bytes;
	}
	p->inode_end = at;
	return LP_OK;
}

static void place_blocks(struct lp_erofs_plan *p)
{
	uint64_t at = lp_align(p->inode_end, LP_EROFS_BLOCK);

	for (uint32_t i = 0; i < p->ninode; i++) {
		uint32_t node = lp_erofs_node(p, i);
		const struct lp_node *n = lp_node(p->tree, node);
		struct lp_erofs_place *place = lp_erofs_place(p, node);
		uint64_t bytes = lp_node_is_dir(n) ? place->bytes : S_ISLNK(n->mode) ? n->size : 0;
		bool tail;

		if (!bytes)
			continue;
		inode_bytes(p, node, &tail);
		bytes = tail ? bytes / LP_EROFS_BLOCK * LP_EROFS_BLOCK : lp_align(bytes, LP_EROFS_BLOCK);
		place->block = bytes ? (uint32_t)(at / LP_EROFS_BLOCK) : 0;
		at += bytes;
	}
	if (p->xattr_bytes)
		p->xattr_block = (uint32_t)(at / LP_EROFS_BLOCK);
	p->end = at + lp_align(p->xattr_bytes, LP_EROFS_BLOCK);
}

enum lp_code lp_erofs_plan(struct lp_erofs_plan *p, const struct lp_tree *t, uint64_t first,
			   struct lp_err *err)
{
	*p = (struct lp_erofs_plan){.tree = t};
	if (zeroed(&p->place, t->nnode * sizeof(struct lp_erofs_place), err) ||
	    order_inodes(p, err) || share_xattrs(p, err) || place_inodes(p, first, err))
		return err->code;
	place_blocks(p);
	if (p->end > LP_EROFS_BYTES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "erofs.limit.bytes",
			       "the tree's metadata has more than %llu bytes",
			       (unsigned long long)LP_EROFS_BYTES_MAX);
	return LP_OK;
}
