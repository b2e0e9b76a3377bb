// SPDX-License-Identifier: MIT
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void lp_fd_close(int *fd)
{
	int keep = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = keep;
}

enum lp_code lp_file_write(int fd, const void *p, size_t n, struct lp_err *err)
{
	const uint8_t *at = p;

	while (n) {
		ssize_t rc = write(fd, at, n);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return lp_fail_errno(err, "write %zu bytes", n);
		at += rc;
		n -= (size_t)rc;
	}
	return LP_OK;
}

enum lp_code lp_file_pwrite(int fd, uint64_t off, const void *p, size_t n, struct lp_err *err)
{
	const uint8_t *at = p;

	while (n) {
		ssize_t rc = pwrite(fd, at, n, (off_t)off);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return lp_fail_errno(err, "write %zu bytes", n);
		at += rc;
		off += (uint64_t)rc;
		n -= (size_t)rc;
	}
	return LP_OK;
}

enum lp_code lp_file_pread(int fd, uint64_t off, void *p, size_t n, struct lp_err *err)
{
	uint8_t *at = p;

	while (n) {
		ssize_t rc = pread(fd, at, n, (off_t)off);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return lp_fail_errno(err, "read %zu bytes", n);
		if (!rc)
			return lp_fail(err, LP_ESHORT, off, NULL, "the file ends, %zu bytes are missing",
				       n);
		at += rc;
		off += (uint64_t)rc;
		n -= (size_t)rc;
	}
	return LP_OK;
}

enum lp_code lp_file_bytes(int fd, uint64_t *bytes, struct lp_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return lp_fail_errno(err, "stat");
	*bytes = (uint64_t)st.st_size;
	return LP_OK;
}

enum lp_code lp_file_load(int dirfd, const char *path, size_t max, struct lp_buf *out,
			  struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	uint64_t bytes = 0;

	out->len = 0;
	if (fd < 0 && errno == ENOENT)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: no such file", path);
	if (fd < 0)
		return lp_fail_errno(err, "open %s", path);
	if (lp_file_bytes(fd, &bytes, err))
		return lp_within(err, "%s", path);
	if (bytes > max)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL,
			       "%s has %llu bytes, the limit is %zu", path,
			       (unsigned long long)bytes, max);
	if (lp_buf_reserve(out, (size_t)bytes, max, err) ||
	    lp_file_pread(fd, 0, out->p, (size_t)bytes, err))
		return lp_within(err, "%s", path);
	out->len = (size_t)bytes;
	return LP_OK;
}

static enum lp_code replace(int dirfd, const char *path, const void *p, size_t n, bool sync,
			    struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path + 1) : 0;
	char tmp[PATH_MAX];

	if (snprintf(tmp, sizeof(tmp), "%.*s.%s.tmp", dir, path, path + dir) >= (int)sizeof(tmp))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "the path %.60s... is too long",
			       path);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return lp_fail_errno(err, "create %s", tmp);
	if (lp_file_write(fd, p, n, err)) {
		unlinkat(dirfd, tmp, 0);
		return lp_within(err, "%s", path);
	}
	if ((sync && fdatasync(fd)) || renameat(dirfd, tmp, dirfd, path)) {
		lp_fail_errno(err, "save %s", path);
		unlinkat(dirfd, tmp, 0);
		return err->code;
	}
	return LP_OK;
}

enum lp_code lp_file_put(int dirfd, const char *path, const void *p, size_t n,
			 struct lp_err *err)
{
	return replace(dirfd, path, p, n, false, err);
}

enum lp_code lp_file_save(int dirfd, const char *path, const void *p, size_t n,
			  struct lp_err *err)
{
	return replace(dirfd, path, p, n, true, err);
}

enum lp_code lp_map_fd(struct lp_map *m, int fd, struct lp_err *err)
{
	uint64_t bytes = 0;
	void *p;

	*m = (struct lp_map){0};
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (!bytes)
		return LP_OK;
	p = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return lp_fail_errno(err, "map %llu bytes", (unsigned long long)bytes);
	*m = (struct lp_map){.p = p, .bytes = (size_t)bytes};
	return LP_OK;
}

void lp_map_free(struct lp_map *m)
{
	union {
		const uint8_t *p;
		void *v;
	} u = {.p = m->p};

	if (m->p)
		munmap(u.v, m->bytes);
	*m = (struct lp_map){0};
}
