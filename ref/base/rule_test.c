// SPDX-License-Identifier: MIT
#include "base/rule.h"
#include "testing/test.h"

#include <string.h>

int main(void)
{
	bool sorted = true, found = true, phase = true;

	for (size_t i = 0; i < lp_nrules; i++) {
		const char *id = lp_rules[i].id;

		sorted &= !i || strcmp(lp_rules[i - 1].id, id) < 0;
		found &= lp_rule_find(id) == id;
		phase &= lp_rule_phase(id) == lp_rules[i].phase && *lp_rules[i].phase;
	}
	CHECK(lp_nrules > 0 && sorted, "%zu clause ids, sorted, each once", lp_nrules);
	CHECK(found, "each is found");
	CHECK(phase && !strcmp(lp_rule_phase("oci.layer.whiteout"), "apply"), "each has a phase");
	CHECK(!lp_rule_phase("no.such.rule"), "others have none");
	CHECK(!lp_rule_find("no.such.rule") && !lp_rule_find(""), "others are not");
	return test_done();
}
