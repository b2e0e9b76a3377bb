/* SPDX-License-Identifier: MIT */
/*
 * manifest - a vector as files that need no generator: DIR/FORMAT/ID.ROLE.bin, ID.json, ID.tree.
 *
 * The manifest's schema is lazyconf-vector/1.  Bytes that are no UTF-8 become {"hex": "..."}.
 */
#ifndef LC_MANIFEST_H
#define LC_MANIFEST_H

#include "base/err.h"
#include "gen/gen.h"

/*
 * lc_manifest_write - @v, with its bytes, below the directory @dir, which is made.
 *
 * @tree  the text of its tree, or NULL
 *
 * LP_ESYSTEM  the system refused, or no memory
 */
LP_MUST_CHECK enum lp_code lc_manifest_write(const struct gen_vector *v, const char *tree,
					     const char *dir, struct lp_err *err);

#endif
