// SPDX-License-Identifier: MIT
#include "format/policy.h"

/* policies.inc is one POLICY("id", "choice") line per policy, made by the Makefile. */
#define POLICY(id, choice) {id, choice},
const struct lp_policy lp_policies[] = {
#include "policies.inc"
};
#undef POLICY

const size_t lp_npolicies = sizeof(lp_policies) / sizeof(lp_policies[0]);
