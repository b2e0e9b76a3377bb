/* SPDX-License-Identifier: MIT */
/*
 * overlay - lower directories laid over each other, with a writable one on top or without.
 *
 * Writable ones get redirect_dir and metacopy, else chmod and mv would fetch what a lazily
 * mounted image does not have, and volatile, since what was written is thrown away.  Names are
 * short and relative: mount(2) takes a page of options, whatever the paths are.
 */
#ifndef LP_OVERLAY_H
#define LP_OVERLAY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct lp_overlay {
	int dir;			/* where the relative names are; borrowed */
	const char *const *lower;	/* [nlower] relative, without ":" and ","; lowest first */
	size_t nlower;
	bool writable;			/* makes rw/upper and rw/work in dir */
	const char *source;		/* shown in /proc/mounts */
	const char *at;			/* where: relative to dir, or absolute */
};

/*
 * lp_overlay_mount - mount @o.
 *
 * rw/ is a directory of @o->dir's file system, or a tmpfs where overlayfs refuses that.
 *
 * LP_ESYSTEM  LP_ELIMIT: more lower directories than fit
 */
LP_MUST_CHECK enum lp_code lp_overlay_mount(const struct lp_overlay *o, struct lp_err *err);

#endif
