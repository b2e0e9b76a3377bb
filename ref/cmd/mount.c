// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"
#include "cmd/rootfs.h"

#include <stdlib.h>

struct args {
	struct lp_common common;
	struct lp_rootfs_args rootfs;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	LP_ROOTFS_OPTIONS(struct args),
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull mount",
	.operands = "IMAGE DIR",
	.what = "mount an image, read-only; the store's keeper goes on serving it",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 2,
	.most = 2,
};

static enum lp_code mount_at(const struct args *a, const char *name, const char *dir,
			     struct lp_err *err)
{
	LP_AUTO(lp_rootfs_free) struct lp_rootfs r = LP_ROOTFS_EMPTY;

	if (lp_rootfs_open(&r, &a->common, &a->rootfs, name, dir, -1, err) ||
	    lp_rootfs_attach(&r, dir, err))
		return err->code;
	lp_event(&r.events, "rootfs");
	if (r.mode == LP_MODE_EXTRACT)
		lp_event(&r.events, "local");
	return LP_OK;
}

int lp_cmd_mount(int argc, char **argv)
{
	struct args a = {.rootfs = LP_ROOTFS_DEFAULTS};
	struct lp_err err = {0};
	enum lp_code code;
	int operand, status;
	char *dir;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	dir = realpath(argv[operand + 1], NULL);
	code = dir ? mount_at(&a, argv[operand], dir, &err)
		   : lp_fail_errno(&err, "%.200s", argv[operand + 1]);
	free(dir);
	return lp_command_end(&usage, code, &err, a.common.json);
}
