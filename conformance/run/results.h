/* SPDX-License-Identifier: MIT */
/*
 * results - a run as JSON lines: a header, a row per vector sorted by id, a summary.
 *
 *	{"schema": "lazyconf-results/1", "suite": {...}, "adapter", "hello", "host", "seed", ...}
 *	{"id", "class", "observed", "unexpected", "declared", "expect", "outcome", "phase", "code",
 *	 "late", "other_code", "format", "area", "level", "title", "file", "clauses", "why", "us"}
 *	{"summary": {"passed", "failed", "skipped", "vectors_per_s", "class": {"pass": N, ...}}}
 *
 * observed is the class before the gate file was read; declared: unsupported, as hello says.
 */
#ifndef LC_RESULTS_H
#define LC_RESULTS_H

#include "base/json.h"
#include "run/class.h"

#define LC_RESULTS_SCHEMA "lazyconf-results/1"
#define LC_RESULTS_MAX ((size_t)64 << 20)	/* bytes of a file, ours */

struct lc_results {
	json_t *header;
	json_t *rows;		/* array */
	double vectors_per_s;	/* 0: unknown */
};

struct lc_counts {
	size_t passed, failed, skipped;
	size_t class[LC_NCLASS];
	size_t late, other_code;
};

/* LP_EMISSING LP_EFORMAT LP_ESYSTEM */
LP_MUST_CHECK enum lp_code lc_results_load(struct lc_results *r, const char *path,
					   struct lp_err *err);

/* The whole file's text, appended to @out. */
LP_MUST_CHECK enum lp_code lc_results_print(const struct lc_results *r, struct lp_buf *out,
					    struct lp_err *err);
void lc_results_free(struct lc_results *r);

void lc_results_count(const struct lc_results *r, struct lc_counts *out);

/* Member @key of a row: a text, or "". */
const char *lc_row_text(const json_t *row, const char *key);
bool lc_row_true(const json_t *row, const char *key);
enum lc_class lc_row_class(const json_t *row, const char *key);

/*
 * Is a row of this class a difference, when no gate file says what to expect?
 *
 * @strict  SHOULD counts as MUST
 */
bool lc_row_unexpected(const json_t *row, bool strict);

#endif
