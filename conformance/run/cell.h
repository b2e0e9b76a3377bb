/* SPDX-License-Identifier: MIT */
/*
 * cell - where one worker's adapter lives: namespaces of its own and an empty file system.
 *
 * As root a worker (a thread) leaves the mount and network namespaces of the others; loopback
 * is up, and nothing else is there.  A tmpfs lies on its directory: what is left in it is gone
 * with the thread.  Without root the cell is only a directory.
 */
#ifndef LC_CELL_H
#define LC_CELL_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>

struct lc_cell {
	char dir[PATH_MAX];
	bool isolated;		/* namespaces: processes get a PID namespace each, too */
	bool shared;		/* no namespaces, although we could: for what must see the host */
};

/* Is this process allowed to make namespaces? */
bool lc_cell_possible(void);

/*
 * lc_cell_enter - put the calling thread into a cell on the directory @c->dir, which exists.
 *
 * There is no way out but the thread's end.  LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_cell_enter(struct lc_cell *c, struct lp_err *err);

#endif
