// SPDX-License-Identifier: MIT
#include "base/rule.h"
#include "testing/test.h"

#include <string.h>

int main(void)
{
	bool sorted = true, found = true;

	for (size_t i = 0; i < lp_nrules; i++) {
		sorted &= !i || strcmp(lp_rules[i - 1], lp_rules[i]) < 0;
		found &= lp_rule_find(lp_rules[i]) == lp_rules[i];
	}
	CHECK(lp_nrules > 0 && sorted, "%zu clause ids, sorted, each once", lp_nrules);
	CHECK(found, "each is found");
	CHECK(!lp_rule_find("no.such.rule") && !lp_rule_find(""), "others are not");
	return test_done();
}
