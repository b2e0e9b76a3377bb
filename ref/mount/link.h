/* SPDX-License-Identifier: MIT */
/*
 * link - the keeper's end of the socket to its worker: questions, and who waits for which.
 *
 *	FUSE thread --lp_link_ask--> worker            (the thread goes on to its next request)
 *	worker --LP_MSG_DONE--> the link's thread --done()--> the reader is answered
 *
 * A wait ends once: answered, overdue (ETIMEDOUT), given up by its owner (EINTR), or because
 * the worker died (EIO).  But reads and fills outlive a worker: they are asked again of the
 * next one, if it comes within LP_LINK_PATIENCE_NS.  Thread-safe.
 *
 *	up --worker dies--> down --lp_link_renew--> attaching --lp_link_resume--> up
 */
#ifndef LP_LINK_H
#define LP_LINK_H

#include "mount/wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define LP_LINK_PATIENCE_NS 10000000000ull	/* without a worker, then reads get EIO */

/* Embedded in the asker's struct, which keeps it alive until done(). */
struct lp_wait {
	struct lp_wait *next;		/* the link's */
	uint64_t id;			/* the link's */
	struct lp_msg ask;		/* the link's: WANT and FILL are asked again */
	uint64_t due_ns;		/* lp_now_ns() when it fails, or 0: never */
	_Atomic bool doubted;		/* gone() is asked now and then, not only when it wakes */
	/* The link's thread, its lock held: does nobody wait any more?  NULL: never. */
	bool (*gone)(const struct lp_wait *w);
	/* The link's thread, or lp_link_ask()'s: over. */
	void (*done)(struct lp_wait *w, enum lp_code code, int sys);
};

enum lp_link_state {
	LP_LINK_DOWN,			/* no worker: WANT and FILL wait for one */
	LP_LINK_ATTACHING,		/* it gets to know its devices; they wait as well */
	LP_LINK_UP,
	LP_LINK_CLOSED,			/* nothing is asked any more */
};

struct lp_link {
	int socket;			/* the same number for every worker */
	int wake;			/* eventfd: look at the waits again */
	int died;			/* eventfd, borrowed: gets 1 when the worker is gone */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	struct lp_wait *first;		/* under lock, as what follows */
	uint64_t next_id;
	enum lp_link_state state;
	uint64_t down_ns;		/* since when it is */
};

/* A link that is down.  @died: see above. */
LP_MUST_CHECK enum lp_code lp_link_open(struct lp_link *l, int died, struct lp_err *err);

/* A new worker is at the other end of @socket (consumed): it may be called. */
LP_MUST_CHECK enum lp_code lp_link_renew(struct lp_link *l, int socket, struct lp_err *err);

/* It knows its devices: ask it what waits. */
void lp_link_resume(struct lp_link *l);

/* Hang up: every wait, and everything asked from then on, ends with EIO. */
void lp_link_close(struct lp_link *l);
void lp_link_free(struct lp_link *l);	/* nobody asks any more */

/* Send @m (its id is set) with @fd (-1: none; borrowed); @w->done is called once. */
void lp_link_ask(struct lp_link *l, struct lp_wait *w, struct lp_msg *m, int fd);

/* A question whose asker waits; between begin and end it may do something else. */
struct lp_call {
	struct lp_wait wait;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	enum lp_code code;
	int sys;
};

void lp_call_begin(struct lp_call *c, struct lp_link *l, struct lp_msg *m, int fd);

/* Must follow every begin.  @err says what failed: "WHAT". */
LP_MUST_CHECK enum lp_code lp_call_end(struct lp_call *c, const char *what, struct lp_err *err);

/* Doubt @w, whose owner may be gone; NULL: ask all of them once. */
void lp_link_doubt(struct lp_link *l, struct lp_wait *w);

enum lp_link_state lp_link_state(struct lp_link *l);

#endif
