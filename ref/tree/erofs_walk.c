// SPDX-License-Identifier: MIT
#include "tree/erofs_read.h"

#include <string.h>

/* A directory that is being walked. */
struct level {
	uint64_t nid;
	uint64_t cookie;
	uint32_t path_bytes;	/* of its path */
};

#define DEPTH_MAX (LP_PATH_MAX / 2)

struct walk {
	const struct lp_erofs *e;
	struct lp_erofs_visitor *v;
	struct lp_buf stack;	/* struct level */
	uint32_t depth;
	uint32_t entries;
	char path[LP_PATH_MAX];
	struct lp_erofs_inode dir;
};

static void free_walk(struct walk *w)
{
	lp_buf_free(&w->stack);
}

static struct level *top(const struct walk *w)
{
	return (struct level *)(void *)w->stack.p + w->depth - 1;
}

/* Visit @inode, whose path is set; go into a directory. */
static enum lp_code visit(struct walk *w, const struct lp_erofs_inode *inode, uint32_t path_bytes,
			  struct lp_err *err)
{
	struct level next = {.nid = inode->nid, .path_bytes = path_bytes};

	if (++w->entries > LP_ENTRIES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "erofs.limit.entries",
			       "more than %u entries", LP_ENTRIES_MAX);
	if (w->v->visit(w->v, w->path, inode, err))
		return err->code;
	if (!S_ISDIR(inode->mode))
		return LP_OK;
	if (lp_buf_add(&w->stack, &next, sizeof(next), DEPTH_MAX * sizeof(next), err))
		return err->code;
	w->depth++;
	w->dir = *inode;
	return LP_OK;
}

/* Append @d to the path of the directory on top; *bytes: of the whole. */
static enum lp_code enter_name(struct walk *w, const struct lp_erofs_dirent *d, uint32_t *bytes,
			       struct lp_err *err)
{
	uint32_t at = top(w)->path_bytes;

	if (d->name_bytes + 2 > LP_PATH_MAX - at)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "erofs.limit.path",
			       "a path of more than %d bytes", LP_PATH_MAX);
	if (at)
		w->path[at++] = '/';
	memcpy(w->path + at, d->name, d->name_bytes);
	*bytes = at + (uint32_t)d->name_bytes;
	w->path[*bytes] = '\0';
	return LP_OK;
}

static enum lp_code step(struct walk *w, struct lp_err *err)
{
	struct lp_erofs_dirent d;
	struct lp_erofs_inode inode;
	uint32_t bytes = 0;
	bool more;

	if (lp_erofs_dirent(w->e, &w->dir, &top(w)->cookie, &d, &more, err))
		return err->code;
	if (!more) {
		w->depth--;
		w->stack.len -= sizeof(struct level);
		return w->depth ? lp_erofs_inode(w->e, top(w)->nid, &w->dir, err) : LP_OK;
	}
	if (d.name[0] == '.' && (d.name_bytes == 1 || (d.name_bytes == 2 && d.name[1] == '.')))
		return LP_OK;
	if (enter_name(w, &d, &bytes, err) || lp_erofs_inode(w->e, d.nid, &inode, err))
		return err->code;
	return visit(w, &inode, bytes, err);
}

enum lp_code lp_erofs_walk(const struct lp_erofs *e, struct lp_erofs_visitor *v, struct lp_err *err)
{
	LP_AUTO(free_walk) struct walk w = {.e = e, .v = v};
	struct lp_erofs_inode root;

	if (lp_erofs_inode(e, e->root, &root, err) || visit(&w, &root, 0, err))
		return err->code;
	while (w.depth)
		if (step(&w, err))
			return err->code;
	return LP_OK;
}
