/* SPDX-License-Identifier: MIT */
/*
 * answer - what is asked about a vector, and what an adapter says: docs/PROTOCOL.md.
 */
#ifndef LC_ANSWER_H
#define LC_ANSWER_H

#include "gen/gen.h"
#include "run/adapter.h"

enum lc_outcome { LC_ACCEPT, LC_REJECT, LC_CANNOT, LC_ERROR };	/* = the exit statuses 0 to 3 */

struct lc_answer {
	enum lc_outcome outcome;
	char phase[24];		/* or "" */
	char code[96];		/* clause id, or "" */
	char detail[160];	/* or "" */
	char tree[65];		/* SHA-256 of the canonical tree, or of the plain bytes, or "" */
	uint64_t released;	/* bytes of content handed out that no digest vouched for */
};

/* "accept", "reject", "unsupported", "error". */
const char *lc_outcome_name(enum lc_outcome o);

/* Where a phase stands among the others, from 1; 0: it is none. */
unsigned lc_phase_order(const char *phase);

/*
 * lc_answer_parse - read one JSON document.
 *
 * @seq  of the question, which the answer must repeat; 0: none (mode A)
 * @dir  where the file of a member "tree" is looked for
 * LP_EFORMAT  it is no answer, or none to this question
 */
LP_MUST_CHECK enum lp_code lc_answer_parse(const void *said, size_t n, uint64_t seq,
					   const char *dir, struct lc_answer *out,
					   struct lp_err *err);

/* A question in mode A: a command line. */
struct lc_words {
	char **v;		/* NULL-terminated, each ours */
	size_t n, cap;
};

/*
 * lc_question_words - ADAPTER OP --in=FILE --format=F [--ROLE=FILE...] [--NAME=VALUE...]
 * [--flag=FLAG...] --verdict=VERDICT
 *
 * @box  the vector's directory
 * LP_EUNSUP  a value has a NUL        LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_question_words(const struct lc_adapter *a,
					     const struct gen_vector *v, const char *box,
					     struct lc_words *out, struct lp_err *err);

/* Append @fmt... as a word. */
__attribute__((format(printf, 3, 4)))
LP_MUST_CHECK enum lp_code lc_words_add(struct lc_words *w, struct lp_err *err, const char *fmt,
					...);
void lc_words_free(struct lc_words *w);

/* The same in mode B: a line of JSON with its newline.  LP_EUNSUP: a value is not UTF-8. */
LP_MUST_CHECK enum lp_code lc_question_line(const struct gen_vector *v, const char *box,
					    uint64_t seq, struct lp_buf *out, struct lp_err *err);

#endif
