/* SPDX-License-Identifier: MIT */
/*
 * watch - a task from its start to its end: when what happened, on lazybench's own clock.
 *
 * Output, readiness and the end are stamped here; phase events come from the system under
 * test, which cannot know when its workload was ready.
 */
#ifndef LB_WATCH_H
#define LB_WATCH_H

#include "measure/process.h"
#include "workload/workload.h"

/* Of design.md 10.8, in the order in which they must come. */
enum lb_event {
	LB_EV_REQUEST, LB_EV_RESOLVED, LB_EV_ROOTFS, LB_EV_OVERLAY, LB_EV_BUNDLE, LB_EV_CREATED,
	LB_EV_STARTED, LB_EV_EXITED, LB_EV_LOCAL, LB_EVENTS,
};

/* All times are CLOCK_MONOTONIC ns; 0: did not happen. */
struct lb_watch {
	uint64_t begin_ns;		/* just before the program was started */
	uint64_t event_ns[LB_EVENTS];
	uint64_t first_output_ns, ready_ns, exit_ns;
	bool timed_out;
	bool told;			/* it was ready and was then told to end */
	int status;			/* exit status, or 128 + signal */
	struct lb_cost cost;
	struct lp_buf output;		/* stdout; of HTTP tasks, the body of the answer */
};

/*
 * lb_watch_task - start @a, wait until @t is ready and then until it has ended.
 *
 * A server is told to end once it is ready; a program that is not done after @timeout_ns is
 * killed, with its process group.
 *
 * @stderr_path  where its words go
 */
LP_MUST_CHECK enum lp_code lb_watch_task(struct lb_watch *w, const struct lb_task *t,
					 const struct lb_args *a, const char *stderr_path,
					 uint64_t timeout_ns, struct lp_err *err);
void lb_watch_free(struct lb_watch *w);

const char *lb_event_word(enum lb_event e);

/* Read event lines; those that are whole are taken from the front of @text. */
void lb_watch_events(struct lb_watch *w, struct lp_buf *text);

#endif
