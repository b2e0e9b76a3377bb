/* SPDX-License-Identifier: MIT */
/*
 * err - the one way to fail.
 *
 * A function that can fail returns an enum lp_code (0 is success), takes a
 * struct lp_err * as its last parameter, and writes it only when it fails.
 * The struct lives on the caller's stack: nothing to allocate, leak or free.
 *
 * A rule is a clause id of conformance/clauses/ ("estargz.footer.toc-offset"), so that
 * the suite, the error and the source comment name the same thing.
 */
#ifndef LP_ERR_H
#define LP_ERR_H

#include <stdint.h>

enum lp_code {
	LP_OK = 0,
	LP_EUSAGE,	/* the caller asked for something that makes no sense */
	LP_ESYSTEM,	/* the system refused; lp_err.sys holds the errno */
	LP_EREMOTE,	/* a registry refused or failed; lp_err.sys holds its HTTP status, or 0 */
	LP_EMISSING,	/* there is no such image, tag, blob or file */
	LP_ESHORT,	/* the source ended before the bytes we were promised */
	LP_EFORMAT,	/* the bytes break a MUST of their specification */
	LP_EDIGEST,	/* well-formed bytes, but not the ones that were promised */
	LP_EUNSUP,	/* legal, but this implementation does not do it */
	LP_ELIMIT,	/* legal, but larger than a limit we chose */
};

#define LP_NO_OFFSET UINT64_MAX

struct lp_err {
	enum lp_code code;
	int sys;		/* errno, HTTP status, or 0 */
	uint64_t at;		/* byte offset in the blob or document, or LP_NO_OFFSET */
	const char *rule;	/* clause id: static string, or NULL */
	char msg[300];		/* one line, no full stop, no newline */
};

#define LP_MUST_CHECK __attribute__((warn_unused_result))
#define LP_AUTO(free_fn) __attribute__((cleanup(free_fn)))

/* Record a failure and return @code, so that callers can `return lp_fail(...)`. */
__attribute__((format(printf, 5, 6), cold))
enum lp_code lp_fail(struct lp_err *err, enum lp_code code, uint64_t at,
		     const char *rule, const char *fmt, ...);

/* lp_fail(LP_ESYSTEM) with errno's text behind the message: "open /x: No such file". */
__attribute__((format(printf, 2, 3), cold))
enum lp_code lp_fail_errno(struct lp_err *err, const char *fmt, ...);

/* Put "<context>: " in front of the message on the way up; returns err->code. */
__attribute__((format(printf, 2, 3), cold))
enum lp_code lp_within(struct lp_err *err, const char *fmt, ...);

/* "format", "digest", ...: the word used in JSON and in results/. */
const char *lp_code_name(enum lp_code code);

/* The exit status for @code: 0 yes, 1 the answer is no, 2 usage, 3 could not find out. */
int lp_exit_status(enum lp_code code);

#endif
