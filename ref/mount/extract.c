// SPDX-License-Identifier: MIT
#include "mount/extract.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define XATTRS_MAX ((size_t)4 << 20)	/* ours: packed, of one file */
#define TRIES 100			/* a rename elsewhere makes openat2 say EAGAIN */
#define LINK_PASSES 40			/* ours: how long a chain of links forwards may be */
#define OPAQUE "trusted.overlay.opaque"

/* What later_dir and later_link hold; the path and its NUL follow, and the link's. */
struct later {
	int64_t mtime;
	uint32_t mtime_ns;
	uint32_t path_bytes, link_bytes;	/* with the NULs; link 0: a directory */
};

/* What xattr holds; the name and its NUL follow, and the value. */
struct packed {
	uint32_t name_bytes, value_bytes;
};

/* A relative path that names something below its root and spells it in one way. */
static bool clean(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (!n || n > LP_NAME_MAX || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

static int open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = -1;

	for (int i = 0; i < TRIES; i++) {
		fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

/* Split a clean path: @dir gets the parent ("" for the root), the name is returned. */
static const char *split(const char *path, char dir[static LP_PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	memcpy(dir, path, n);
	dir[n] = 0;
	return slash ? slash + 1 : path;
}

static enum lp_code keep_later(struct lp_buf *to, size_t max, const struct lp_entry *e,
			       struct lp_err *err)
{
	struct later l = {
		.mtime = e->mtime,
		.mtime_ns = e->mtime_ns,
		.path_bytes = (uint32_t)strlen(e->path) + 1,
		.link_bytes = e->kind == LP_ENTRY_HARDLINK ? (uint32_t)strlen(e->link) + 1 : 0,
	};

	if (lp_buf_add(to, &l, sizeof(l), max, err) ||
	    lp_buf_add(to, e->path, l.path_bytes, max, err) ||
	    lp_buf_add(to, e->link, l.link_bytes, max, err))
		return err->code;
	return LP_OK;
}

/* @name in @parent is a directory (S_IFDIR), a whiteout (S_IFCHR). */
static bool is_a(mode_t type, int parent, const char *name)
{
	struct stat st;

	return !fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       (st.st_mode & S_IFMT) == type && (type != S_IFCHR || !st.st_rdev);
}

static enum lp_code set_xattr(int fd, const char *name, const void *p, size_t n,
			      struct lp_err *err)
{
	if (fsetxattr(fd, name, p, n, 0))
		return lp_fail_errno(err, "set the xattr %.100s", name);
	return LP_OK;
}

static enum lp_code set_opaque(int parent, const char *name, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return lp_fail_errno(err, "open the directory");
	return set_xattr(dir, OPAQUE, "y", 1, err);
}

/* If it is missing, the directory @path, @name in @dir: 0755, 0:0, time 0, as the tree has it. */
static enum lp_code make_parent(struct lp_extract *x, int dir, const char *name, const char *path,
				struct lp_err *err)
{
	struct lp_entry made = {.path = path};
	bool hidden = is_a(S_IFCHR, dir, name);

	if (hidden && unlinkat(dir, name, 0))
		return lp_fail_errno(err, "parent %.200s", path);
	if (mkdirat(dir, name, 0755))
		return errno == EEXIST ? LP_OK : lp_fail_errno(err, "parent %.200s", path);
	if (fchmodat(dir, name, 0755, 0) || fchownat(dir, name, 0, 0, AT_SYMLINK_NOFOLLOW))
		return lp_fail_errno(err, "parent %.200s", path);
	if (hidden && set_opaque(dir, name, err))
		return err->code;
	return keep_later(&x->later_dir, LP_EXTRACT_DIRS_MAX, &made, err);
}

static enum lp_code no_parent(struct lp_err *err)
{
	if (errno == ENOTDIR || errno == ELOOP || errno == ENOENT)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.path",
			       "a parent is no directory");
	return lp_fail_errno(err, "open the parent");
}

/* Make the directories of @path that are missing. */
static enum lp_code make_parents(struct lp_extract *x, const char *path, struct lp_err *err)
{
	char part[LP_PATH_MAX], above[LP_PATH_MAX];

	for (size_t n = strcspn(path, "/");; n += 1 + strcspn(path + n + 1, "/")) {
		LP_AUTO(lp_fd_close) int dir = -1;
		const char *name;

		memcpy(part, path, n);
		part[n] = 0;
		name = split(part, above);
		dir = open_in_root(x->root, above, O_PATH | O_DIRECTORY);
		if (dir < 0)
			return no_parent(err);
		if (make_parent(x, dir, name, part, err))
			return err->code;
		if (!path[n])
			return LP_OK;
	}
}

/* x->parent becomes the directory @path; consecutive entries mostly share it. */
static enum lp_code enter(struct lp_extract *x, const char *path, struct lp_err *err)
{
	if (x->parent >= 0 && !strcmp(x->dir, path))
		return LP_OK;
	lp_fd_close(&x->parent);
	x->parent = open_in_root(x->root, path, O_PATH | O_DIRECTORY);
	if (x->parent < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		if (make_parents(x, path, err))
			return err->code;
		x->parent = open_in_root(x->root, path, O_PATH | O_DIRECTORY);
	}
	if (x->parent < 0)
		return no_parent(err);
	memcpy(x->dir, path, strlen(path) + 1);
	return LP_OK;
}

/* Remove what @dir holds; *sub becomes the first directory in it that is not empty, or "". */
static enum lp_code empty_level(int dir, char sub[static LP_NAME_MAX + 1], struct lp_err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;
	enum lp_code code = LP_OK;

	*sub = 0;
	if (!d) {
		code = lp_fail_errno(err, "list a directory");
		lp_fd_close(&copy);
		return code;
	}
	while (!code && !*sub && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    !unlinkat(dir, e->d_name, 0) || !unlinkat(dir, e->d_name, AT_REMOVEDIR))
			continue;
		if (errno == ENOTEMPTY)
			memcpy(sub, e->d_name, strlen(e->d_name) + 1);
		else
			code = lp_fail_errno(err, "remove %.200s", e->d_name);
	}
	closedir(d);
	return code;
}

/* rm -r without recursion and with one descriptor, however deep a stranger made it. */
static enum lp_code remove_tree(int parent, const char *name, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir = openat(parent, name,
					      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t depth = 0;

	while (dir >= 0) {
		char sub[LP_NAME_MAX + 1];
		int next;

		if (empty_level(dir, sub, err))
			return err->code;
		if (!*sub && !depth)
			break;
		depth += *sub ? 1 : (size_t)-1;
		next = openat(dir, *sub ? sub : "..",
			      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		lp_fd_close(&dir);
		dir = next;
	}
	if (dir < 0 || unlinkat(parent, name, AT_REMOVEDIR))
		return lp_fail_errno(err, "remove the earlier directory");
	return LP_OK;
}

/* A later entry of one name replaces the earlier one. */
static enum lp_code make_room(int parent, const char *name, struct lp_err *err)
{
	if (!unlinkat(parent, name, 0))
		return LP_OK;
	if (errno != EISDIR)
		return lp_fail_errno(err, "remove the earlier entry");
	return remove_tree(parent, name, err);
}

static enum lp_code hold_xattrs(struct lp_extract *x, const struct lp_entry *e,
				struct lp_err *err)
{
	x->xattr.len = 0;
	for (size_t i = 0; i < e->nxattr; i++) {
		const struct lp_xattr *a = &e->xattr[i];
		struct packed p = {(uint32_t)strlen(a->name) + 1, (uint32_t)a->bytes};

		if (lp_buf_add(&x->xattr, &p, sizeof(p), XATTRS_MAX, err) ||
		    lp_buf_add(&x->xattr, a->name, p.name_bytes, XATTRS_MAX, err) ||
		    lp_buf_add(&x->xattr, a->value, a->bytes, XATTRS_MAX, err))
			return err->code;
	}
	return LP_OK;
}

/* Owner, mode, xattrs, times of the file that is complete: writes and chown drop some. */
static enum lp_code finish_file(struct lp_extract *x, struct lp_err *err)
{
	const struct timespec t = {x->meta.mtime, x->meta.mtime_ns}, ts[2] = {t, t};
	int fd = x->file;

	if (fd < 0)
		return LP_OK;
	if (x->body_left)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.body",
			       "%s: %llu bytes of the body are missing", x->path,
			       (unsigned long long)x->body_left);
	if (fchown(fd, x->meta.uid, x->meta.gid) || fchmod(fd, x->meta.mode & 07777))
		return lp_fail_errno(err, "%s: set owner and mode", x->path);
	for (size_t at = 0; at < x->xattr.len;) {
		struct packed p;
		const char *name = (const char *)x->xattr.p + at + sizeof(p);

		memcpy(&p, x->xattr.p + at, sizeof(p));
		if (set_xattr(fd, name, name + p.name_bytes, p.value_bytes, err))
			return lp_within(err, "%s", x->path);
		at += sizeof(p) + p.name_bytes + p.value_bytes;
	}
	if (futimens(fd, ts))
		return lp_fail_errno(err, "%s: set times", x->path);
	x->file = -1;
	if (close(fd))
		return lp_fail_errno(err, "%s: close", x->path);
	return LP_OK;
}

static enum lp_code begin_file(struct lp_extract *x, int fd, const struct lp_entry *e,
			       struct lp_err *err)
{
	x->file = fd;
	x->meta = *e;
	x->meta.path = x->meta.link = NULL;
	x->meta.xattr = NULL;
	x->meta.extent = NULL;
	x->body_left = e->size;
	memcpy(x->path, e->path, strlen(e->path) + 1);
	if (hold_xattrs(x, e, err))
		return err->code;
	return e->size ? LP_OK : finish_file(x, err);
}

/* The descriptor of a new regular file, 0 for anything else, or -1. */
static int create(int parent, const char *name, const struct lp_entry *e)
{
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return openat(parent, name,
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	case S_IFDIR:
		return mkdirat(parent, name, 0700);
	case S_IFLNK:
		return symlinkat(e->link, parent, name);
	default:
		return mknodat(parent, name, (e->mode & S_IFMT) | 0600,
			       makedev(e->major, e->minor));
	}
}

static enum lp_code set_xattrs_at(int parent, const char *name, const struct lp_entry *e,
				  struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	char path[32 + LP_NAME_MAX + 1];

	if (S_ISDIR(e->mode) && e->nxattr) {
		dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir < 0)
			return lp_fail_errno(err, "open the directory");
	}
	for (size_t i = 0; i < e->nxattr; i++) {
		const struct lp_xattr *a = &e->xattr[i];

		if (dir >= 0) {
			if (set_xattr(dir, a->name, a->value, a->bytes, err))
				return err->code;
			continue;
		}
		/* Opening a device or a fifo does something: name them below the O_PATH. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent, name);
		if (lsetxattr(path, a->name, a->value, a->bytes, 0))
			return lp_fail_errno(err, "set the xattr %.100s", a->name);
	}
	return LP_OK;
}

/* What is no regular file is complete as soon as it is made; directories' times wait. */
static enum lp_code dress(struct lp_extract *x, const char *name, const struct lp_entry *e,
			  struct lp_err *err)
{
	const struct timespec t = {e->mtime, e->mtime_ns}, ts[2] = {t, t};

	if (fchownat(x->parent, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) ||
	    (!S_ISLNK(e->mode) && fchmodat(x->parent, name, e->mode & 07777, 0)))
		return lp_fail_errno(err, "set owner and mode");
	if (set_xattrs_at(x->parent, name, e, err))
		return err->code;
	if (S_ISDIR(e->mode))
		return keep_later(&x->later_dir, LP_EXTRACT_DIRS_MAX, e, err);
	if (utimensat(x->parent, name, ts, AT_SYMLINK_NOFOLLOW))
		return lp_fail_errno(err, "set times");
	return LP_OK;
}

static enum lp_code put_node(struct lp_extract *x, const char *name, const struct lp_entry *e,
			     struct lp_err *err)
{
	bool hidden = false;
	int fd;

	/* mount.extract.reserved: overlayfs would take it for a whiteout. */
	if (S_ISCHR(e->mode) && !e->major && !e->minor)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.reserved",
			       "a character device 0:0");
	for (size_t i = 0; i < e->nxattr; i++)
		if (!strncmp(e->xattr[i].name, "trusted.overlay.", 16))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.reserved",
				       "the xattr %.100s", e->xattr[i].name);
	fd = create(x->parent, name, e);
	if (fd < 0 && errno == EEXIST && !(S_ISDIR(e->mode) && is_a(S_IFDIR, x->parent, name))) {
		hidden = S_ISDIR(e->mode) && is_a(S_IFCHR, x->parent, name);
		if (make_room(x->parent, name, err))
			return err->code;
		fd = create(x->parent, name, e);
	} else if (fd < 0 && errno == EEXIST) {
		fd = 0;
	}
	if (fd < 0)
		return lp_fail_errno(err, "create");
	if (S_ISREG(e->mode) ? begin_file(x, fd, e, err) : dress(x, name, e, err))
		return err->code;
	return hidden ? set_opaque(x->parent, name, err) : LP_OK;
}

/* *made: false where the target does not exist yet. */
static enum lp_code put_link(struct lp_extract *x, const char *name, const char *target,
			     bool *made, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	char above[LP_PATH_MAX];
	const char *last = split(target, above);
	int rc = -1;

	dir = open_in_root(x->root, above, O_PATH | O_DIRECTORY);
	if (dir >= 0) {
		rc = linkat(dir, last, x->parent, name, 0);
		if (rc && errno == EEXIST) {
			if (make_room(x->parent, name, err))
				return err->code;
			rc = linkat(dir, last, x->parent, name, 0);
		}
	}
	*made = !rc;
	if (rc && errno == EPERM && is_a(S_IFDIR, dir, last))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.link",
			       "a hard link to the directory %.200s", target);
	if (rc && errno != ENOENT && errno != ENOTDIR)
		return lp_fail_errno(err, "link to %.200s", target);
	return LP_OK;
}

static enum lp_code put_hardlink(struct lp_extract *x, const char *name,
				 const struct lp_entry *e, struct lp_err *err)
{
	bool made = false;

	if (!clean(e->link) || !strcmp(e->link, e->path))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.link",
			       "a hard link to %.200s", e->link);
	if (put_link(x, name, e->link, &made, err))
		return err->code;
	return made ? LP_OK : keep_later(&x->later_link, LP_EXTRACT_LINKS_MAX, e, err);
}

