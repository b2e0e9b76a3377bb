/* SPDX-License-Identifier: MIT */
/*
 * process - programs that are run and watched: arguments, start, end, what they cost.
 *
 * lazybench is a subreaper while it measures: whatever a program leaves behind in the
 * background becomes lazybench's own child, is waited for, and is named when it stays.
 */
#ifndef LB_PROCESS_H
#define LB_PROCESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

#define LB_ARGS_MAX 96		/* ours */
#define LB_ARGS_TEXT 16384	/* bytes of all of them, ours */

/* A command line being made; too many or too long ones show in lb_process_start(). */
struct lb_args {
	char *v[LB_ARGS_MAX + 1];	/* NULL-terminated, into text */
	size_t n;
	char text[LB_ARGS_TEXT];
	size_t used;
	bool bad;
};

__attribute__((format(printf, 2, 3)))
void lb_args_add(struct lb_args *a, const char *fmt, ...);

struct lb_process {
	pid_t pid;
	int pidfd;		/* readable when it has ended; -1: none */
	int out, events;	/* its stdout and its descriptor LB_EVENTS_FD; non-blocking, or -1 */
};

#define LB_EVENTS_FD 3		/* what --events=FD is told */

/*
 * lb_process_start - start @a->v[0] (found in PATH) in a process group of its own.
 *
 * @stderr_path  a file for its stderr, truncated; NULL: ours
 * @events       make the pipe of LB_EVENTS_FD
 *
 * LP_EUSAGE  the command line is too long   LP_EMISSING  no such program   LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lb_process_start(struct lb_process *p, const struct lb_args *a,
					    const char *stderr_path, bool events,
					    struct lp_err *err);
void lb_process_free(struct lb_process *p);

struct lb_cost {
	uint64_t user_us, system_us, rss_kib;	/* rss: the largest of one process */
};

/* Wait for its end; the exit status, or 128 + the signal. */
int lb_process_end(struct lb_process *p, struct lb_cost *cost);

/*
 * lb_capture - run to the end, keeping at most @max bytes of stdout.
 *
 * @status  out, may be NULL: then anything but 0 is LP_EREMOTE
 */
LP_MUST_CHECK enum lp_code lb_capture(const struct lb_args *a, size_t max, struct lp_buf *out,
				      int *status, struct lp_err *err);

/* Become a subreaper. */
LP_MUST_CHECK enum lp_code lb_adopt(struct lp_err *err);

/*
 * lb_orphans_end - wait for all children but @but; after @patience_ms they are told to end.
 *
 * @cost  what they cost is added
 *
 * Returns how many had to be told.
 */
size_t lb_orphans_end(pid_t but, uint64_t patience_ms, struct lb_cost *cost);

#endif
