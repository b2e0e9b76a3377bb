/* SPDX-License-Identifier: MIT */
/*
 * matrix - several results side by side: implementations x areas.
 */
#ifndef LC_MATRIX_H
#define LC_MATRIX_H

#include "run/output.h"

/* What became of the vectors of an area, or of another part of one run. */
struct lc_tally {
	size_t asked;		/* all but what hello does not declare */
	size_t declined;
	size_t class[LC_NCLASS];	/* of those asked */
	size_t must, must_passed, should, should_passed;
	size_t unexpected;
};

struct lc_matrix {
	struct lc_results *run;		/* [n], one per implementation */
	size_t n;
	char (*area)[LC_AREA];		/* [nareas], sorted */
	size_t nareas;
};

/* LP_EMISSING LP_EFORMAT LP_ESYSTEM */
LP_MUST_CHECK enum lp_code lc_matrix_load(struct lc_matrix *m, char *const *path, size_t n,
					  struct lp_err *err);
void lc_matrix_free(struct lc_matrix *m);

/* The rows of @r whose area is @area (NULL: any) and whose format is @format (NULL: any). */
struct lc_tally lc_tally_of(const struct lc_results *r, const char *area, const char *format);

/* "good", "known", "bad" or "none": the state that colours show. */
const char *lc_tally_state(const struct lc_tally *t);

/* "name version" of an implementation; @room bytes. */
void lc_matrix_name(const struct lc_results *r, char *out, size_t room);

void lc_matrix_markdown(const struct lc_matrix *m, FILE *out);
void lc_matrix_html(const struct lc_matrix *m, FILE *out);

/*
 * lc_badges - DIR/ADAPTER.json and DIR/ADAPTER-FORMAT.json: shields endpoints.
 *
 * LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_badges(const struct lc_matrix *m, const char *dir,
				     struct lp_err *err);

#endif
