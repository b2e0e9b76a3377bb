// SPDX-License-Identifier: MIT
#include "base/rule.h"

#include <stdlib.h>
#include <string.h>

/* rules.inc is one RULE("id") line per clause, sorted, made by the Makefile. */
#define RULE(id) id,
const char *const lp_rules[] = {
#include "rules.inc"
};
#undef RULE

const size_t lp_nrules = sizeof(lp_rules) / sizeof(lp_rules[0]);

static int compare(const void *text, const void *row)
{
	return strcmp(text, *(const char *const *)row);
}

const char *lp_rule_find(const char *text)
{
	const char *const *row = bsearch(text, lp_rules, lp_nrules, sizeof(lp_rules[0]), compare);

	return row ? *row : NULL;
}
