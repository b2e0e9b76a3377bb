// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "format/format.h"
#include "format/policy.h"

#include <stdio.h>

struct args {
	bool json, policy;
};

static const struct lp_option table[] = {
	{"json", 0, LP_OPT_FLAG, offsetof(struct args, json), NULL, "as JSON"},
	{"policy", 0, LP_OPT_FLAG, offsetof(struct args, policy), NULL,
	 "what is done where specifications leave it open"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull formats",
	.operands = "",
	.what = "list the image formats of this build",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = 0,
};

static void print_formats(bool json)
{
	for (size_t i = 0; lp_formats[i]; i++)
		printf(json ? "{\"name\":\"%s\",\"specification\":\"%s\"}\n" : "%-10s %s\n",
		       lp_formats[i]->name, lp_formats[i]->spec);
}

static void print_policies(bool json)
{
	for (size_t i = 0; i < lp_npolicies; i++)
		printf(json ? "{\"policy\":\"%s\",\"choice\":\"%s\"}\n" : "%-28s %s\n",
		       lp_policies[i].id, lp_policies[i].choice);
}

int lp_cmd_formats(int argc, char **argv)
{
	struct args a = {.json = false};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	if (a.policy)
		print_policies(a.json);
	else
		print_formats(a.json);
	return 0;
}
