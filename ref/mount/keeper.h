/* SPDX-License-Identifier: MIT */
/*
 * keeper - the process that owns what lives: one per store and user namespace.
 *
 * mount/control.h says where it is found.  It answers the same user only:
 *
 *	{"op": "ping"}                                     {"keeper": PID}
 *	{"op": "mount", "image", "at", "prefetch",         {"mode": "fuse" or "kernel"} and
 *	 "mount", "background", "read_timeout_ns",         the mount; where a trace was wanted
 *	 "descriptors", and what mount/origin.h puts}      {"traced": LINES} when it is unmounted
 *	{"op": "status", "waits"}                          {} and a memfd of JSON (mount/status.h)
 *
 * "descriptors" names those that come with the request, in order: list, trace, events.
 * A failure is answered as mount/wire.h says.  It ends a moment after the last mount, fill and
 * connection; SIGTERM unmounts everything and ends it.
 */
#ifndef LP_KEEPER_H
#define LP_KEEPER_H

#include "mount/watchdog.h"

/* Be the keeper that @w started; returns the exit status when it has ended. */
int lp_keeper_run(struct lp_watchdog *w);

#endif
