// SPDX-License-Identifier: MIT
/* stage - what lies below tmp/ of the store: staging, locks, and what is being removed. */
#include "layer/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 100	/* ours: names that somebody swept between two system calls */

/* A name below tmp/ that nobody has: "tmp/<pid>-<64 random bits>". */
static void set_name(char name[static LP_STAGE_NAME])
{
	uint64_t random = 0;

	/* Without random bytes the process id and mkdir's EEXIST still keep makers apart. */
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random = (uintptr_t)&random;
	snprintf(name, LP_STAGE_NAME, "tmp/%ld-%016llx", (long)getpid(),
		 (unsigned long long)random);
}

/* Is @fd still what @name names, or was it removed before we had the lock? */
static bool still_named(struct lp_store *s, const char *name, int fd)
{
	struct stat mine, named;

	return !fstat(fd, &mine) && !fstatat(s->dir, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

static int lock(int fd, int how)
{
	int rc;

	do
		rc = flock(fd, how);
	while (rc && errno == EINTR);
	return rc;
}

/*
 * Open @name and lock it; *fd is -1 if a sweeper was faster.  The sweeper locks before it
 * removes, and we look again after we have locked: one of the two always sees the other.
 */
static enum lp_code open_locked(struct lp_store *s, const char *name, int flags, int *fd,
				struct lp_err *err)
{
	*fd = openat(s->dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0 && errno == ENOENT)
		return LP_OK;
	if (*fd < 0)
		return lp_fail_errno(err, "open %s", name);
	if (lock(*fd, LOCK_EX)) {
		lp_fail_errno(err, "lock %s", name);
		lp_fd_close(fd);
		return err->code;
	}
	if (!still_named(s, name, *fd))
		lp_fd_close(fd);
	return LP_OK;
}

enum lp_code lp_store_stage(struct lp_store *s, char name[static LP_STAGE_NAME], int *dir,
			    struct lp_err *err)
{
	*dir = -1;
	for (int i = 0; i < TRIES; i++) {
		set_name(name);
		if (mkdirat(s->dir, name, 0700)) {
			if (errno == EEXIST)
				continue;
			return lp_fail_errno(err, "make %s", name);
		}
		if (open_locked(s, name, O_RDONLY | O_DIRECTORY, dir, err))
			return err->code;
		if (*dir >= 0)
			return LP_OK;
	}
	errno = EBUSY;
	return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no staging directory in %d tries",
		       TRIES);
}

enum lp_code lp_store_lock(struct lp_store *s, const char *name, int *fd, struct lp_err *err)
{
	char hex[LP_DIGEST_TEXT], file[LP_STAGE_NAME];
	struct lp_digest digest;

	/* Names have slashes and any length. */
	lp_digest_of(LP_SHA256, name, strlen(name), &digest);
	lp_digest_hex(&digest, hex);
	snprintf(file, sizeof(file), "tmp/lock-%.32s", hex);
	for (int i = 0; i < TRIES; i++) {
		if (open_locked(s, file, O_RDWR | O_CREAT, fd, err))
			return lp_within(err, "the lock of %.60s", name);
		if (*fd >= 0)
			return LP_OK;
	}
	errno = EBUSY;
	return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no lock of %.60s in %d tries", name,
		       TRIES);
}

enum lp_code lp_store_guard(struct lp_store *s, bool alone, int *fd, struct lp_err *err)
{
	*fd = openat(s->dir, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0 && !lock(*fd, alone ? LOCK_EX : LOCK_SH))
		return LP_OK;
	lp_fail_errno(err, "lock the devices");
	lp_fd_close(fd);
	return err->code;
}

/* Sync the directory that holds @name. */
static enum lp_code sync_parent(struct lp_store *s, const char *name, struct lp_err *err)
{
	const char *slash = strrchr(name, '/');
	LP_AUTO(lp_fd_close) int fd = -1;
	char parent[LP_STORE_NAME] = ".";

	if (slash)
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - name), name);
	fd = openat(s->dir, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return lp_fail_errno(err, "sync %s", parent);
	return LP_OK;
}

enum lp_code lp_store_publish(struct lp_store *s, const char *name, const char *final,
			      struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || (!s->later && fsync(fd)))
		return lp_fail_errno(err, "publish %s", name);
	/* What an earlier boot left there is not what is published now. */
	lp_store_stale(s, final);
	if (s->later && lp_store_unsettle(s, final, err))
		return err->code;
	if (!renameat2(s->dir, name, s->dir, final, RENAME_NOREPLACE))
		return s->later ? LP_OK : sync_parent(s, final, err);
	if (errno != EEXIST)
		return lp_fail_errno(err, "publish %s", final);
	return lp_store_remove(s, name, err);
}

/* The entries of @dir from the start, without moving @dir's own position; NULL: errno. */
static DIR *list_of(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list)
		lp_fd_close(&fd);
	return list;
}

static const struct dirent *next_of(DIR *list)
{
	const struct dirent *e;

	do
		e = readdir(list);
	while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	return e;
}

/* Unlink @name in @dir; false: it is a directory that is not empty, or cannot be removed. */
static bool unlinked(int dir, const char *name)
{
	return !unlinkat(dir, name, 0) || errno == ENOENT || !unlinkat(dir, name, AT_REMOVEDIR) ||
	       errno == ENOENT;
}

