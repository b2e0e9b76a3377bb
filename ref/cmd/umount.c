// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"
#include "cmd/common.h"

#include "layer/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define SOURCE "lazypull:"
#define TREE "/" LP_STORE_LINK "/images/"	/* in the source of a mount of the kernel */

struct args {
	bool lazy, json;
};

static const struct lp_option table[] = {
	{"lazy", 'l', LP_OPT_FLAG, offsetof(struct args, lazy), NULL,
	 "also while it is in use: gone at once, ended when nobody uses it"},
	{"json", 0, LP_OPT_FLAG, offsetof(struct args, json), NULL, "errors as JSON"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull umount",
	.operands = "DIR",
	.what = "unmount an image",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 1,
	.most = 1,
};

/* In place: "\040" and its kin, proc(5), mountinfo. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned value;

		if (sscanf(s, "\\%3o", &value) == 1) {
			*to++ = (char)value;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* "TYPE SOURCE ..." */
static bool is_our_source(const char *s)
{
	const char *source = strchr(s, ' ');

	if (!source)
		return false;
	if (!strncmp(s, "erofs ", 6))
		return strstr(source, TREE) != NULL;
	return !strncmp(source + 1, SOURCE, strlen(SOURCE));
}

/* Does the topmost mount at @dir come from us?  "ID PARENT DEV ROOT AT OPTIONS... - TYPE SOURCE" */
static enum lp_code is_ours(const char *dir, bool *ours, struct lp_err *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;

	*ours = false;
	if (!f)
		return lp_fail_errno(err, "open /proc/self/mountinfo");
	while (getline(&line, &room, f) > 0) {
		char *rest = line, *at = NULL, *source = strstr(line, " - ");

		for (int i = 0; i < 5; i++)
			at = strsep(&rest, " ");
		if (!source || !at)
			continue;
		unescape(at);
		if (strcmp(at, dir) != 0)
			continue;
		*ours = is_our_source(source + 3);
	}
	free(line);
	fclose(f);
	return LP_OK;
}

static enum lp_code unmount(const char *dir, bool lazy, struct lp_err *err)
{
	bool ours = false;

	if (is_ours(dir, &ours, err))
		return err->code;
	if (!ours)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
			       "%.200s is no mount of lazypull", dir);
	if (umount2(dir, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)))
		return lp_fail_errno(err, "unmount %.200s", dir);
	return LP_OK;
}

int lp_cmd_umount(int argc, char **argv)
{
	struct args a = {.lazy = false};
	struct lp_err err = {0};
	enum lp_code code;
	int operand, status;
	char *dir;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	dir = realpath(argv[operand], NULL);
	code = dir ? unmount(dir, a.lazy, &err) : lp_fail_errno(&err, "%.200s", argv[operand]);
	free(dir);
	return lp_command_end(&usage, code, &err, a.json);
}
