// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"
#include "cmd/run.h"

static const struct lp_option table[] = {
	{"out", 'o', LP_OPT_TEXT, offsetof(struct lp_run_args, out), "LIST",
	 "where the list goes: one path a line, in the order of the first read"},
	LP_COMMON_OPTIONS(struct lp_run_args),
	LP_ROOTFS_OPTIONS(struct lp_run_args),
	LP_RUN_OPTIONS(struct lp_run_args),
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull record",
	.operands = "IMAGE [COMMAND [ARG...]]",
	.what = "run a command in a new container and list what it reads, for --prefetch-list",
	.table = table,
	.order = LP_OPT_STOP,
	.least = 1,
	.most = -1,
};

int lp_cmd_record(int argc, char **argv)
{
	struct lp_run_args a = {.rootfs = LP_ROOTFS_DEFAULTS};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status ? LP_RUN_FAILED : 0;
	if (!a.out)
		lp_fail(&err, LP_EUSAGE, LP_NO_OFFSET, NULL, "-o LIST is missing");
	else if (!lp_run(&a, argv + operand, (size_t)(argc - operand), &status, &err))
		return status;
	lp_log_failure(usage.program, &err, a.common.json);
	return a.out ? status : LP_RUN_FAILED;
}