/* Remove @name in @top; directories in it that are not empty move up into @top. */
static bool flatten(int top, const char *name)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	const struct dirent *e;
	char up[LP_STAGE_NAME];
	bool ok = true;
	DIR *list;

	/* Its mode is somebody's image's: it may forbid us to list it. */
	fchmodat(top, name, 0700, 0);
	dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	list = dir < 0 ? NULL : list_of(dir);
	if (!list)
		return errno == ENOENT;
	while (ok && (e = next_of(list))) {
		if (unlinked(dir, e->d_name))
			continue;
		fchmodat(dir, e->d_name, 0700, 0); /* to move it, its ".." is written */
		set_name(up);
		ok = !renameat(dir, e->d_name, top, up + strlen("tmp/")) || errno == ENOENT;
	}
	closedir(list);
	return ok && (!unlinkat(top, name, AT_REMOVEDIR) || errno == ENOENT);
}

/*
 * Remove tmp/ directory @name, without recursion, however deep somebody's image was.  Two
 * may do this at a time: what the other removed is not an error.
 */
static enum lp_code remove_staged(struct lp_store *s, const char *name, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int top = -1;
	const struct dirent *e;
	bool ok = true, again = true;

	top = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0 && errno == ENOENT)
		return LP_OK;
	while (top >= 0 && ok && again) {
		DIR *list = list_of(top);

		again = false;
		ok = list != NULL;
		while (ok && (e = next_of(list))) {
			ok = unlinked(top, e->d_name) || flatten(top, e->d_name);
			again = true; /* until a pass finds nothing: directories move up */
		}
		if (list)
			closedir(list);
	}
	if (top < 0 || !ok || (unlinkat(s->dir, name, AT_REMOVEDIR) && errno != ENOENT))
		return lp_fail_errno(err, "remove %s", name);
	return LP_OK;
}

enum lp_code lp_store_remove(struct lp_store *s, const char *name, struct lp_err *err)
{
	char dead[LP_STAGE_NAME];

	if (!strncmp(name, "tmp/", 4))
		return remove_staged(s, name, err);
	set_name(dead);
	if (!renameat(s->dir, name, s->dir, dead))
		return remove_staged(s, dead, err);
	if (errno == ENOENT)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s is not in the store", name);
	return lp_fail_errno(err, "remove %s", name);
}

/* Remove @name of tmp/ if nobody holds it. */
static enum lp_code sweep_one(struct lp_store *s, const char *entry, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	char name[LP_STORE_NAME];

	snprintf(name, sizeof(name), "tmp/%.200s", entry);
	fd = openat(s->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || lock(fd, LOCK_EX | LOCK_NB) || !still_named(s, name, fd))
		return LP_OK;
	return unlinkat(s->dir, name, 0) ? remove_staged(s, name, err) : LP_OK;
}

/* Remove live bitmaps of earlier boots, and of devices that are gone. */
static void sweep_run(struct lp_store *s, int run)
{
	DIR *list = list_of(run);
	const struct dirent *e;
	size_t boot = strlen(s->boot);

	while (list && (e = next_of(list))) {
		const char *device = e->d_name + strlen("live.") + boot + 1;
		char name[LP_STORE_NAME + 8];

		if (strncmp(e->d_name, "live.", 5))
			continue;
		if (strlen(e->d_name) > 5 + boot + 1 && !strncmp(e->d_name + 5, s->boot, boot) &&
		    snprintf(name, sizeof(name), "devices/%.220s", device) > 0 &&
		    lp_store_has(s, name))
			continue;
		unlinkat(run, e->d_name, 0);
	}
	if (list)
		closedir(list);
}

/* Remove the run directory @name in @dir. */
static void discard(int dir, const char *name)
{
	LP_AUTO(lp_fd_close) int run = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = run < 0 ? NULL : list_of(run);
	const struct dirent *e;

	while (list && (e = next_of(list)))
		unlinkat(run, e->d_name, 0);
	if (list)
		closedir(list);
	unlinkat(dir, name, AT_REMOVEDIR);
}

void lp_store_discard(struct lp_store *s)
{
	discard(AT_FDCWD, s->run);
}

/* Does the run directory @name in @dir belong to a store that is gone? */
static bool is_orphan(int dir, const char *name)
{
	char link[300], path[PATH_MAX], id[LP_DIGEST_TEXT];
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof(link), "%s/" LP_STORE_LINK, name);
	n = readlinkat(dir, link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	if (lstat(path, &st))
		return errno == ENOENT;
	lp_store_id(path, &st, id);
	return strcmp(id, name) != 0;
}

/* Remove the run directories beside ours whose stores are gone. */
static void sweep_orphans(const struct lp_store *s)
{
	char path[LP_STORE_RUN];
	LP_AUTO(lp_fd_close) int dir = -1;
	const struct dirent *e;
	DIR *list;

	snprintf(path, sizeof(path), "%s", s->run);
	*strrchr(path, '/') = '\0';
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = dir < 0 ? NULL : list_of(dir);
	while (list && (e = next_of(list)))
		if (is_orphan(dir, e->d_name))
			discard(dir, e->d_name);
	if (list)
		closedir(list);
}

enum lp_code lp_store_sweep(struct lp_store *s, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int tmp = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	LP_AUTO(lp_fd_close) int run = open(s->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = tmp < 0 ? NULL : list_of(tmp);
	enum lp_code code = LP_OK;
	const struct dirent *e;

	if (!list)
		return lp_fail_errno(err, "sweep tmp");
	while (!code && (e = next_of(list)))
		code = sweep_one(s, e->d_name, err);
	closedir(list);
	if (run >= 0)
		sweep_run(s, run);
	sweep_orphans(s);
	return code;
}
