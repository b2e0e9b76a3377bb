// SPDX-License-Identifier: MIT
#include "measure/cold.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WITNESS_BYTES ((size_t)1 << 20)
#define SYS_CACHESTAT 451		/* Linux 6.5; libc's headers are older */

struct cachestat_range {
	uint64_t off, len;
};

struct cachestat {
	uint64_t cache, dirty, writeback, evicted, recently_evicted;
};

/* The mount point in a line of mountinfo; spaces in it are \040, which our paths have not. */
static bool mount_point(const char *line, char out[static 4096])
{
	return sscanf(line, "%*s %*s %*s %*s %4095s", out) == 1;
}

static bool below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncmp(path, top, n) && (path[n] == '/' || !path[n]);
}

/* Count what is mounted at or below @path, and undo it if @undo. */
static uint64_t walk_mounts(const char *path, bool undo)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, at[4096];
	size_t room = 0;
	uint64_t n = 0;

	while (f && getline(&line, &room, f) > 0) {
		if (!mount_point(line, at) || !below(at, path))
			continue;
		n++;
		if (undo)
			umount2(at, MNT_DETACH);
	}
	free(line);
	if (f)
		fclose(f);
	return n;
}

uint64_t lb_mounts_below(const char *path)
{
	return walk_mounts(path, false);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)at;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

enum lp_code lb_remove_tree(const char *path, struct lp_err *err)
{
	walk_mounts(path, true);
	if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) && errno != ENOENT)
		return lp_fail_errno(err, "remove %s", path);
	return LP_OK;
}

enum lp_code lb_warm_file(const char *path, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char block[65536];
	ssize_t n;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", path);
	do
		n = read(fd, block, sizeof(block));
	while (n > 0);
	return n < 0 ? lp_fail_errno(err, "read %s", path) : LP_OK;
}

enum lp_code lb_count_pages(const char *path, struct lb_pages *out, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct cachestat_range whole = {0, 0};
	struct cachestat got = {0};
	uint64_t bytes, page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (fd < 0)
		return lp_fail_errno(err, "open %s", path);
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (syscall(SYS_CACHESTAT, fd, &whole, &got, 0))
		return lp_fail_errno(err, "cachestat %s (Linux 6.5 has it)", path);
	out->all += (bytes + page - 1) / page;
	out->resident += got.cache;
	return LP_OK;
}

enum lp_code lb_count_entries(const char *path, uint64_t *n, struct lp_err *err)
{
	DIR *d = opendir(path);

	*n = 0;
	if (!d)
		return lp_fail_errno(err, "open %s", path);
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		*n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return LP_OK;
}

enum lp_code lb_drop_caches(struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sync();
	if (fd < 0 || write(fd, "3\n", 2) != 2)
		return lp_fail_errno(err, "drop the page cache (a cold start needs root)");
	return LP_OK;
}

enum lp_code lb_make_witness(const char *path, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	uint64_t bytes;
	char *zeros;
	enum lp_code code = LP_OK;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", path);
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (bytes != WITNESS_BYTES) {
		zeros = calloc(1, WITNESS_BYTES);
		if (!zeros)
			return lp_fail_errno(err, "witness");
		code = lp_file_pwrite(fd, 0, zeros, WITNESS_BYTES, err);
		free(zeros);
	}
	return code ? code : lb_warm_file(path, err);
}

const char *lb_cold_violation(const struct lb_cold *c)
{
	if (c->store_entries)
		return "not cold: the fresh store is not empty";
	if (c->mounts)
		return "not cold: something is mounted in the store";
	if (c->witness.resident)
		return "not cold: the page cache was not dropped";
	if (c->program.resident < c->program.all)
		return "not equal: the programs are not in memory";
	if (c->blob.resident < c->blob.all)
		return "not equal: the registry's blobs are not in memory";
	return NULL;
}
