// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/session.h"

#include <unistd.h>

struct args {
	struct lp_common common;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull cat",
	.operands = "IMAGE PATH...",
	.what = "print files of an image, fetching and verifying only what they need",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 2,
	.most = -1,
};

static enum lp_code print(struct lp_filler *f, const char *name, struct lp_err *err)
{
	struct lp_erofs_inode inode;
	char path[LP_PATH_MAX];
	uint8_t buf[65536];
	size_t got;

	if (lp_path_clean(name, path, err) ||
	    lp_erofs_path(&f->local.tree, path, &inode, err))
		return err->code;
	if (!S_ISREG(inode.mode))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "not a regular file");
	for (uint64_t off = 0; off < inode.size; off += got)
		if (lp_filler_read(f, &inode, off, buf, sizeof(buf), &got, err) ||
		    lp_file_write(STDOUT_FILENO, buf, got, err))
			return err->code;
	return LP_OK;
}

static enum lp_code cat(const struct args *a, int n, char **name, struct lp_err *err)
{
	LP_AUTO(lp_session_free) struct lp_session s = LP_SESSION_EMPTY;

	if (lp_session_open(&s, &a->common, name[0], err))
		return err->code;
	for (int i = 1; i < n; i++)
		if (print(&s.filler, name[i], err))
			return lp_within(err, "%s", name[i]);
	return LP_OK;
}

int lp_cmd_cat(int argc, char **argv)
{
	struct args a = {.common = {.store = NULL}};
	struct lp_err err = {0};
	int operand, status;
	enum lp_code rc;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	rc = cat(&a, argc - operand, argv + operand, &err);
	return lp_command_end(&usage, rc, &err, a.common.json);
}
