// SPDX-License-Identifier: MIT
#include "layer/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK 512u	/* of st_blocks: stat(2) */

/* By names, so that a layer's hard links, all of which are in it, sum up to one file. */
static uint64_t bytes_of(const FTSENT *e)
{
	bool counted = e->fts_info != FTS_DP && e->fts_info != FTS_NS && e->fts_statp->st_nlink;
	uint64_t names = S_ISDIR(e->fts_statp->st_mode) ? 1 : e->fts_statp->st_nlink;

	return counted ? (uint64_t)e->fts_statp->st_blocks * BLOCK / names : 0;
}

enum lp_code lp_usage_bytes(const struct lp_store *s, const char *name, uint64_t *bytes,
			    struct lp_err *err)
{
	char path[PATH_MAX];
	char *const roots[] = {path, NULL};
	enum lp_code code = LP_OK;
	const FTSENT *e;
	FTS *walk;

	*bytes = 0;
	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	walk = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
	if (!walk)
		return lp_fail_errno(err, "measure %s", name);
	errno = 0;
	while ((e = fts_read(walk)))
		*bytes += bytes_of(e);
	if (errno)
		code = lp_fail_errno(err, "measure %s", name);
	fts_close(walk);
	return code;
}

void lp_usage_touch(int dir)
{
	/* Without it the image seems less recent than it is: nothing else depends on it. */
	if (dir >= 0)
		(void)futimens(dir, NULL);
}

uint64_t lp_usage_time(const struct lp_store *s, const char *name)
{
	struct stat st;

	if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
}
