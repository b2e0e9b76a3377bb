/* SPDX-License-Identifier: MIT */
/*
 * walk - everything that is in a tree, looked at or read by one thread: what file systems are
 * compared by.
 *
 * Directories are read whole and their names taken in byte order, so that every file system gets
 * the same calls in the same order.  Symbolic links are not followed; a file or directory that
 * cannot be read is counted, and the walk goes on.
 */
#ifndef LB_WALK_H
#define LB_WALK_H

#include "base/err.h"

#include <stdio.h>

#define LB_WALK_BLOCK 4096u	/* of a random read */

enum lb_walk_mode {
	LB_WALK_FIND,	/* fstatat() of every name */
	LB_WALK_CAT,	/* every regular file, 128 KiB a read */
	LB_WALK_LIST,	/* every regular file that is not empty as a line "BYTES PATH" to out */
};

struct lb_walk {
	enum lb_walk_mode mode;
	const char *except;	/* CAT: a path that is not opened, or NULL */
	FILE *out;		/* LIST */
	uint64_t entries;	/* out: names seen, without the top itself */
	uint64_t bytes;		/* out: read */
	uint64_t failed;	/* out: names that could not be looked at or read */
	char first[4096];	/* out: the first of them, or "" */
};

/*
 * lb_walk - walk the tree at @top; @w has the inputs.
 *
 * LP_ESYSTEM  @top is no directory, or memory ran out    LP_ELIMIT  a path is too long
 */
LP_MUST_CHECK enum lp_code lb_walk(struct lb_walk *w, const char *top, struct lp_err *err);

/* Blocks of LB_WALK_BLOCK bytes of the files of a list, drawn evenly from all that there are. */
struct lb_picks {
	const char *list;	/* a file that LB_WALK_LIST wrote */
	uint64_t seed, n;
	uint64_t bytes;		/* out: read */
	uint64_t open_ns;	/* out: spent in openat(); not part of the reads */
	uint64_t read_ns;	/* out: spent in pread() */
};

/*
 * lb_walk_random - read @p->n blocks below @top: opened, read, closed, one after the other.
 *
 * LP_EMISSING  no list             LP_EFORMAT  no such list, or one without bytes
 * LP_ESYSTEM   a read failed       LP_ESHORT   a file is shorter than the list says
 */
LP_MUST_CHECK enum lp_code lb_walk_random(struct lb_picks *p, const char *top,
					  struct lp_err *err);

#endif
