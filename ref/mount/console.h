/* SPDX-License-Identifier: MIT */
/*
 * console - a container's terminal, relayed to and from ours.
 *
 * Specification: runc, docs/terminals.md (the console socket)
 */
#ifndef LP_CONSOLE_H
#define LP_CONSOLE_H

#include "base/err.h"

#include <stdbool.h>
#include <termios.h>

struct lp_console {
	int listen;		/* -1: none */
	int master;		/* -1: not yet, or it hung up */
	bool raw;		/* our own terminal was changed */
	struct termios before;
};

#define LP_CONSOLE_EMPTY {.listen = -1, .master = -1}

/* Listen on @path, relative to the working directory. */
LP_MUST_CHECK enum lp_code lp_console_open(struct lp_console *c, const char *path,
					   struct lp_err *err);

/* Take the terminal that the runtime has sent; ours becomes raw. */
LP_MUST_CHECK enum lp_code lp_console_take(struct lp_console *c, struct lp_err *err);

void lp_console_resize(const struct lp_console *c);

/* Copy what is there from one end to the other; false when @from has ended. */
bool lp_console_copy(int from, int to);
void lp_console_free(struct lp_console *c);	/* our terminal as it was */

#endif
