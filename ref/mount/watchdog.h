/* SPDX-License-Identifier: MIT */
/*
 * watchdog - the parent of a store's keeper and of its workers.  It does nothing but hold and
 * start.
 *
 *	watchdog      the lock, the socket, the gate's group, the kept descriptors; no threads
 *	  |- keeper   has the same open; reads events, serves mounts and commands
 *	  `- worker   fetches, decodes, verifies; has none of them
 *
 * When the keeper dies, what it had taken from the group is denied, and the next one is
 * started with all that was kept: readers of kernel mounts see EIO at worst, never zeros.
 * When the watchdog dies, the keeper makes itself one (lp_watchdog_again()).  Only when both
 * die at once does the kernel let readers through to what was not written.
 */
#ifndef LP_WATCHDOG_H
#define LP_WATCHDOG_H

#include "layer/store.h"
#include "mount/gate.h"
#include "mount/kept.h"
#include "mount/worker.h"

/* What all three see. */
struct lp_watchdog_page {
	struct lp_gate_page gate;
	struct lp_worker_count count;	/* the worker's */
	_Atomic int worker;		/* its process id; 0: it is dead */
};

/* What a keeper is born with. */
struct lp_watchdog {
	struct lp_store *store;		/* borrowed */
	struct lp_watchdog_page *page;
	struct lp_kept kept;		/* its socket: to the watchdog, in the keeper */
	int lock, listen;		/* the lock is flock'ed */
	int group;			/* of the gate; -1: no_group says why */
	char no_group[200];
};

/*
 * lp_watchdog_run - hold the store @s and keep a keeper on it; returns the exit status.
 *
 * @ready   a pipe that gets "ok" when the socket is there, or one line that says why not; -1
 * @again   what lp_watchdog_again() left behind, or -1
 */
int lp_watchdog_run(struct lp_store *s, int ready, int again);

/*
 * lp_watchdog_again - become @program's watchdog of the same store, with all that is held.
 *
 * By exec: what was taken from the group is denied by the new one.  Returns only if it fails.
 */
void lp_watchdog_again(struct lp_watchdog *w, const char *program, struct lp_err *err);

/* The other end: what was held, from the descriptor that the argument names. */
LP_MUST_CHECK enum lp_code lp_watchdog_recall(struct lp_watchdog *w, int again,
					      struct lp_err *err);

/* In the keeper: ask for a worker; @socket: its end, the keeper's other one becomes readable. */
LP_MUST_CHECK enum lp_code lp_watchdog_ask(struct lp_watchdog *w, int socket,
					   struct lp_err *err);

#endif
