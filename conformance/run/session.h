/* SPDX-License-Identifier: MIT */
/*
 * session - one worker and its adapter: vectors in, what was seen out.
 *
 * Mode A starts the adapter for each vector, mode B once and again after every anomaly.
 */
#ifndef LC_SESSION_H
#define LC_SESSION_H

#include "run/answer.h"
#include "run/box.h"
#include "run/class.h"
#include "run/process.h"

/* What was seen of one vector: not yet a verdict. */
struct lc_seen {
	enum lc_class trouble;	/* LC_PASS: none, and @answer counts */
	bool escaped;		/* something was changed that must not be */
	char why[200];		/* of the trouble */
	char traffic[200];	/* what its requests must not have been, or "" */
	struct lc_answer answer;
	uint64_t ns;		/* from question to answer */
};

struct lc_session {
	struct lc_adapter *adapter;	/* borrowed; hello is set by lc_session_hello() */
	const char *recipes;	/* for vectors whose bytes are made again */
	bool serve;		/* mode B */
	uint64_t wall_ns;	/* for one answer */
	uint64_t hello_rss_kib;	/* what it needs to say hello: not held against a vector */

	struct lc_cell cell;
	struct lc_process p;
	struct lc_box home;	/* of the process in mode B */
	uint64_t seq;
	uint64_t nbox;		/* directories made so far */
};

/*
 * lc_session_open - begin, in this thread: lc_cell_enter().
 *
 * @s    adapter, recipes, serve, wall_ns, hello_rss_kib are set, the rest is 0
 * @dir  an empty directory of ours
 */
LP_MUST_CHECK enum lp_code lc_session_open(struct lc_session *s, const char *dir,
					   struct lp_err *err);
void lc_session_close(struct lc_session *s);

/* Ask who it is.  LP_EFORMAT: it does not say so as it must */
LP_MUST_CHECK enum lp_code lc_session_hello(struct lc_session *s, struct lp_err *err);

/* Ask about @v.  Fails only when we do: whatever the adapter does ends up in @out. */
LP_MUST_CHECK enum lp_code lc_session_ask(struct lc_session *s, const struct gen_vector *v,
					  struct lc_seen *out, struct lp_err *err);

/*
 * Mode B, for who asks by himself: the server stands ready, with processor time for an answer and
 * nothing said yet.  It is started unless it is there.
 */
LP_MUST_CHECK enum lp_code lc_session_serve(struct lc_session *s, struct lp_err *err);

/* It has not answered, but @event came: end it, and say in @out what it died of. */
void lc_session_bury(struct lc_session *s, enum lc_event event, struct lc_seen *out);

#endif
