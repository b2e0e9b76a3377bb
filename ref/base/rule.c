// SPDX-License-Identifier: MIT
#include "base/rule.h"

#include <stdlib.h>
#include <string.h>

/* rules.inc is one RULE("id", "phase") line per clause, sorted, made by the Makefile. */
#define RULE(id, phase) {id, phase},
const struct lp_rule lp_rules[] = {
#include "rules.inc"
};
#undef RULE

const size_t lp_nrules = sizeof(lp_rules) / sizeof(lp_rules[0]);

static int compare(const void *text, const void *row)
{
	return strcmp(text, ((const struct lp_rule *)row)->id);
}

static const struct lp_rule *find(const char *text)
{
	return bsearch(text, lp_rules, lp_nrules, sizeof(lp_rules[0]), compare);
}

const char *lp_rule_find(const char *text)
{
	const struct lp_rule *row = find(text);

	return row ? row->id : NULL;
}

const char *lp_rule_phase(const char *text)
{
	const struct lp_rule *row = find(text);

	return row ? row->phase : NULL;
}
