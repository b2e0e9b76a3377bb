/* SPDX-License-Identifier: MIT */
/*
 * log - what programs say: one line for a failure, phase events, progress on a terminal.
 *
 * Data goes to stdout and never through here; words go to stderr.
 */
#ifndef LP_LOG_H
#define LP_LOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* "lazypull: MSG (at byte N) [RULE]\n" on stderr, or as a JSON object when @json. */
void lp_log_failure(const char *program, const struct lp_err *err, bool json);

/* "lazypull: MSG\n" on stderr. */
__attribute__((format(printf, 2, 3)))
void lp_log_say(const char *program, const char *fmt, ...);

/* CLOCK_MONOTONIC in ns: the clock of events and of the registry's log. */
uint64_t lp_now_ns(void);

/*
 * Phase events (design.md 10.8): {"event":"resolved","ns":123} and a newline, one write(2)
 * each, to the descriptor that --events=FD named.
 */
struct lp_events {
	int fd;		/* -1: nobody listens */
};

/* @what: request resolved rootfs overlay bundle created started exited local */
void lp_event(const struct lp_events *e, const char *what);

/* A progress bar on stderr; silent when stderr is no terminal.  Thread-safe. */
struct lp_progress {
	const char *what;
	_Atomic uint64_t done, total;	/* bytes */
	_Atomic uint64_t shown_ns;
	bool on;
};

void lp_progress_start(struct lp_progress *p, const char *what, uint64_t total);
void lp_progress_add(struct lp_progress *p, uint64_t bytes);
void lp_progress_end(struct lp_progress *p);

#endif