static enum lp_code put_opaque(struct lp_extract *x, const struct lp_entry *e, struct lp_err *err)
{
	return enter(x, e->path, err) ? err->code : set_opaque(x->parent, ".", err);
}

/* The root directory itself may be named, as a directory. */
static enum lp_code put_root(struct lp_extract *x, const struct lp_entry *e, struct lp_err *err)
{
	if (e->kind != LP_ENTRY_NODE || !S_ISDIR(e->mode))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.path",
			       "the root is a directory");
	if (enter(x, "", err))
		return err->code;
	return dress(x, ".", e, err);
}

static enum lp_code put(struct lp_extract *x, const struct lp_entry *e, struct lp_err *err)
{
	char above[LP_PATH_MAX];
	const char *name;

	if (*e->path && !clean(e->path))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.path",
			       "not a clean path");
	if (e->kind == LP_ENTRY_OPAQUE)
		return put_opaque(x, e, err);
	if (!*e->path)
		return put_root(x, e, err);
	name = split(e->path, above);
	if (enter(x, above, err))
		return err->code;
	if (e->kind == LP_ENTRY_HARDLINK)
		return put_hardlink(x, name, e, err);
	if (e->kind == LP_ENTRY_NODE)
		return put_node(x, name, e, err);
	/* A whiteout never replaces a real entry of its own layer, but hides what is below it. */
	if (!mknodat(x->parent, name, S_IFCHR, makedev(0, 0)))
		return LP_OK;
	if (errno != EEXIST)
		return lp_fail_errno(err, "create the whiteout");
	return is_a(S_IFDIR, x->parent, name) ? set_opaque(x->parent, name, err) : LP_OK;
}

