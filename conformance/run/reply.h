/* SPDX-License-Identifier: MIT */
/*
 * reply - the bytes that answer one request: a rule's steps, carried out.
 */
#ifndef LC_REPLY_H
#define LC_REPLY_H

#include "gen/gen.h"
#include "run/script.h"

#define LC_AUTHORITY 32		/* "127.0.0.1:65535" */
#define LC_REPLY_MAX ((size_t)32 << 20)	/* bytes, ours */

/* What stands for {A} {B} {from} {to} {size} {len}. */
struct lc_values {
	char authority[LC_HOSTS][LC_AUTHORITY];
	uint64_t from, to, size, len;
};

struct lc_reply {
	struct lp_buf bytes;	/* head and body, as far as they are sent */
	size_t head;		/* of these, the head */
	uint64_t rate;		/* bytes a second behind the first @quick; 0: all at once */
	uint64_t quick;
	enum lc_verb then;	/* LC_KEEP, LC_CLOSE, LC_RESET, LC_STALL, LC_POUR */
	const char *flood;	/* borrowed: the line to repeat */
};

struct lc_request {
	char method[16];
	const char *target, *head; /* borrowed; head: the fields, CRLF behind each */
	const struct gen_vector *of; /* borrowed: its inputs are what bodies are made of */
};

/*
 * lc_reply_make - what rule @r says to @q.
 *
 * LP_EFORMAT  the rule makes no sense: no such input      LP_ELIMIT, LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_reply_make(const struct lc_script *s, const struct lc_rule *r,
					 const struct lc_request *q, struct lc_values *values,
					 struct lc_reply *out, struct lp_err *err);
void lc_reply_free(struct lc_reply *r);

/* Append @text with its {NAME+N} filled in; other braces stay. */
LP_MUST_CHECK enum lp_code lc_values_fill(const struct lc_values *v, const char *text,
					  struct lp_buf *out, struct lp_err *err);

#endif
