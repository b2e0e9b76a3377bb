// SPDX-License-Identifier: MIT
#include "tree/tree.h"

#include "tree/node.h"

#include <string.h>

#define NODES_MAX ((size_t)LP_ENTRIES_MAX + 1)
#define FIRST_SLOTS 1024u	/* of the hash table; a power of two, at most 2/3 in use */
#define NONE UINT32_MAX

/* One component of a path, and where it hangs. */
struct place {
	uint32_t parent;
	const char *name;
	uint8_t bytes;
	uint32_t hash;
};

static uint32_t *slots(const struct lp_tree *t)
{
	return (uint32_t *)(void *)t->hash.p;
}

static size_t nslot(const struct lp_tree *t)
{
	return t->hash.len / sizeof(uint32_t);
}

static bool same(const struct lp_tree *t, uint32_t node, const struct place *p)
{
	const struct lp_node *n = lp_node(t, node);

	return n->hash == p->hash && n->parent == p->parent && n->name_bytes == p->bytes &&
	       !memcmp(lp_node_text(t, n->name), p->name, p->bytes);
}

/* The slot of the node at @p, or the empty slot where it would go. */
static uint32_t *find_slot(const struct lp_tree *t, const struct place *p)
{
	uint32_t *slot = slots(t);
	size_t mask = nslot(t) - 1, i = p->hash & mask;

	while (slot[i] && !same(t, slot[i], p))
		i = (i + 1) & mask;
	return &slot[i];
}

static enum lp_code set_slots(struct lp_tree *t, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf hash = {0};
	uint32_t *slot;

	if (lp_buf_reserve(&hash, n * sizeof(uint32_t), n * sizeof(uint32_t), err))
		return err->code;
	hash.len = n * sizeof(uint32_t);
	memset(hash.p, 0, hash.len);
	lp_buf_move(&t->hash, &hash);
	slot = slots(t);
	for (uint32_t node = 1; node < t->nnode; node++) {
		size_t i = lp_node(t, node)->hash & (n - 1);

		if (lp_node(t, node)->flags & LP_NODE_DEAD)
			continue;
		while (slot[i])
			i = (i + 1) & (n - 1);
		slot[i] = node;
	}
	return LP_OK;
}

/* One more zeroed node. */
static enum lp_code make_node(struct lp_tree *t, uint32_t parent, const char *name, uint8_t bytes,
			      struct lp_err *err)
{
	struct lp_node n = {.parent = parent, .name_bytes = bytes};

	if (t->nnode >= NODES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.entries",
			       "more than %u entries", LP_ENTRIES_MAX);
	if (lp_node_keep(t, name, bytes, &n.name, err) ||
	    lp_buf_add(&t->node, &n, sizeof(n), NODES_MAX * sizeof(n), err))
		return err->code;
	t->nnode++;
	return LP_OK;
}

/* A new node at @p: it takes over the slot of the one it replaces. */
static enum lp_code insert(struct lp_tree *t, const struct place *p, uint32_t *node,
			   struct lp_err *err)
{
	uint32_t *slot;

	if ((size_t)t->nnode * 3 >= nslot(t) * 2 && set_slots(t, nslot(t) * 2, err))
		return err->code;
	if (make_node(t, p->parent, p->name, p->bytes, err))
		return err->code;
	*node = t->nnode - 1;
	lp_node(t, *node)->hash = p->hash;
	slot = find_slot(t, p);
	if (*slot) {
		lp_node(t, *slot)->flags |= LP_NODE_DEAD;
		t->parent_node = NONE; /* which may have been below it */
	}
	*slot = *node;
	return LP_OK;
}

/* @alone: what is below is hidden, so that it lends no attributes either. */
static void imply_directory(struct lp_node *n, bool alone)
{
	n->kind = LP_ENTRY_NODE;
	n->mode = S_IFDIR | 0755;
	n->flags |= alone ? LP_NODE_OPAQUE : LP_NODE_IMPLIED;
}

enum lp_code lp_tree_open(struct lp_tree *t, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree made = {0};

	lp_siphash_key(&made.key);
	if (make_node(&made, 0, "", 0, err) || set_slots(&made, FIRST_SLOTS, err))
		return err->code;
	imply_directory(lp_node(&made, 0), false);
	made.parent_node = NONE;
	*t = made;
	made = (struct lp_tree){0};
	return LP_OK;
}

void lp_tree_free(struct lp_tree *t)
{
	lp_buf_free(&t->node);
	lp_buf_free(&t->text);
	lp_buf_free(&t->hash);
	lp_buf_free(&t->order);
	lp_buf_free(&t->parent);
	*t = (struct lp_tree){0};
}

