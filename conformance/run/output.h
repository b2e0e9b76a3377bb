/* SPDX-License-Identifier: MIT */
/*
 * output - results for people and for other programs, one function for each form.
 *
 * The last line of each but junit and jsonl is "N passed, N failed, N skipped".
 */
#ifndef LC_OUTPUT_H
#define LC_OUTPUT_H

#include "run/results.h"

#include <stdio.h>

#define LC_FORMS "text|tap|junit|markdown|jsonl"	/* for LP_OPT_CHOICE */

enum lc_form { LC_TEXT, LC_TAP, LC_JUNIT, LC_MARKDOWN, LC_JSONL };

/* LP_ESYSTEM: it could not be written. */
LP_MUST_CHECK enum lp_code lc_output(const struct lc_results *r, enum lc_form form, FILE *out,
				     struct lp_err *err);

/* "N passed, N failed, N skipped" and a newline. */
void lc_output_sums(const struct lc_results *r, FILE *out);

/* @text for XML and HTML; control characters become "?". */
void lc_output_escaped(const char *text, FILE *out);

/* JUnit XML: an area is a suite, a vector a case. */
void lc_output_junit(const struct lc_results *r, FILE *out);

/* "estargz/footer": the area of a row with its format. */
#define LC_AREA 96
void lc_output_area(const json_t *row, char out[static LC_AREA]);

#endif
