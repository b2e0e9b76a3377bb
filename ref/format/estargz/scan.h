/* SPDX-License-Identifier: MIT */
/*
 * scan - pull JSON apart, in place, one token at a time.
 *
 * The caller knows what must come next and asks for it: no tree, no copies, no allocation.
 * Strings are unescaped and ended with a NUL inside the document itself, which an escape
 * never makes longer; so a string is good as long as the document is.
 *
 * Strict: RFC 8259 and nothing beside it, valid UTF-8, whole escaped surrogate pairs, no NUL
 * in strings, integers only (no fraction, no exponent, 64 bits), depth at most LP_JSON_DEPTH,
 * nothing but white space behind the value.
 *
 * err->at is the byte in the document.
 */
#ifndef LP_SCAN_H
#define LP_SCAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LP_SCAN_SLACK 8		/* bytes of room behind the document: loops need no bounds */

struct lp_scan {
	char *start, *at, *end;
	char *kept;		/* what is before it was given back */
	uint32_t depth;
	bool fresh;		/* the innermost object or array has no member yet */
};

struct lp_scan_text {
	char *p;		/* NUL-terminated, inside the document; NULL: absent */
	size_t bytes;
};

/* Begin at the first of @n bytes at @p, which is written to, as is the slack behind it. */
void lp_scan_open(struct lp_scan *s, char *p, size_t n);

/*
 * Give the memory before the byte @upto of the document back to the system: nothing there is
 * read any more.  Only for memory of malloc() or an anonymous mapping.
 */
void lp_scan_forget(struct lp_scan *s, uint64_t upto);

/* Where the next token begins. */
uint64_t lp_scan_at(struct lp_scan *s);

/* The start of an object ('{') or array ('[').  LP_EFORMAT estargz.json.type, .depth */
LP_MUST_CHECK enum lp_code lp_scan_enter(struct lp_scan *s, char bracket, struct lp_err *err);

/*
 * lp_scan_key - the next key of the object, and its colon.
 *
 * @more  out: false behind the last one; then the object is left
 */
LP_MUST_CHECK enum lp_code lp_scan_key(struct lp_scan *s, struct lp_scan_text *key, bool *more,
				       struct lp_err *err);

/* Is there another element of the array?  If not, the array is left. */
LP_MUST_CHECK enum lp_code lp_scan_item(struct lp_scan *s, bool *more, struct lp_err *err);

/* LP_EFORMAT  estargz.json.type: another kind of value, .utf8, .escape, .syntax */
LP_MUST_CHECK enum lp_code lp_scan_string(struct lp_scan *s, struct lp_scan_text *out,
					  struct lp_err *err);

/* LP_EFORMAT  estargz.json.integer: a fraction, an exponent, above 64 bits, no number */
LP_MUST_CHECK enum lp_code lp_scan_integer(struct lp_scan *s, int64_t *out, struct lp_err *err);

/* Take "null" if it comes next. */
bool lp_scan_null(struct lp_scan *s);

/* Any value, checked but dropped. */
LP_MUST_CHECK enum lp_code lp_scan_skip(struct lp_scan *s, struct lp_err *err);

/* The end of the document.  LP_EFORMAT estargz.json.trailing */
LP_MUST_CHECK enum lp_code lp_scan_end(struct lp_scan *s, struct lp_err *err);

#endif