static enum lp_code entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	struct lp_extract *x = (struct lp_extract *)s;

	if (finish_file(x, err))
		return err->code;
	if (strlen(e->path) >= LP_PATH_MAX || (e->link && strlen(e->link) >= LP_PATH_MAX))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "mount.extract.path",
			       "a path above %d bytes", LP_PATH_MAX - 1);
	if (put(x, e, err))
		return lp_within(err, "%.200s", *e->path ? e->path : "/");
	return LP_OK;
}

static enum lp_code body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	struct lp_extract *x = (struct lp_extract *)s;

	if (!n)
		return LP_OK;
	if (x->file < 0 || n > x->body_left)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.body",
			       "%.200s: more bytes than its size", x->path);
	if (lp_file_write(x->file, p, n, err))
		return lp_within(err, "%.200s", x->path);
	x->body_left -= n;
	return x->body_left ? LP_OK : finish_file(x, err);
}

static enum lp_code end_tree(struct lp_sink *s, uint64_t device_bytes, struct lp_err *err)
{
	(void)device_bytes;
	return finish_file((struct lp_extract *)s, err);
}

/* One pass over the links that wait, keeping those whose target still is not there. */
static enum lp_code link_again(struct lp_extract *x, bool *progress, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf todo = {0};

	lp_buf_move(&todo, &x->later_link);
	*progress = false;
	for (size_t at = 0; at < todo.len;) {
		const char *path = (const char *)todo.p + at + sizeof(struct later);
		struct lp_entry e = {.kind = LP_ENTRY_HARDLINK, .path = path};
		struct later l;
		size_t before = x->later_link.len;

		memcpy(&l, todo.p + at, sizeof(l));
		e.link = path + l.path_bytes;
		at += sizeof(l) + l.path_bytes + l.link_bytes;
		if (put(x, &e, err))
			return lp_within(err, "%.200s", path);
		*progress = *progress || x->later_link.len == before;
	}
	return LP_OK;
}

