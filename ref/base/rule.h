/* SPDX-License-Identifier: MIT */
/*
 * rule - every clause id of conformance/clauses/, as a sorted table.
 *
 * An error's rule is a static string; one that comes from another process as text is looked
 * up here.  The table is made by the Makefile from the clause files.
 */
#ifndef LP_RULE_H
#define LP_RULE_H

#include <stddef.h>

struct lp_rule {
	const char *id;
	const char *phase;	/* where a reader finds out: "container", "structure", ... */
};

extern const struct lp_rule lp_rules[];	/* sorted bytewise by id */
extern const size_t lp_nrules;

/* The static string that equals @text, or NULL. */
const char *lp_rule_find(const char *text);

/* The phase of the rule @text, or NULL. */
const char *lp_rule_phase(const char *text);

#endif
