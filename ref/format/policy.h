/* SPDX-License-Identifier: MIT */
/*
 * policy - what we do where specifications leave it open, so that it can be tested.
 *
 * One table for all formats: conformance/clauses/policies.json, from which the Makefile makes
 * this one.  `lazypull formats --policy` prints it.
 */
#ifndef LP_POLICY_H
#define LP_POLICY_H

#include <stddef.h>

struct lp_policy {
	const char *id;
	const char *choice;
};

extern const struct lp_policy lp_policies[];
extern const size_t lp_npolicies;

#endif
