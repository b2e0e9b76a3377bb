// SPDX-License-Identifier: MIT
#include "tree/merge.h"

#include "tree/erofs_read.h"
#include "tree/node.h"

#include <stdlib.h>
#include <string.h>

#define OVERLAY "trusted.overlay."

/* One layer's part of a directory. */
struct source {
	uint64_t nid;
	uint32_t layer;
};

/* A directory of the result whose children are still to come: the last sources are its own. */
struct todo {
	uint32_t node;
	uint32_t nsource;
};

/* Where the reading of one source is. */
struct cursor {
	uint32_t layer;
	struct lp_erofs_inode dir;
	uint64_t cookie;
	struct lp_erofs_dirent at;
	bool more;
};

struct merge {
	const struct lp_erofs *layer;	/* [n] */
	size_t n;
	struct lp_tree *out;
	uint32_t *device;		/* [n] devices of the layers below */
	struct cursor *cursor;		/* [n]; the uppermost layer first */
	uint32_t **link;		/* [n]: NULL, or of each nid the node that it became, or 0 */
	struct lp_buf todo, source;	/* stacks */
	struct lp_buf xattr, text, extent;	/* of the current entry; text: names of xattrs */
};

static void free_merge(struct merge *m)
{
	for (size_t i = 0; m->link && i < m->n; i++)
		free(m->link[i]);
	free(m->link);
	free(m->cursor);
	free(m->device);
	lp_buf_free(&m->todo);
	lp_buf_free(&m->source);
	lp_buf_free(&m->xattr);
	lp_buf_free(&m->text);
	lp_buf_free(&m->extent);
}

static bool is_whiteout(const struct lp_erofs_inode *i)
{
	return S_ISCHR(i->mode) && !i->rdev_major && !i->rdev_minor;
}

static enum lp_code is_opaque(const struct lp_erofs *e, const struct lp_erofs_inode *i, bool *yes,
			      struct lp_err *err)
{
	uint64_t cookie = 0;
	struct lp_erofs_xattr x;
	bool more = true;

	*yes = false;
	while (more && !*yes) {
		if (lp_erofs_xattr(e, i, &cookie, &x, &more, err))
			return err->code;
		*yes = more && !strcmp(x.name, OVERLAY "opaque");
	}
	return LP_OK;
}

/* The next entry of @c that is no "." or "..". */
static enum lp_code advance(const struct merge *m, struct cursor *c, struct lp_err *err)
{
	do {
		if (lp_erofs_dirent(&m->layer[c->layer], &c->dir, &c->cookie, &c->at, &c->more, err))
			return lp_within(err, "layer %u", c->layer);
	} while (c->more && c->at.name[0] == '.' &&
		 (c->at.name_bytes == 1 || (c->at.name_bytes == 2 && c->at.name[1] == '.')));
	return LP_OK;
}

static enum lp_code take_xattrs(struct merge *m, const struct lp_erofs *from,
				const struct lp_erofs_inode *i, struct lp_entry *e,
				struct lp_err *err)
{
	struct lp_xattr *list;
	struct lp_erofs_xattr x;
	uint64_t cookie = 0;
	const char *name;
	size_t n = 0;

	m->text.len = 0;
	m->xattr.len = 0;
	for (bool more = i->xattr_icount != 0; more;) {
		struct lp_xattr one;

		if (lp_erofs_xattr(from, i, &cookie, &x, &more, err))
			return err->code;
		one = (struct lp_xattr){.value = x.value, .bytes = x.bytes};
		if (!more || !strncmp(x.name, OVERLAY, strlen(OVERLAY)))
			continue;
		if (lp_buf_add(&m->xattr, &one, sizeof(one), SIZE_MAX, err) ||
		    lp_buf_add(&m->text, x.name, strlen(x.name) + 1, SIZE_MAX, err))
			return err->code;
		n++;
	}
	list = (struct lp_xattr *)(void *)m->xattr.p;
	name = (const char *)m->text.p;
	for (size_t k = 0; k < n; k++, name += strlen(name) + 1)
		list[k].name = name;
	e->xattr = list;
	e->nxattr = n;
	return LP_OK;
}

static enum lp_code take_extents(struct merge *m, uint32_t layer, const struct lp_erofs_inode *i,
				 struct lp_entry *e, struct lp_err *err)
{
	struct lp_extent x;

	m->extent.len = 0;
	for (uint64_t off = 0; off < i->size; off += x.bytes) {
		if (lp_erofs_extent(&m->layer[layer], i, off, &x, err))
			return err->code;
		if (!x.device)
			continue;
		x.device += m->device[layer];
		if (lp_buf_add(&m->extent, &x, sizeof(x), SIZE_MAX, err))
			return err->code;
	}
	e->extent = (const struct lp_extent *)(const void *)m->extent.p;
	e->nextent = m->extent.len / sizeof(x);
	return LP_OK;
}