static enum lp_code check_name(const char *path, size_t bytes, struct lp_err *err)
{
	const char *name = path;

	if (!bytes || (bytes == 1 && name[0] == '.') || (bytes == 2 && !memcmp(name, "..", 2)))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.path.clean",
			       "the path has a component \"%.*s\"", (int)bytes, name);
	if (bytes > LP_NAME_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.name",
			       "the name %.60s... has %zu bytes", name, bytes);
	return LP_OK;
}

static void place_name(const struct lp_tree *t, uint32_t parent, const char *name, size_t bytes,
		       struct place *out)
{
	*out = (struct place){
		.parent = parent,
		.name = name,
		.bytes = (uint8_t)bytes,
		.hash = (uint32_t)lp_siphash(&t->key, parent, name, bytes),
	};
}

/* The directory at @p, made when it is missing or a whiteout. */
static enum lp_code enter(struct lp_tree *t, const struct place *p, uint32_t *dir,
			  struct lp_err *err)
{
	uint32_t node = *find_slot(t, p);
	bool whiteout = node && lp_node(t, node)->kind == LP_ENTRY_WHITEOUT;
	bool real = node && !whiteout;

	if (!node && insert(t, p, &node, err))
		return err->code;
	if (!real)
		imply_directory(lp_node(t, node), whiteout);
	if (!lp_node_is_dir(lp_node(t, node)))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.parent.not-directory",
			       "%.*s is not a directory", p->bytes, p->name);
	*dir = node;
	return LP_OK;
}

/* The directory with the path of @bytes bytes at @path, which must not be empty. */
static enum lp_code enter_path(struct lp_tree *t, const char *path, size_t bytes, uint32_t *dir,
			       struct lp_err *err)
{
	const char *end = path + bytes, *slash = path;
	struct place p;

	*dir = 0;
	for (const char *at = path; slash; at = slash ? slash + 1 : end) {
		size_t n;

		slash = memchr(at, '/', (size_t)(end - at));
		n = (size_t)((slash ? slash : end) - at);
		if (check_name(at, n, err))
			return err->code;
		place_name(t, *dir, at, n, &p);
		if (enter(t, &p, dir, err))
			return err->code;
	}
	t->parent_node = NONE;
	t->parent.len = 0;
	if (lp_buf_add(&t->parent, path, bytes, LP_PATH_MAX, err))
		return err->code;
	t->parent_node = *dir;
	return LP_OK;
}

/* Where the last component of @path belongs; its parents are made. */
static enum lp_code place_path(struct lp_tree *t, const char *path, struct place *out,
			       struct lp_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t bytes = strlen(name), above = slash ? (size_t)(slash - path) : 0;
	uint32_t dir = 0;

	if (above + bytes + 2 > LP_PATH_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.path",
			       "the path %.60s... has %zu bytes", path, strlen(path));
	if (check_name(name, bytes, err))
		return err->code;
	if (slash && t->parent_node != NONE && above == t->parent.len &&
	    !memcmp(t->parent.p, path, above))
		dir = t->parent_node;
	else if (slash && enter_path(t, path, above, &dir, err))
		return err->code;
	place_name(t, dir, name, bytes, out);
	return LP_OK;
}

static enum lp_code add_root(struct lp_tree *t, const struct lp_entry *e, struct lp_err *err)
{
	struct lp_node *root = lp_node(t, 0);

	if (e->kind == LP_ENTRY_OPAQUE) {
		root->flags |= LP_NODE_OPAQUE;
		return LP_OK;
	}
	if (e->kind != LP_ENTRY_NODE || !S_ISDIR(e->mode))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.root.directory",
			       "the root is named as something else than a directory");
	return lp_node_fill(t, root, e, err);
}

/* The node of a clean path, or NONE. */
static uint32_t find_path(const struct lp_tree *t, const char *path)
{
	uint32_t node = 0;
	struct place p;

	while (*path) {
		size_t bytes = strcspn(path, "/");

		if (!lp_node_is_dir(lp_node(t, node)) || bytes > LP_NAME_MAX)
			return NONE;
		place_name(t, node, path, bytes, &p);
		node = *find_slot(t, &p);
		if (!node)
			return NONE;
		path += bytes + (path[bytes] == '/');
	}
	return node;
}

/*
 * Bind the hard link @n, to be known as @name (0: not in use yet), to the file that has its
 * target's name now: what takes that name later is another file.
 */
