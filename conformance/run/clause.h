/* SPDX-License-Identifier: MIT */
/*
 * clause - the registry of what must hold: clauses/FAMILY.json, one table sorted by id.
 */
#ifndef LC_CLAUSE_H
#define LC_CLAUSE_H

#include "base/json.h"

#include <limits.h>
#include <stdbool.h>

struct lc_clause {
	const char *id, *level;	/* borrowed from the file's JSON, as what follows */
	const char *phase;	/* or NULL: no reader ever finds out */
	const char *role;	/* or NULL: the reader's */
	const char *only;	/* "accept": nothing breaks it; or NULL */
	const char *untestable;		/* why no vector can show it, or NULL */
};

struct lc_clauses {
	struct lc_clause *v;	/* sorted by id */
	size_t n;
	json_t *files;		/* {"tar.json": [...], ...}: what was read */
	char dir[PATH_MAX];	/* from there */
};

/*
 * lc_clauses_load - every FILE.json of @dir but policies.json.  No such directory: no clauses.
 *
 * LP_EFORMAT  no JSON, no array of objects with id and level; the rest is lc_lint's
 */
LP_MUST_CHECK enum lp_code lc_clauses_load(struct lc_clauses *c, const char *dir,
					   struct lp_err *err);
void lc_clauses_free(struct lc_clauses *c);

/* A MUST or MUST NOT; a SHOULD or SHOULD NOT. */
bool lc_clause_must(const struct lc_clause *c);
bool lc_clause_should(const struct lc_clause *c);

/* Or NULL. */
const struct lc_clause *lc_clause_find(const struct lc_clauses *c, const char *id);

#endif
