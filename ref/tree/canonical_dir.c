// SPDX-License-Identifier: MIT
#include "tree/canonical.h"
#include "tree/canonical_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define XATTRS_BYTES 65536	/* Linux: of a list of names, and of a value */
#define READ_BYTES 65536

/* Handles are file descriptors. */
struct dir_source {
	struct lp_canonical_source source;
	bool digests;
	char target[LP_SYMLINK_MAX + 2];
	char names[XATTRS_BYTES];
	uint8_t bytes[XATTRS_BYTES];	/* a value, or a part of a file */
};

_Static_assert(READ_BYTES <= XATTRS_BYTES, "one buffer serves both");

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static enum lp_code list(struct lp_canonical_source *s, uint64_t handle,
			 struct lp_canonical_walk *w, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat((int)handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	LP_AUTO(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	(void)s;
	if (!d)
		return lp_fail_errno(err, "open a directory");
	fd = -1; /* it is the DIR's now */
	for (errno = 0; (e = readdir(d)); errno = 0) {
		bool directory = e->d_type == DT_DIR;
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (e->d_type == DT_UNKNOWN) {
			if (fstatat((int)handle, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
				return lp_fail_errno(err, "stat %s", e->d_name);
			directory = S_ISDIR(st.st_mode);
		}
		if (lp_canonical_name(w, e->d_name, strlen(e->d_name), 0, directory, err))
			return err->code;
	}
	return errno ? lp_fail_errno(err, "read a directory") : LP_OK;
}

static enum lp_code take_xattrs(struct dir_source *s, int dir, const char *name,
				struct lp_canonical_walk *w, struct lp_err *err)
{
	char path[64 + LP_NAME_MAX];
	ssize_t all;

	/* the l*xattr() calls take paths only: one that nobody can redirect */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, *name ? name : ".");
	all = llistxattr(path, s->names, sizeof(s->names));
	if (all < 0 && errno != ENOTSUP)
		return lp_fail_errno(err, "list xattrs");
	for (ssize_t at = 0; at < all; at += (ssize_t)strlen(s->names + at) + 1) {
		ssize_t n = lgetxattr(path, s->names + at, s->bytes, sizeof(s->bytes));

		if (n < 0)
			return lp_fail_errno(err, "xattr %s", s->names + at);
		if (lp_canonical_line_xattr(&w->line, s->names + at, s->bytes, (size_t)n, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code read_digest(struct dir_source *s, int dir, const char *name,
				struct lp_digest *out, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	LP_AUTO(lp_hash_free) struct lp_hash h = {0};
	ssize_t n = 1;

	if (fd < 0)
		return lp_fail_errno(err, "open");
	if (lp_hash_begin(&h, LP_SHA256, err))
		return err->code;
	while (n) {
		n = read(fd, s->bytes, READ_BYTES);
		if (n < 0 && errno != EINTR)
			return lp_fail_errno(err, "read");
		if (n > 0)
			lp_hash_add(&h, s->bytes, (size_t)n);
	}
	lp_hash_end(&h, out);
	return LP_OK;
}

static enum lp_code take_data(struct dir_source *s, int dir, const char *name,
			      struct lp_canonical_walk *w, struct lp_err *err)
{
	ssize_t n;

	if (S_ISREG(w->line.e.mode) && s->digests && !w->line.first)
		return read_digest(s, dir, name, &w->line.digest, err);
	if (!S_ISLNK(w->line.e.mode))
		return LP_OK;
	n = readlinkat(dir, name, s->target, sizeof(s->target));
	if (n < 0)
		return lp_fail_errno(err, "read a symlink");
	if (n > LP_SYMLINK_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.symlink",
			       "a symlink target of more than %d bytes", LP_SYMLINK_MAX);
	s->target[n] = '\0';
	w->line.e.link = s->target;
	return LP_OK;
}

static enum lp_code describe(struct lp_canonical_source *source, uint64_t handle,
			     const char *name, uint64_t id, struct lp_canonical_walk *w,
			     struct lp_err *err)
{
	struct dir_source *s = (struct dir_source *)source;
	struct lp_entry *e = &w->line.e;
	int dir = (int)handle;
	struct stat st;

	(void)id;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)))
		return lp_fail_errno(err, "stat");
	e->mode = st.st_mode;
	e->uid = st.st_uid;
	e->gid = st.st_gid;
	e->size = (uint64_t)st.st_size;
	e->mtime = st.st_mtim.tv_sec;
	e->mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		e->major = major(st.st_rdev);
		e->minor = minor(st.st_rdev);
	}
	if (S_ISCHR(st.st_mode) && !st.st_rdev)
		e->kind = LP_ENTRY_WHITEOUT;
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 &&
	    lp_canonical_first(w, st.st_dev, st.st_ino, err))
		return err->code;
	if (take_xattrs(s, dir, name, w, err))
		return err->code;
	return take_data(s, dir, name, w, err);
}

static enum lp_code enter(struct lp_canonical_source *s, uint64_t handle, const char *name,
			  uint64_t id, uint64_t *child, struct lp_err *err)
{
	int fd = openat((int)handle, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	(void)s;
	(void)id;
	if (fd < 0)
		return lp_fail_errno(err, "open");
	*child = (uint64_t)fd;
	return LP_OK;
}

static void leave(struct lp_canonical_source *s, uint64_t handle)
{
	int fd = (int)handle;

	(void)s;
	lp_fd_close(&fd);
}

enum lp_code lp_canonical_dir(int dir, bool digests, struct lp_writer *out, struct lp_err *err)
{
	struct dir_source s = {.source = {list, describe, enter, leave}, .digests = digests};
	uint64_t root = 0;

	if (enter(&s.source, (uint64_t)dir, ".", 0, &root, err))
		return err->code;
	return lp_canonical_walk(&s.source, root, out, err);
}
