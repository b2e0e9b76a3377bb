/* SPDX-License-Identifier: MIT */
/*
 * file - file descriptors that close themselves, whole reads and writes, mapped files.
 */
#ifndef LP_FILE_H
#define LP_FILE_H

#include "base/buf.h"

/* For LP_AUTO(lp_fd_close) int fd = -1; sets @fd to -1, keeps errno. */
void lp_fd_close(int *fd);

/* Write all @n bytes, at the file's position or at @off.  LP_ESYSTEM. */
LP_MUST_CHECK enum lp_code lp_file_write(int fd, const void *p, size_t n, struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_file_pwrite(int fd, uint64_t off, const void *p, size_t n,
					  struct lp_err *err);

/* Read exactly @n bytes at @off.  LP_ESHORT: the file ends before. */
LP_MUST_CHECK enum lp_code lp_file_pread(int fd, uint64_t off, void *p, size_t n,
					 struct lp_err *err);

LP_MUST_CHECK enum lp_code lp_file_bytes(int fd, uint64_t *bytes, struct lp_err *err);

/*
 * lp_file_load - the whole file @path (relative to @dirfd) into @out.
 *
 * LP_EMISSING  there is none       LP_ELIMIT  it has more than @max bytes
 */
LP_MUST_CHECK enum lp_code lp_file_load(int dirfd, const char *path, size_t max,
					struct lp_buf *out, struct lp_err *err);

/* lp_file_save() without the sync: whoever makes it durable does that later. */
LP_MUST_CHECK enum lp_code lp_file_put(int dirfd, const char *path, const void *p, size_t n,
				       struct lp_err *err);

/*
 * lp_file_save - @n bytes as @path (relative to @dirfd), whole or not at all.
 *
 * Written beside it as ".PATH.tmp", synced, renamed over it.
 */
LP_MUST_CHECK enum lp_code lp_file_save(int dirfd, const char *path, const void *p, size_t n,
					struct lp_err *err);

/* A file mapped read-only.  {0} is empty. */
struct lp_map {
	const uint8_t *p;	/* NULL iff bytes is 0 */
	size_t bytes;
};

LP_MUST_CHECK enum lp_code lp_map_fd(struct lp_map *m, int fd, struct lp_err *err);
void lp_map_free(struct lp_map *m);

#endif
