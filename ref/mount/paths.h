/* SPDX-License-Identifier: MIT */
/*
 * paths - the names that inodes have: from nids to paths, by one walk of the tree.
 */
#ifndef LP_PATHS_H
#define LP_PATHS_H

#include "tree/erofs.h"

struct lp_path {
	uint64_t nid;
	uint64_t size;		/* out: bytes of the file */
	size_t name;		/* out: where in the text its first path is, + 1; 0: there is none */
};

/*
 * lp_paths_find - fill in the @n of @v, whose nids are sorted and distinct regular files.
 *
 * @text  the paths are appended, each with a NUL
 *
 * LP_ELIMIT  too much text        LP_EFORMAT  erofs.*
 */
LP_MUST_CHECK enum lp_code lp_paths_find(const struct lp_erofs *tree, struct lp_path *v, size_t n,
					 struct lp_buf *text, struct lp_err *err);

/* NULL: it has none. */
static inline const char *lp_path_name(const struct lp_path *v, const struct lp_buf *text)
{
	return v->name ? (const char *)text->p + v->name - 1 : NULL;
}

#endif
