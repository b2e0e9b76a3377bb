// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/transfer.h"

#include <fcntl.h>

struct args {
	struct lp_common common;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull push",
	.operands = "SOURCE DESTINATION",
	.what = "copy an image to a registry or a layout, byte for byte",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 2,
	.most = 2,
};

static enum lp_code push(const struct args *a, char **name, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int tmp = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct lp_convert_options o = {.tmp = tmp};

	if (tmp < 0)
		return lp_fail_errno(err, "/var/tmp");
	return lp_transfer(&a->common, name[0], name[1], &o, err);
}

int lp_cmd_push(int argc, char **argv)
{
	struct args a = {.common = {.store = NULL}};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_command_end(&usage, push(&a, argv + operand, &err), &err, a.common.json);
}
