/* SPDX-License-Identifier: MIT */
/*
 * dest - a directory that gets the files of a layer, whole or not at all.
 *
 *	DIR.XXXXXX  <--files--  layer
 *	    |-- accepted --> DIR        |-- refused --> removed
 */
#ifndef LP_DEST_H
#define LP_DEST_H

#include "base/err.h"

struct lp_dest {
	char path[4096];	/* of the directory beside; "": there is none */
	const char *final;	/* borrowed */
	int dir;		/* of path, or -1 */
};

#define LP_DEST_EMPTY {.dir = -1}

/* Make a directory beside @final, which is absent or an empty directory.  LP_ESYSTEM, LP_EUSAGE */
LP_MUST_CHECK enum lp_code lp_dest_open(struct lp_dest *d, const char *final, struct lp_err *err);

/* It becomes @final. */
LP_MUST_CHECK enum lp_code lp_dest_keep(struct lp_dest *d, struct lp_err *err);

/* Remove what was not kept. */
void lp_dest_free(struct lp_dest *d);

#endif