/* What @i of @layer is, as an entry; @target has room for a symlink's. */
static enum lp_code describe(struct merge *m, uint32_t layer, const struct lp_erofs_inode *i,
			     char target[static LP_SYMLINK_MAX + 1], struct lp_entry *e,
			     struct lp_err *err)
{
	const struct lp_erofs *from = &m->layer[layer];
	const char *text;

	e->mode = i->mode;
	e->uid = i->uid;
	e->gid = i->gid;
	e->major = i->rdev_major;
	e->minor = i->rdev_minor;
	e->mtime = i->mtime;
	e->mtime_ns = i->mtime_ns;
	if (i->xattr_icount && take_xattrs(m, from, i, e, err))
		return err->code;
	if (S_ISREG(i->mode)) {
		e->size = i->size;
		return take_extents(m, layer, i, e, err);
	}
	if (!S_ISLNK(i->mode))
		return LP_OK;
	if (lp_erofs_symlink(from, i, &text, err))
		return err->code;
	memcpy(target, text, i->size);
	target[i->size] = '\0';
	e->link = target;
	return LP_OK;
}

/* The slot that tells what became of the inode @nid of @layer. */
static enum lp_code find_link(struct merge *m, uint32_t layer, uint64_t nid, uint32_t **slot,
			      struct lp_err *err)
{
	if (!m->link[layer])
		m->link[layer] = calloc(m->layer[layer].bytes / LP_EROFS_NID_BYTES + 1,
					sizeof(uint32_t));
	if (!m->link[layer])
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory for hard links");
	*slot = &m->link[layer][nid];
	return LP_OK;
}

static enum lp_code add_file(struct merge *m, uint32_t parent, const char *name, uint32_t layer,
			     const struct lp_erofs_inode *i, struct lp_err *err)
{
	struct lp_entry e = {.path = name};
	char target[LP_SYMLINK_MAX + 1];
	uint32_t *slot = NULL, node = 0;

	if (i->nlink > 1 && find_link(m, layer, i->nid, &slot, err))
		return err->code;
	if (slot && *slot)
		e.kind = LP_ENTRY_HARDLINK;
	else if (describe(m, layer, i, target, &e, err))
		return lp_within(err, "layer %u", layer);
	if (lp_tree_append(m->out, parent, &e, slot ? *slot : 0, &node, err))
		return err->code;
	if (slot && !*slot)
		*slot = node;
	return LP_OK;
}

/*
 * The parts of one directory, from the uppermost layer downwards.  An opaque one hides what
 * is below, but not its attributes: they come from the uppermost layer that named the
 * directory, since so containerd makes the parents that a layer does not name.
 */
struct join {
	bool hidden;		/* nothing below is seen */
	bool named;		/* attributes are final */
	uint32_t layer;		/* where attributes come from */
	struct lp_erofs_inode inode;
	uint32_t nsource;
};

static enum lp_code join(struct merge *m, struct join *j, const struct source *s,
			 const struct lp_erofs_inode *i, struct lp_err *err)
{
	bool opaque = false;

	if (!j->named && (!j->nsource || i->serial)) {
		j->layer = s->layer;
		j->inode = *i;
		j->named = i->serial != 0;
	}
	if (j->hidden)
		return LP_OK;
	if (i->xattr_icount && is_opaque(&m->layer[s->layer], i, &opaque, err))
		return lp_within(err, "layer %u", s->layer);
	j->hidden = opaque;
	j->nsource++;
	return lp_buf_add(&m->source, s, sizeof(*s), SIZE_MAX, err);
}

static enum lp_code push_directory(struct merge *m, uint32_t node, const struct join *j,
				   struct lp_err *err)
{
	const struct todo t = {.node = node, .nsource = j->nsource};

	return lp_buf_add(&m->todo, &t, sizeof(t), SIZE_MAX, err);
}

/* The directory @name, whose uppermost part is at @cursor[0] of @n. */
static enum lp_code add_directory(struct merge *m, uint32_t parent, const char *name,
				  struct cursor *cursor, size_t n, struct lp_err *err)
{
	struct lp_entry e = {.path = name};
	char target[LP_SYMLINK_MAX + 1];
	struct lp_erofs_dirent first = cursor->at;
	struct join j = {0};
	uint32_t node = 0;

