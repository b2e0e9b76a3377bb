// SPDX-License-Identifier: MIT
#include "run/box.h"

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
#include <unistd.h>

#define SHOWN_MAX 4096		/* bytes of a file that the digest sees: ours are smaller */
#define DEPTH_MAX 8		/* of what we made, and some more */

static const char *const places[] = {"dest", "home", "tmp", "cwd"};
#define NPLACES (sizeof(places) / sizeof(places[0]))

static enum lp_code make_dir(int at, const char *name, struct lp_err *err)
{
	if (mkdirat(at, name, 0755))
		return lp_fail_errno(err, "mkdir %s", name);
	return LP_OK;
}

static enum lp_code put(int at, const char *name, const void *p, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
					     O_NOFOLLOW, 0644);

	if (fd < 0)
		return lp_fail_errno(err, "create %s", name);
	return lp_file_write(fd, p, n, err);
}

static enum lp_code make_canary(int at, struct lp_err *err)
{
	static const char text[] = "nobody may change this\n";

	if (make_dir(at, "canary", err) || make_dir(at, "canary/dir", err) ||
	    put(at, "canary/file", text, sizeof(text) - 1, err) ||
	    put(at, "canary/dir/file", text, sizeof(text) - 1, err))
		return err->code;
	if (symlinkat("file", at, "canary/link"))
		return lp_fail_errno(err, "symlink canary/link");
	return LP_OK;
}

static bool allowed(const char *name)
{
	for (size_t i = 0; i < NPLACES; i++)
		if (!strcmp(name, places[i]))
			return true;
	return false;
}

static enum lp_code add_content(struct lp_hash *h, int at, const char *name, mode_t mode,
				struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	char some[SHOWN_MAX];
	ssize_t n = 0;

	if (S_ISLNK(mode)) {
		n = readlinkat(at, name, some, sizeof(some));
	} else if (S_ISREG(mode)) {
		fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		n = fd < 0 ? -1 : read(fd, some, sizeof(some));
	}
	if (n < 0)
		return lp_fail_errno(err, "read %s", name);
	lp_hash_add(h, some, (size_t)n);
	return LP_OK;
}

static enum lp_code add_dir(struct lp_hash *h, int at, const char *name, int depth,
			    struct lp_err *err);

/* What is @name in @at, and what is below it.  Times of the places themselves may change. */
static enum lp_code add_one(struct lp_hash *h, int at, const char *name, int depth,
			    struct lp_err *err)
{
	bool place = depth == 1 && allowed(name);
	struct stat st;
	char line[512];

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		return lp_fail_errno(err, "stat %s", name);
	if (place)
		st = (struct stat){.st_mode = st.st_mode & S_IFMT};
	snprintf(line, sizeof(line), "%d %s %o %u:%u %lu %ju %jd.%ld\n", depth, name, st.st_mode,
		 st.st_uid, st.st_gid, (unsigned long)st.st_nlink * !S_ISDIR(st.st_mode),
		 (uintmax_t)(S_ISDIR(st.st_mode) ? 0 : st.st_size), (intmax_t)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec);
	lp_hash_add(h, line, strlen(line));
	if (place)
		return LP_OK;
	if (S_ISDIR(st.st_mode))
		return add_dir(h, at, name, depth, err);
	return add_content(h, at, name, st.st_mode, err);
}

struct listing {
	struct dirent **entry;
	int n;
};

static void free_listing(struct listing *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->entry[i]);
	free(l->entry);
}

static enum lp_code add_dir(struct lp_hash *h, int at, const char *name, int depth,
			    struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
					     O_NOFOLLOW);
	LP_AUTO(free_listing) struct listing l = {0};

	if (fd < 0)
		return lp_fail_errno(err, "open %s", name);
	l.n = depth < DEPTH_MAX ? scandirat(fd, ".", &l.entry, NULL, alphasort) : 0;
	if (l.n < 0)
		return lp_fail_errno(err, "read directory %s", name);
	for (int i = 0; i < l.n; i++)
		if (strcmp(l.entry[i]->d_name, ".") && strcmp(l.entry[i]->d_name, "..") &&
		    add_one(h, fd, l.entry[i]->d_name, depth + 1, err))
			return err->code;
	return LP_OK;
}

/* The digest of everything in the box but what is below the places. */
static enum lp_code look(const struct lc_box *b, struct lp_digest *out, struct lp_err *err)
{
	LP_AUTO(lp_hash_free) struct lp_hash h = {0};

	if (lp_hash_begin(&h, LP_SHA256, err) || add_dir(&h, AT_FDCWD, b->dir, 0, err))
		return err->code;
	lp_hash_end(&h, out);
	return LP_OK;
}

enum lp_code lc_box_make(struct lc_box *b, const char *dir, const struct gen_vector *v,
			 struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int at = -1;
	char name[NAME_MAX + 1];

	snprintf(b->dir, sizeof(b->dir), "%s", dir);
	if (make_dir(AT_FDCWD, dir, err))
		return err->code;
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return lp_fail_errno(err, "open %s", dir);
	if (make_dir(at, "in", err) || make_canary(at, err))
		return err->code;
	for (size_t i = 0; i < NPLACES; i++)
		if (make_dir(at, places[i], err))
			return err->code;
	for (size_t i = 0; v && i < v->ninput; i++) {
		snprintf(name, sizeof(name), "in/%s", v->input[i].role);
		if (put(at, name, v->input[i].p, v->input[i].n, err))
			return lp_within(err, "%s", v->id);
	}
	return look(b, &b->before, err);
}

bool lc_box_escaped(const struct lc_box *b)
{
	struct lp_digest now;
	struct lp_err err;

	return look(b, &now, &err) || !lp_digest_equal(&now, &b->before);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (what == FTW_DNR && !chmod(path, 0700))
		return 0; /* the next round gets at it */
	return remove(path) && errno != ENOTEMPTY && errno != EACCES ? -1 : 0;
}

/* Mounts whose daemon is gone: they would stand in the way. */
static void unmount_below(const char *dir)
{
	FILE *f = fopen("/proc/thread-self/mounts", "re");
	char path[PATH_MAX];
	size_t n = strlen(dir);

	while (f && fscanf(f, "%*s %4095s %*[^\n]", path) == 1)
		if (!strncmp(path, dir, n) && path[n] == '/')
			umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (f)
		fclose(f);
}

enum lp_code lc_box_remove(const struct lc_box *b, struct lp_err *err)
{
	for (int round = 0; round < DEPTH_MAX; round++) {
		nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		if (access(b->dir, F_OK))
			return LP_OK;
		unmount_below(b->dir);
	}
	return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "cannot remove %s", b->dir);
}
