// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"
#include "cmd/common.h"
#include "mount/watchdog.h"

struct args {
	const char *store;
	uint64_t ready, again;
};

static const struct lp_option table[] = {
	{"store", 0, LP_OPT_TEXT, offsetof(struct args, store), "DIR", "the store it keeps"},
	{"ready", 0, LP_OPT_COUNT, offsetof(struct args, ready), "FD",
	 "say there when it listens, or why it does not"},
	{"again", 0, LP_OPT_COUNT, offsetof(struct args, again), "FD",
	 "take over what a process that became this one held"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull keeper",
	.operands = "",
	.what = "be the keeper of a store; mount and run start it by themselves",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = 0,
};

int lp_cmd_keeper(int argc, char **argv)
{
	LP_AUTO(lp_store_free) struct lp_store store = {.dir = -1};
	struct args a = {0};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	if (lp_store_open(&store, a.store, &err))
		return lp_command_end(&usage, err.code, &err, false);
	return lp_watchdog_run(&store, a.ready ? (int)a.ready : -1, a.again ? (int)a.again : -1);
}
