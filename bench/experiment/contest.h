/* SPDX-License-Identifier: MIT */
/*
 * contest - the same job done by us and by somebody else, in turn: paired rounds.
 *
 * An experiment is a table of contests.  Each has two sides; a round lets every side of every
 * contest do its job once, in a shuffled order, and each job becomes one line:
 *
 *	{"kind":"measure","contest":"convert-9","side":"ours","round":3,"wall_ns":...,...}
 *
 * A job that failed is a line too, invalid and with the reason; it never becomes a number.
 */
#ifndef LB_CONTEST_H
#define LB_CONTEST_H

#include "experiment/session.h"

#define LB_CONTESTS_MAX 32	/* ours */

enum lb_side { LB_OURS, LB_THEIRS };

/* What is held against a measured metric: the median of the paired ratios, or our own median. */
struct lb_bar {
	const char *contest, *metric;
	uint64_t ratio_ppm;	/* ours / theirs is at most this; 0: no bar */
	uint64_t most;		/* ours is at most this; 0: no bar */
	const char *note;	/* for the reader, or NULL */
	uint64_t low_ppm;	/* the lower end of the ratio's interval is at most this; 0: no bar */
};

/*
 * Do the job of @side once, and set the metrics in @out, which has the "round" already.
 *
 * A failure of what is measured is LP_EREMOTE, LP_EMISSING, ...; LP_ESYSTEM ends the experiment.
 */
typedef enum lp_code (*lb_job)(void *experiment, size_t contest, enum lb_side side, json_t *out,
			       struct lp_err *err);

struct lb_contests {
	const char *name[LB_CONTESTS_MAX];
	size_t n;
	lb_job job;
	void *experiment;		/* what @job gets */
	const struct lb_bar *bar;	/* a row without a contest ends it */
	/*
	 * Instead of bars: there is nobody to compare with, and what is shown are sums over all
	 * rounds, of @count and of @zero, which have to be 0.  NULL ends both.
	 */
	const char *const *count, *const *zero;
};

/* Was it asked for?  All are, when none is named. */
bool lb_contest_chosen(const struct lb_run_options *o, const char *contest);

/* Before anything is made ready: do all that were asked for exist?  LP_EUSAGE: no. */
LP_MUST_CHECK enum lp_code lb_contests_check(const struct lb_contests *c,
					     const struct lb_run_options *o, struct lp_err *err);

/* Begin the session, and run all rounds, of those that were asked for. */
LP_MUST_CHECK enum lp_code lb_contests_run(const struct lb_contests *c, struct lb_session *s,
					   const struct lb_lab *l,
					   const struct lb_run_options *o, struct lp_err *err);

/* Run @a to its end: "wall_ns", "user_us", "system_us", "rss_kib".  LP_EREMOTE: it failed. */
LP_MUST_CHECK enum lp_code lb_contest_time(const struct lb_lab *l, const struct lb_args *a,
					   json_t *out, struct lp_err *err);

/*
 * lb_contest_fresh - an empty directory in WORK/stores/contest that nothing was in before.
 *
 * Nothing is removed while an experiment runs: file systems are slow at making files just
 * after they removed some (ext4 goes around inodes that it freed seconds ago).
 */
LP_MUST_CHECK enum lp_code lb_contest_fresh(const struct lb_lab *l, char out[static LB_PATH],
					    struct lp_err *err);

/* Remove all of them. */
LP_MUST_CHECK enum lp_code lb_contest_clear(const struct lb_lab *l, struct lp_err *err);

/* Add @more to the number @key. */
void lb_contest_add(json_t *o, const char *key, uint64_t more);

#endif
