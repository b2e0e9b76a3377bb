/* SPDX-License-Identifier: MIT */
/*
 * session - one series of runs: what was asked for, where its lines go, what is done already.
 *
 *	RESULTS/<fingerprint>/env.json                    the lasting environment
 *	RESULTS/<fingerprint>/<UTC time>-<commit>.jsonl   the lines: a session, then its runs
 *
 * A session that was cut off is taken up again with its file: same seed, same order, only
 * what is missing, and only on a machine of the same fingerprint.
 */
#ifndef LB_SESSION_H
#define LB_SESSION_H

#include "experiment/lab.h"
#include "measure/environment.h"
#include "measure/record.h"

#include "base/option.h"

struct lb_run_options {
	const char *experiment;
	struct lp_option_list images, systems, tasks, contests;	/* empty: the defaults */
	uint64_t n, warmup, seed;
	const char *results, *resume;
	struct lb_lab_options lab;
	int argc;			/* the command as it was given */
	char **argv;
};

struct lb_session {
	struct lb_record record;
	json_t *lines;			/* of the file that is resumed, or NULL */
	char fingerprint[LB_FINGERPRINT_TEXT];
	json_t *environment, *now;
};

/*
 * lb_session_load - if @o->resume names a file, make @o what that session was.
 *
 * LP_EUSAGE: it is of another experiment
 */
LP_MUST_CHECK enum lp_code lb_session_load(struct lb_session *s, struct lb_run_options *o,
					   struct lp_err *err);

/*
 * lb_session_begin - make the results file, or open the resumed one.
 *
 * @plan  what is to be done, as members of the session line; used up
 *
 * LP_EUSAGE: a resumed session comes from another machine
 */
LP_MUST_CHECK enum lp_code lb_session_begin(struct lb_session *s, const struct lb_lab *l,
					    const struct lb_run_options *o, json_t *plan,
					    struct lp_err *err);
void lb_session_free(struct lb_session *s);

/* Is there a line of this kind, cell and round already? */
bool lb_session_has(const struct lb_session *s, const char *kind, const char *cell,
		    uint64_t round);

#endif