	for (size_t k = 0; k < n; k++) {
		const struct source s = {.nid = cursor[k].at.nid, .layer = cursor[k].layer};
		struct lp_erofs_inode i;

		if (!cursor[k].more || lp_erofs_compare(cursor[k].at.name, cursor[k].at.name_bytes,
							first.name, first.name_bytes))
			continue;
		if (lp_erofs_inode(&m->layer[s.layer], s.nid, &i, err))
			return lp_within(err, "layer %u", s.layer);
		if (!S_ISDIR(i.mode))
			break;
		if (join(m, &j, &s, &i, err))
			return err->code;
	}
	if (describe(m, j.layer, &j.inode, target, &e, err))
		return lp_within(err, "layer %u", j.layer);
	if (lp_tree_append(m->out, parent, &e, 0, &node, err))
		return err->code;
	return push_directory(m, node, &j, err);
}

/* The name at @cursor[0], the first in order, of which the others may have parts too. */
static enum lp_code add_name(struct merge *m, uint32_t parent, struct cursor *cursor, size_t n,
			     struct lp_err *err)
{
	uint32_t layer = cursor->layer;
	struct lp_erofs_inode i;
	char name[LP_NAME_MAX + 1];

	memcpy(name, cursor->at.name, cursor->at.name_bytes);
	name[cursor->at.name_bytes] = '\0';
	if (lp_erofs_inode(&m->layer[layer], cursor->at.nid, &i, err))
		return lp_within(err, "layer %u", layer);
	if (S_ISDIR(i.mode))
		return add_directory(m, parent, name, cursor, n, err);
	return is_whiteout(&i) ? LP_OK : add_file(m, parent, name, layer, &i, err);
}

/* The children of one directory, by its cursors. */
static enum lp_code merge_directory(struct merge *m, uint32_t node, size_t n, struct lp_err *err)
{
	for (;;) {
		struct cursor *c = m->cursor, *first = NULL;
		struct lp_erofs_dirent at;

		for (size_t k = 0; k < n; k++)
			if (c[k].more && (!first || lp_erofs_compare(c[k].at.name, c[k].at.name_bytes,
								     first->at.name,
								     first->at.name_bytes) < 0))
				first = &c[k];
		if (!first)
			return LP_OK;
		if (add_name(m, node, first, n - (size_t)(first - c), err))
			return err->code;
		at = first->at;
		for (size_t k = (size_t)(first - c); k < n; k++)
			if (c[k].more && !lp_erofs_compare(c[k].at.name, c[k].at.name_bytes, at.name,
							   at.name_bytes) && advance(m, &c[k], err))
				return err->code;
	}
}

/* Take the last directory from the stack, and put its sources under the cursors. */
static enum lp_code pop_directory(struct merge *m, struct todo *t, struct lp_err *err)
{
	m->todo.len -= sizeof(*t);
	memcpy(t, m->todo.p + m->todo.len, sizeof(*t));
	m->source.len -= t->nsource * sizeof(struct source);
	for (uint32_t k = 0; k < t->nsource; k++) {
		struct cursor *c = &m->cursor[k];
		struct source s;

		memcpy(&s, m->source.p + m->source.len + k * sizeof(s), sizeof(s));
		*c = (struct cursor){.layer = s.layer};
		if (lp_erofs_inode(&m->layer[s.layer], s.nid, &c->dir, err))
			return lp_within(err, "layer %u", s.layer);
		if (advance(m, c, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code merge_root(struct merge *m, struct lp_err *err)
{
	struct lp_entry e = {.path = ""};
	char target[LP_SYMLINK_MAX + 1];
	struct join j = {0};

	for (size_t k = m->n; k-- > 0;) {
		const struct source s = {.nid = m->layer[k].root, .layer = (uint32_t)k};
		struct lp_erofs_inode i;

		if (lp_erofs_inode(&m->layer[k], s.nid, &i, err))
			return lp_within(err, "layer %zu", k);
		if (join(m, &j, &s, &i, err))
			return err->code;
	}
	if (!m->n)
		return LP_OK;
	if (describe(m, j.layer, &j.inode, target, &e, err))
		return lp_within(err, "layer %u", j.layer);
	if (lp_tree_add(m->out, &e, err))
		return err->code;
	return push_directory(m, 0, &j, err);
}

enum lp_code lp_tree_merge(const struct lp_erofs *layer, size_t n, struct lp_tree *out,
			   struct lp_err *err)
{
	LP_AUTO(free_merge) struct merge m = {.layer = layer, .n = n, .out = out};

	m.cursor = calloc(n + 1, sizeof(m.cursor[0]));
	m.link = calloc(n + 1, sizeof(m.link[0]));
	m.device = calloc(n + 1, sizeof(m.device[0]));
	if (!m.cursor || !m.link || !m.device)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory for %zu layers", n);
	for (size_t i = 0; i < n; i++)
		m.device[i + 1] = m.device[i] + layer[i].ndevice;
	if (merge_root(&m, err))
		return err->code;
	while (m.todo.len) {
		struct todo t = {0};

		if (pop_directory(&m, &t, err) || merge_directory(&m, t.node, t.nsource, err))
			return err->code;
	}
	return lp_tree_end(out, err);
}
