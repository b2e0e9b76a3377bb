/* SPDX-License-Identifier: MIT */
/*
 * containerd - the peer: containerd with the stargz snapshotter, in a directory of its own.
 *
 *	DIR/root DIR/state DIR/stargz    what they keep: fresh when DIR is
 *	DIR/containerd.sock DIR/stargz.sock
 *
 * ctdrive asks it to do things, and says at which CLOCK_MONOTONIC ns what happened.  Images
 * are decompressed by Go's own code, not by programs that happen to be installed.
 */
#ifndef LB_CONTAINERD_H
#define LB_CONTAINERD_H

#include "base/json.h"
#include "system/system.h"

struct lb_containerd {
	char directory[512];
	char path[2200];		/* PATH=...: shims are found there */
	const char *peers;
	struct lb_process stargz, containerd;
};

/* NULL: all programs are there; else what would bring them. */
const char *lb_containerd_missing(const struct lb_programs *p);

/*
 * lb_containerd_start - start both, and wait until both listen.
 *
 * @directory   absolute; there, and empty for a cold start
 * @noprefetch  the snapshotter leaves prioritised files alone until they are read
 *
 * LP_EREMOTE: one of them ended, or does not listen
 */
LP_MUST_CHECK enum lp_code lb_containerd_start(struct lb_containerd *c,
					       const struct lb_programs *p,
					       const char *directory, bool noprefetch,
					       struct lp_err *err);

/* End both. */
void lb_containerd_free(struct lb_containerd *c);

/*
 * lb_containerd_drive - run ctdrive with @words.
 *
 * @ns  out: the object of its line, phase to ns
 */
LP_MUST_CHECK enum lp_code lb_containerd_drive(const struct lb_containerd *c,
					       const char *const *words, size_t n, json_t **ns,
					       struct lp_err *err);

#endif
