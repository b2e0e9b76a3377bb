/* SPDX-License-Identifier: MIT */
/*
 * script - what a hostile server answers, and what it may be asked: the text of docs/HTTP.md.
 *
 *	on A GET /v2/t/?		rule: which requests, and steps that make the answer
 *		status 200 OK
 *		whole
 *	most 3 A *		check: of all that was asked, once it is over
 *
 * Texts are borrowed from a copy of the script that the struct owns.
 */
#ifndef LC_SCRIPT_H
#define LC_SCRIPT_H

#include "base/buf.h"

#include <stdbool.h>

#define LC_SCRIPT_MAX ((size_t)256 << 10)	/* bytes, ours */
#define LC_HOSTS 2				/* A and B */

enum lc_verb {
	LC_LINE_IS, LC_STATUS, LC_HEADER, LC_REPEAT, LC_FILL, LC_INTERIM, LC_OPEN, LC_OF, LC_SLICE,
	LC_WHOLE, LC_PART, LC_ZEROS, LC_TEXT, LC_LENGTH, LC_CHUNKED, LC_FLIP, LC_CUT, LC_DRIP,
	LC_KEEP, LC_CLOSE, LC_RESET, LC_STALL, LC_POUR, LC_TIMES, LC_WITH, LC_WITHOUT,
};

struct lc_step {
	enum lc_verb verb;
	int64_t n[2];		/* what the verb's numbers are, or 0 */
	const char *text;	/* or "" */
};

struct lc_rule {
	int host;		/* 0: A */
	const char *method;	/* "*": any */
	const char *path;	/* a pattern of fnmatch(3) */
	uint64_t times;		/* answers, then the rule is used up */
	size_t first, nstep;	/* in step[] */
};

enum lc_check_kind { LC_MOST, LC_LEAST, LC_BYTES, LC_SAME };

struct lc_check {
	enum lc_check_kind kind;
	uint64_t n;
	int host;
	const char *path;
	const char *field;	/* only requests with it; NULL: all */
	const char *value;	/* that has this in it, or "" */
};

/* What a host shows of TLS. */
enum lc_tls { LC_PLAIN, LC_TLS_GOOD, LC_TLS_SELF, LC_TLS_EXPIRED, LC_TLS_OTHER, LC_TLS_BREAK };

struct lc_script {
	char *copy;
	enum lc_tls tls[LC_HOSTS];
	struct lc_rule *rule;
	struct lc_step *step;
	struct lc_check *check;
	size_t nrule, nstep, ncheck;
};

/*
 * lc_script_parse - read @n bytes; lc_script_free() in any case.
 *
 * LP_EFORMAT  "line N: what"        LP_ELIMIT  more than LC_SCRIPT_MAX        LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_script_parse(struct lc_script *s, const void *p, size_t n,
					   struct lp_err *err);
void lc_script_free(struct lc_script *s);

/* Does @r answer @method of @path at @host, whose head is @head?  Its times are not looked at. */
bool lc_rule_fits(const struct lc_script *s, const struct lc_rule *r, int host,
		  const char *method, const char *path, const char *head);

/* The value of field @name in @head (lines that end in CRLF) to @out; false: it is not there. */
bool lc_head_field(const char *head, const char *name, char *out, size_t room);

#endif
