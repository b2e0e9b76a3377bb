// SPDX-License-Identifier: MIT
#include "experiment/disk.h"

#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX ((size_t)1 << 16)

static enum lp_code make_file(const char *path, uint64_t bytes, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return lp_fail_errno(err, "%s", path);
	return LP_OK;
}

static enum lp_code make_file_system(const char *path, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	struct lb_args a = {.n = 0};

	lb_args_add(&a, "mkfs.ext4");
	lb_args_add(&a, "-q");
	lb_args_add(&a, "-F");
	lb_args_add(&a, "-m0");
	lb_args_add(&a, "%s", path);
	return lb_capture(&a, WORDS_MAX, &said, NULL, err);
}

static enum lp_code mount_file(const struct lb_disk *d, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	struct lb_args a = {.n = 0};

	lb_args_add(&a, "mount");
	lb_args_add(&a, "-o");
	lb_args_add(&a, "loop");
	lb_args_add(&a, "%s", d->file);
	lb_args_add(&a, "%s", d->at);
	return lb_capture(&a, WORDS_MAX, &said, NULL, err);
}

enum lp_code lb_disk_make(struct lb_disk *d, const char *directory, uint64_t bytes,
			  struct lp_err *err)
{
	lb_path(d->file, "%s/disk", directory);
	lb_path(d->at, "%s/at", directory);
	if (make_file(d->file, bytes, err) || lb_make_directory(d->at, err) ||
	    make_file_system(d->file, err) || mount_file(d, err)) {
		unlink(d->file);
		*d = (struct lb_disk){0};
		return err->code;
	}
	return LP_OK;
}

enum lp_code lb_disk_fill(const struct lb_disk *d, uint64_t spare, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	char path[LB_PATH];
	struct statvfs s;
	uint64_t free_bytes;

	lb_path(path, "%.1000s/ballast", d->at);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || statvfs(d->at, &s))
		return lp_fail_errno(err, "%s", path);
	free_bytes = (uint64_t)s.f_bfree * s.f_frsize;
	if (free_bytes > spare && fallocate(fd, 0, 0, (off_t)(free_bytes - spare)))
		return lp_fail_errno(err, "fill %s", path);
	return LP_OK;
}

enum lp_code lb_disk_relieve(const struct lb_disk *d, struct lp_err *err)
{
	char path[LB_PATH];

	lb_path(path, "%.1000s/ballast", d->at);
	return unlink(path) ? lp_fail_errno(err, "remove %s", path) : LP_OK;
}

bool lb_disk_free(struct lb_disk *d, uint64_t patience_ms)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	uint64_t end_ns = lp_now_ns() + patience_ms * 1000000;
	bool busy;

	if (!*d->at)
		return false;
	while ((busy = umount2(d->at, UMOUNT_NOFOLLOW)) && lp_now_ns() < end_ns)
		nanosleep(&ms, NULL);
	if (busy)
		umount2(d->at, MNT_DETACH | UMOUNT_NOFOLLOW);
	rmdir(d->at);
	unlink(d->file);
	*d = (struct lb_disk){0};
	return busy;
}
