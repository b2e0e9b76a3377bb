/* SPDX-License-Identifier: MIT */
/*
 * canonical_walk - a tree's paths in the order of their bytes, from whatever holds the tree.
 *
 * A directory's names are sorted together with NAME/ of the directories among them: at NAME
 * its own line is printed, at NAME/ what is below.  So "a", "a.b", "a/b" come in this order,
 * and memory is for the directories on the way only, and for hard links.
 */
#ifndef LP_CANONICAL_WALK_H
#define LP_CANONICAL_WALK_H

#include "base/stream.h"
#include "tree/canonical_line.h"
#include "tree/siphash.h"

struct lp_canonical_walk {
	struct lp_writer *out;
	struct lp_buf text;	/* lines to be written */
	struct lp_buf frame;	/* directories that are open, the root first */
	struct lp_buf event;	/* their names, as a stack */
	struct lp_buf name;	/* the bytes of those */
	struct lp_buf link;	/* hard links seen so far, and */
	struct lp_buf slot;	/* uint32_t: a hash table over them */
	struct lp_buf path;	/* their paths */
	struct lp_siphash_key key;
	struct lp_canonical_line line;
	char at[LP_PATH_MAX];	/* the current path */
};

/*
 * What holds a tree.  A handle is an open directory; a name is NUL-terminated, and with the
 * id that lp_canonical_name() was told; "" is the directory itself.
 */
struct lp_canonical_source {
	enum lp_code (*list)(struct lp_canonical_source *s, uint64_t handle,
			     struct lp_canonical_walk *w, struct lp_err *err);
	/* Fill in w->line, path aside, and set w->line.first by lp_canonical_first(). */
	enum lp_code (*describe)(struct lp_canonical_source *s, uint64_t handle, const char *name,
				 uint64_t id, struct lp_canonical_walk *w, struct lp_err *err);
	enum lp_code (*enter)(struct lp_canonical_source *s, uint64_t handle, const char *name,
			      uint64_t id, uint64_t *child, struct lp_err *err);
	void (*leave)(struct lp_canonical_source *s, uint64_t handle);
};

/* One name of the directory that is listed. */
LP_MUST_CHECK enum lp_code lp_canonical_name(struct lp_canonical_walk *w, const char *name,
					     size_t bytes, uint64_t id, bool directory,
					     struct lp_err *err);

/* Note the current path as a name of (@device, @inode), or set w->line.first to an earlier one. */
LP_MUST_CHECK enum lp_code lp_canonical_first(struct lp_canonical_walk *w, uint64_t device,
					      uint64_t inode, struct lp_err *err);

/* All lines of the tree whose root is @root, which is left in the end, whatever happens. */
LP_MUST_CHECK enum lp_code lp_canonical_walk(struct lp_canonical_source *s, uint64_t root,
					     struct lp_writer *out, struct lp_err *err);

#endif