static enum lp_code set_dir_times(struct lp_extract *x, struct lp_err *err)
{
	for (size_t at = 0; at < x->later_dir.len;) {
		const char *path = (const char *)x->later_dir.p + at + sizeof(struct later);
		LP_AUTO(lp_fd_close) int dir = -1;
		struct timespec ts[2];
		struct later l;

		memcpy(&l, x->later_dir.p + at, sizeof(l));
		at += sizeof(l) + l.path_bytes;
		ts[0] = ts[1] = (struct timespec){.tv_sec = l.mtime, .tv_nsec = l.mtime_ns};
		/* A later entry may have put something else in its place. */
		dir = open_in_root(x->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (dir >= 0 && futimens(dir, ts))
			return lp_fail_errno(err, "%.200s: set times", path);
	}
	return LP_OK;
}

enum lp_code lp_extract_open(struct lp_extract *x, int dir, struct lp_err *err)
{
	*x = (struct lp_extract){
		.sink = {.entry = entry, .body = body, .end_tree = end_tree},
		.root = dir,
		.parent = -1,
		.file = -1,
	};
	if (fchmod(dir, 0755))
		return lp_fail_errno(err, "set the mode of the root");
	return LP_OK;
}

enum lp_code lp_extract_end(struct lp_extract *x, struct lp_err *err)
{
	bool progress = true;

	if (finish_file(x, err))
		return err->code;
	for (int i = 0; i < LINK_PASSES && x->later_link.len && progress; i++)
		if (link_again(x, &progress, err))
			return err->code;
	if (x->later_link.len)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "mount.extract.link",
			       "%.200s: a hard link to what is not in this layer",
			       (const char *)x->later_link.p + sizeof(struct later));
	return set_dir_times(x, err);
}

void lp_extract_free(struct lp_extract *x)
{
	lp_fd_close(&x->parent);
	lp_fd_close(&x->file);
	lp_buf_free(&x->xattr);
	lp_buf_free(&x->later_dir);
	lp_buf_free(&x->later_link);
}
