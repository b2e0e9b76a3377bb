/* SPDX-License-Identifier: MIT */
/*
 * counts - a results file of contests without anybody else, as one row per contest: sums over
 * all rounds, some of which have to be 0.
 */
#ifndef LB_COUNTS_H
#define LB_COUNTS_H

#include "base/json.h"

#include <stdio.h>

/* Is this file of such an experiment? */
bool lb_counts_are(const json_t *lines);

/*
 * lb_counts_make - contest number @i of the session's.
 *
 *	{"contest":...,"n":...,"invalid":...,"count":{...},"zero":{...},"holds":"yes"}
 *
 * "no": something is not 0 that has to be; "not surely": a round was invalid; "not measured":
 * there is no valid one.
 *
 * LP_EMISSING: there are not so many.  LP_ESYSTEM: memory ran out.
 */
LP_MUST_CHECK enum lp_code lb_counts_make(const json_t *lines, size_t i, json_t **out,
					  struct lp_err *err);

/* Markdown; or one JSON object. */
LP_MUST_CHECK enum lp_code lb_counts_table(const json_t *lines, FILE *out, struct lp_err *err);
LP_MUST_CHECK enum lp_code lb_counts_json(const json_t *lines, FILE *out, struct lp_err *err);

#endif
