// SPDX-License-Identifier: MIT
#include "experiment/damage.h"

#include "base/file.h"
#include "experiment/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EVERY_BYTES ((uint64_t)64 << 10)
#define RUN "/run/lazypull/*"	/* root's run directories: design.md 4 */

static enum lp_code flip(int fd, uint64_t off, struct lp_err *err)
{
	uint8_t byte;

	if (lp_file_pread(fd, off, &byte, 1, err))
		return err->code;
	byte ^= 1;
	return lp_file_pwrite(fd, off, &byte, 1, err);
}

static enum lp_code change_data(const char *path, size_t i, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
	uint64_t bytes;

	(void)i;
	if (fd < 0)
		return lp_fail_errno(err, "open %s", path);
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	for (uint64_t off = EVERY_BYTES / 2; off < bytes; off += EVERY_BYTES)
		if (flip(fd, off, err))
			return err->code;
	return fsync(fd) ? lp_fail_errno(err, "sync %s", path) : LP_OK;
}

static enum lp_code tear_record(const char *path, size_t i, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
	uint64_t bytes;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", path);
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (i % 2 && ftruncate(fd, (off_t)(bytes / 2)))
		return lp_fail_errno(err, "cut %s", path);
	return i % 2 ? LP_OK : flip(fd, bytes / 2, err);
}

static enum lp_code remove_map(const char *path, size_t i, struct lp_err *err)
{
	(void)i;
	return unlink(path) ? lp_fail_errno(err, "remove %s", path) : LP_OK;
}

/* Do it to all that match. */
static enum lp_code each(const char *pattern,
			 enum lp_code (*change)(const char *path, size_t i, struct lp_err *err),
			 struct lp_err *err)
{
	glob_t found = {0};
	enum lp_code code = LP_OK;

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && !code; i++)
			code = change(found.gl_pathv[i], i, err);
	globfree(&found);
	return code;
}

/* A run directory's link leads to its store. */
static enum lp_code forget_if_of(const char *run, const char *store, struct lp_err *err)
{
	char link[LB_PATH], target[LB_PATH], live[LB_PATH];
	ssize_t n;

	lb_path(link, "%.1000s/store", run);
	n = readlink(link, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (strcmp(target, store) != 0)
		return LP_OK;
	lb_path(live, "%.1000s/live.*", run);
	return each(live, remove_map, err);
}

static enum lp_code start_again(const char *store, struct lp_err *err)
{
	glob_t run = {0};
	enum lp_code code = LP_OK;

	if (!glob(RUN, 0, NULL, &run))
		for (size_t i = 0; i < run.gl_pathc && !code; i++)
			code = forget_if_of(run.gl_pathv[i], store, err);
	globfree(&run);
	return code;
}

enum lp_code lb_damage_data(const char *store, struct lp_err *err)
{
	char pattern[LB_PATH];

	lb_path(pattern, "%.1000s/devices/*/data", store);
	return each(pattern, change_data, err);
}

enum lp_code lb_damage_records(const char *store, struct lp_err *err)
{
	char pattern[LB_PATH];

	lb_path(pattern, "%.1000s/devices/*/ready", store);
	if (start_again(store, err))
		return err->code;
	return each(pattern, tear_record, err);
}