static void bind(const struct lp_tree *t, struct lp_node *n, uint32_t name, const char *path)
{
	uint32_t target = find_path(t, path);

	if (target == NONE || (name && target == name))
		return;
	if (lp_node(t, target)->kind == LP_ENTRY_HARDLINK &&
	    lp_node(t, target)->flags & LP_NODE_RESOLVED)
		target = lp_node(t, target)->a;
	if (lp_node(t, target)->kind != LP_ENTRY_NODE || lp_node_is_dir(lp_node(t, target)))
		return;
	lp_node(t, target)->flags |= LP_NODE_LINKED;
	n->flags |= LP_NODE_RESOLVED;
	n->a = target;
}

static enum lp_code fill_hardlink(struct lp_tree *t, uint32_t name, const struct lp_entry *e,
				  struct lp_node *n, struct lp_err *err)
{
	if (strlen(e->link) >= LP_PATH_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.path",
			       "the path %.60s... has %zu bytes", e->link, strlen(e->link));
	*n = (struct lp_node){.kind = LP_ENTRY_HARDLINK, .mode = S_IFREG};
	bind(t, n, name, e->link);
	return n->flags ? LP_OK : lp_node_keep(t, e->link, strlen(e->link) + 1, &n->a, err);
}

/* A real entry at @p: over nothing, a whiteout, a file, or a directory. */
static enum lp_code add_real(struct lp_tree *t, const struct place *p, const struct lp_entry *e,
			     struct lp_err *err)
{
	uint32_t node = *find_slot(t, p);
	bool dir = e->kind == LP_ENTRY_NODE && S_ISDIR(e->mode);
	/* only a directory leaves children behind: they go with it; a file with links stays */
	bool fresh = !node || (lp_node_is_dir(lp_node(t, node)) && !dir) ||
		     lp_node(t, node)->flags & LP_NODE_LINKED;
	struct lp_node n = {0}, *to;

	if (!fresh)
		n = *lp_node(t, node);
	if (n.kind == LP_ENTRY_WHITEOUT && dir)
		n.flags |= LP_NODE_OPAQUE;
	/* nothing is in the tree before all of it is known to be good */
	if ((e->kind == LP_ENTRY_HARDLINK ? fill_hardlink(t, node, e, &n, err)
					  : lp_node_fill(t, &n, e, err)) ||
	    (fresh && insert(t, p, &node, err)))
		return err->code;
	to = lp_node(t, node);
	n.parent = to->parent;
	n.hash = to->hash;
	n.name = to->name;
	n.name_bytes = to->name_bytes;
	*to = n;
	return LP_OK;
}

/* It hides what is below, and nothing of its own layer: beside a directory that is opaqueness. */
static enum lp_code add_whiteout(struct lp_tree *t, const struct place *p, struct lp_err *err)
{
	uint32_t node = *find_slot(t, p);

	if (node && lp_node_is_dir(lp_node(t, node))) {
		lp_node(t, node)->flags |= LP_NODE_OPAQUE;
		lp_node(t, node)->flags &= ~LP_NODE_IMPLIED;
	}
	if (node)
		return LP_OK;
	if (insert(t, p, &node, err))
		return err->code;
	lp_node(t, node)->kind = LP_ENTRY_WHITEOUT;
	lp_node(t, node)->mode = S_IFCHR;
	return LP_OK;
}

enum lp_code lp_tree_add(struct lp_tree *t, const struct lp_entry *e, struct lp_err *err)
{
	uint32_t node = NONE;
	struct place p;

	if (!*e->path)
		return add_root(t, e, err);
	if (place_path(t, e->path, &p, err))
		return lp_within(err, "%.100s", e->path);
	switch (e->kind) {
	case LP_ENTRY_WHITEOUT:
		return add_whiteout(t, &p, err);
	case LP_ENTRY_OPAQUE:
		if (enter(t, &p, &node, err))
			return lp_within(err, "%.100s", e->path);
		lp_node(t, node)->flags |= LP_NODE_OPAQUE;
		return LP_OK;
	default:
		return add_real(t, &p, e, err) ? lp_within(err, "%.100s", e->path) : LP_OK;
	}
}

enum lp_code lp_tree_append(struct lp_tree *t, uint32_t parent, const struct lp_entry *e,
			    uint32_t link, uint32_t *node, struct lp_err *err)
{
	struct lp_node *n;

	if (make_node(t, parent, e->path, (uint8_t)strlen(e->path), err))
		return err->code;
	*node = t->nnode - 1;
	n = lp_node(t, *node);
	if (e->kind != LP_ENTRY_HARDLINK)
		return lp_node_fill(t, n, e, err);
	n->kind = LP_ENTRY_HARDLINK;
	n->flags = LP_NODE_RESOLVED;
	n->a = link;
	return LP_OK;
}

