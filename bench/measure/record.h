/* SPDX-License-Identifier: MIT */
/*
 * record - a results file: JSON lines, appended one by one and synced, never rewritten.
 *
 * The first line has "kind":"session"; the others are what happened.  Integers only, sorted
 * keys: the same values are the same bytes.  A line that a crash cut is left out on reading.
 */
#ifndef LB_RECORD_H
#define LB_RECORD_H

#include "base/json.h"

struct lb_record {
	int fd;			/* -1: not open */
	char path[1024];
};

/* Open for appending; LP_ESYSTEM. */
LP_MUST_CHECK enum lp_code lb_record_open(struct lb_record *r, const char *path,
					  struct lp_err *err);
void lb_record_free(struct lb_record *r);

/* Append @line; it is used up. */
LP_MUST_CHECK enum lp_code lb_record_add(struct lb_record *r, json_t *line, struct lp_err *err);

/*
 * lb_record_load - the lines of @path as an array.
 *
 * LP_EMISSING   LP_EFORMAT: the first line is no session, or a line in the middle is no JSON
 */
LP_MUST_CHECK enum lp_code lb_record_load(const char *path, json_t **out, struct lp_err *err);

/* Members of a line. */
uint64_t lb_number(const json_t *o, const char *key);	/* absent: 0 */
const char *lb_word(const json_t *o, const char *key);	/* absent: "" */
void lb_set_number(json_t *o, const char *key, uint64_t value);
void lb_set_word(json_t *o, const char *key, const char *value);	/* NULL: null */

#endif
