/* SPDX-License-Identifier: MIT */
/*
 * keeper - the process that owns what lives: one per store.
 *
 *	RUN/keeper.lock   flock'ed while it lives; its process id
 *	RUN/keeper.sock   SOCK_SEQPACKET, for the same user only: requests and answers are JSON
 *	RUN/keeper.log    what it and its worker had to say
 *
 *	{"op": "ping"}                                     {"keeper": PID}
 *	{"op": "mount", "image", "at", "prefetch",         {"mode": "fuse"} and the mount
 *	 "background", "read_timeout_ns", "descriptors",   {"traced": LINES} when it is unmounted,
 *	 and what mount/origin.h puts}                     where a trace was wanted
 *	{"op": "status"}                                   {} and a memfd of JSON
 *
 * "descriptors" names those that come with the request, in order: list, trace, events.
 * A failure is answered as mount/wire.h says.  It ends a moment after the last mount, fill and
 * connection; SIGTERM unmounts everything and ends it.
 */
#ifndef LP_KEEPER_H
#define LP_KEEPER_H

#include "layer/store.h"

#define LP_KEEPER_SOCKET "keeper.sock"
#define LP_KEEPER_LOCK "keeper.lock"
#define LP_KEEPER_LOG "keeper.log"

/*
 * lp_keeper_run - be the keeper of @s; returns the exit status when it has ended.
 *
 * @ready  a pipe that gets "ok" when the socket is there, or one line that says why not; -1
 */
int lp_keeper_run(struct lp_store *s, int ready);

#endif
