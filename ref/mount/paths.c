// SPDX-License-Identifier: MIT
#include "mount/paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX ((size_t)256 << 20)	/* bytes, ours */

struct finder {
	struct lp_erofs_visitor visitor;	/* first */
	struct lp_path *v;
	size_t n;
	struct lp_buf *text;
};

static int by_nid(const void *x, const void *y)
{
	const struct lp_path *a = x, *b = y;

	return a->nid < b->nid ? -1 : a->nid > b->nid;
}

static enum lp_code name_file(struct lp_erofs_visitor *v, const char *path,
			      const struct lp_erofs_inode *inode, struct lp_err *err)
{
	struct finder *f = (struct finder *)v;
	struct lp_path key = {.nid = inode->nid}, *found;

	if (!S_ISREG(inode->mode))
		return LP_OK;
	found = bsearch(&key, f->v, f->n, sizeof(key), by_nid);
	if (!found || found->name)
		return LP_OK;
	found->name = f->text->len + 1;
	found->size = inode->size;
	return lp_buf_add(f->text, path, strlen(path) + 1, TEXT_MAX, err);
}

enum lp_code lp_paths_find(const struct lp_erofs *tree, struct lp_path *v, size_t n,
			   struct lp_buf *text, struct lp_err *err)
{
	struct finder f = {.visitor = {.visit = name_file}, .v = v, .n = n, .text = text};

	return n ? lp_erofs_walk(tree, &f.visitor, err) : LP_OK;
}