/* The first step of each hard link: from its path to a node. */
static enum lp_code find_targets(struct lp_tree *t, struct lp_err *err)
{
	for (uint32_t i = 1; i < t->nnode; i++) {
		struct lp_node *n = lp_node(t, i);
		const char *path;
		uint32_t target;

		if (n->kind != LP_ENTRY_HARDLINK || n->flags & (LP_NODE_DEAD | LP_NODE_RESOLVED))
			continue;
		path = lp_node_text(t, n->a);
		target = find_path(t, path);
		if (target == NONE || lp_node(t, target)->kind == LP_ENTRY_WHITEOUT)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tar.link.lower-layer",
				       "the hard link %.*s points to %.100s, which is not in this layer",
				       n->name_bytes, lp_node_text(t, n->name), path);
		if (lp_node_is_dir(lp_node(t, target)))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.hardlink.directory",
				       "the hard link %.*s points to the directory \"%.100s\"",
				       n->name_bytes, lp_node_text(t, n->name), path);
		n->a = target;
	}
	return LP_OK;
}

/* Follow the chain that begins at the hard link @i, and shorten it for all on the way. */
static enum lp_code follow(struct lp_tree *t, uint32_t i, struct lp_err *err)
{
	uint32_t at = i, end;

	while (lp_node(t, at)->kind == LP_ENTRY_HARDLINK &&
	       !(lp_node(t, at)->flags & LP_NODE_RESOLVED)) {
		struct lp_node *n = lp_node(t, at);

		if (n->b == i)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.hardlink.cycle",
				       "the hard link %.*s leads to itself", n->name_bytes,
				       lp_node_text(t, n->name));
		n->b = i;
		at = n->a;
	}
	end = lp_node_inode(t, at);
	for (at = i; at != end && !(lp_node(t, at)->flags & LP_NODE_RESOLVED);) {
		struct lp_node *n = lp_node(t, at);

		at = n->a;
		n->a = end;
		n->flags |= LP_NODE_RESOLVED;
	}
	return LP_OK;
}

static enum lp_code resolve(struct lp_tree *t, struct lp_err *err)
{
	if (find_targets(t, err))
		return err->code;
	for (uint32_t i = 1; i < t->nnode; i++) {
		const struct lp_node *n = lp_node(t, i);

		if (n->kind == LP_ENTRY_HARDLINK && !(n->flags & LP_NODE_DEAD) && follow(t, i, err))
			return err->code;
	}
	return LP_OK;
}

static void sweep(struct lp_tree *t)
{
	for (uint32_t i = 1; i < t->nnode; i++) {
		struct lp_node *n = lp_node(t, i);

		n->flags |= lp_node(t, n->parent)->flags & LP_NODE_DEAD;
	}
}

static void count_links(struct lp_tree *t)
{
	lp_node(t, 0)->nlink = 2;
	for (uint32_t i = 1; i < t->nnode; i++) {
		struct lp_node *n = lp_node(t, i);

		if (n->flags & LP_NODE_DEAD)
			continue;
		lp_node(t, n->parent)->nchild++;
		if (lp_node_is_dir(n))
			lp_node(t, n->parent)->nlink++;
		if (lp_node_is_dir(n))
			n->nlink = 2;
		else
			lp_node(t, lp_node_inode(t, i))->nlink++;
	}
}

static enum lp_code mark_opaque(struct lp_tree *t, struct lp_err *err)
{
	for (uint32_t i = 0; i < t->nnode; i++) {
		struct lp_node *n = lp_node(t, i);

		if (n->flags & LP_NODE_OPAQUE && lp_node_is_dir(n) && lp_node_fill_opaque(t, n, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_tree_end(struct lp_tree *t, struct lp_err *err)
{
	sweep(t);
	if (resolve(t, err) || mark_opaque(t, err))
		return err->code;
	count_links(t);
	if (lp_node_sort(t, err))
		return err->code;
	lp_buf_free(&t->hash);
	t->ended = true;
	return LP_OK;
}

void lp_node_run(const struct lp_tree *t, const struct lp_node *n, uint32_t i, struct lp_run *out)
{
	memcpy(out, lp_node_text(t, n->run) + i * sizeof(*out), sizeof(*out));
}

void lp_node_xattr(const struct lp_tree *t, uint32_t *at, struct lp_node_xattr *out,
		   const char **name, const char **value)
{
	const char *p = lp_node_text(t, *at);

	memcpy(out, p, sizeof(*out));
	*name = p + sizeof(*out);
	*value = *name + out->name_bytes;
	*at += (uint32_t)sizeof(*out) + out->name_bytes + out->value_bytes;
}
