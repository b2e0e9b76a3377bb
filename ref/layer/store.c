// SPDX-License-Identifier: MIT
#include "layer/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define ID_DIGITS 16	/* of the store's id: 64 bits */

static const char *const rooms[] = {"devices", "layers", "unpacked", "images",
				    LP_STORE_UNSETTLED, "tmp"};

/* mkdir -p; what is there already keeps its mode. */
static enum lp_code make_path(const char *path, mode_t mode, struct lp_err *err)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "the path %.60s... is too long",
			       path);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, i < n ? 0755 : mode) && errno != EEXIST)
			return lp_fail_errno(err, "make %s", part);
	}
	return LP_OK;
}

static bool is_empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	bool empty = list != NULL;
	const struct dirent *e;

	if (!list) {
		lp_fd_close(&fd);
		return false;
	}
	while (empty && (e = readdir(list)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	closedir(list);
	return empty;
}

/* Open @path, which must be a directory that is ours and closed to everybody else. */
static enum lp_code open_private(const char *path, int *dir, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return lp_fail_errno(err, "open %s", path);
	errno = EACCES;
	if (st.st_uid != geteuid())
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "%s belongs to user %u", path,
			       (unsigned)st.st_uid);
	if (st.st_mode & 077 && (!is_empty(fd) || fchmod(fd, 0700))) {
		errno = EACCES;
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL,
			       "%s has mode %o: others may enter it (chmod 700)", path,
			       (unsigned)st.st_mode & 07777);
	}
	*dir = fd;
	fd = -1;
	return LP_OK;
}

/* Root, and not of a user namespace whose root another user is: "/" shows another owner there. */
static bool is_root(void)
{
	struct stat st;

	return geteuid() == 0 && !stat("/", &st) && st.st_uid == 0;
}

static enum lp_code default_path(char *out, size_t size, struct lp_err *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n;

	if (is_root())
		n = snprintf(out, size, "/var/lib/lazypull");
	else if (data && data[0] == '/')
		n = snprintf(out, size, "%s/lazypull", data);
	else if (home && home[0] == '/')
		n = snprintf(out, size, "%s/.local/share/lazypull", home);
	else
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "neither XDG_DATA_HOME nor HOME says where the store is");
	if (n < 0 || (size_t)n >= size)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "the store's path is too long");
	return LP_OK;
}

/* Try @base/lazypull/@id as the run directory. */
static bool run_in(struct lp_store *s, const char *base, const char *id)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	struct lp_err ignored;
	int n;

	if (!base || base[0] != '/')
		return false;
	n = snprintf(s->run, sizeof(s->run), "%s/lazypull/%s", base, id);
	return n > 0 && (size_t)n < sizeof(s->run) && !make_path(s->run, 0700, &ignored) &&
	       !open_private(s->run, &dir, &ignored) &&
	       (!symlinkat(s->path, dir, LP_STORE_LINK) || errno == EEXIST);
}

void lp_store_id(const char *path, const struct stat *st, char id[static LP_DIGEST_TEXT])
{
	char text[PATH_MAX + 64];
	struct lp_digest digest;
	int n = snprintf(text, sizeof(text), "%s %llu:%llu", path, (unsigned long long)st->st_dev,
			 (unsigned long long)st->st_ino);

	lp_digest_of(LP_SHA256, text, (size_t)n, &digest);
	lp_digest_hex(&digest, id);
	id[ID_DIGITS] = '\0';
}

static enum lp_code open_run(struct lp_store *s, struct lp_err *err)
{
	char id[LP_DIGEST_TEXT];
	LP_AUTO(lp_fd_close) int dir = -1;
	struct stat st;
	int n;

	if (fstat(s->dir, &st))
		return lp_fail_errno(err, "stat %s", s->path);
	lp_store_id(s->path, &st, id);
	if ((is_root() && run_in(s, "/run", id)) || run_in(s, getenv("XDG_RUNTIME_DIR"), id))
		return LP_OK;
	n = snprintf(s->run, sizeof(s->run), "%.*s/run", (int)sizeof(s->run), s->path);
	if (n < 0 || (size_t)n >= sizeof(s->run))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL,
			       "no run directory: set XDG_RUNTIME_DIR, for %s is too long", s->path);
	return make_path(s->run, 0700, err) || open_private(s->run, &dir, err) ? err->code : LP_OK;
}

static enum lp_code read_boot(struct lp_store *s, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return lp_fail_errno(err, "open %s", BOOT_ID);
	if (lp_file_pread(fd, 0, s->boot, sizeof(s->boot) - 1, err))
		return lp_within(err, "%s", BOOT_ID);
	return LP_OK;
}

static enum lp_code open_at(struct lp_store *s, const char *path, struct lp_err *err)
{
	char real[PATH_MAX];

	if (make_path(path, 0700, err))
		return err->code;
	if (!realpath(path, real))
		return lp_fail_errno(err, "resolve %s", path);
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s", real) >= sizeof(s->path))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL,
			       "the store's path %.60s... is too long", real);
	if (open_private(s->path, &s->dir, err))
		return err->code;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		if (mkdirat(s->dir, rooms[i], 0700) && errno != EEXIST)
			return lp_fail_errno(err, "make %s/%s", s->path, rooms[i]);
	return read_boot(s, err) || open_run(s, err) ? err->code : LP_OK;
}

enum lp_code lp_store_open(struct lp_store *s, const char *path, struct lp_err *err)
{
	char own[PATH_MAX];

	*s = (struct lp_store){.dir = -1};
	if (!path && default_path(own, sizeof(own), err))
		return err->code;
	if (open_at(s, path ? path : own, err)) {
		lp_store_free(s);
		return lp_within(err, "the store");
	}
	return LP_OK;
}

void lp_store_free(struct lp_store *s)
{
	/* The path is set before the descriptor: {0} owns none. */
	if (s->path[0])
		lp_fd_close(&s->dir);
	*s = (struct lp_store){.dir = -1};
}

bool lp_store_has(struct lp_store *s, const char *name)
{
	struct stat st;

	return !fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) && !lp_store_stale(s, name);
}

static void set_name(char out[static LP_STORE_NAME], const char *room,
		     const struct lp_digest *first, const struct lp_digest *second)
{
	char one[LP_DIGEST_TEXT], two[LP_DIGEST_TEXT] = "";

	lp_digest_hex(first, one);
	if (second)
		lp_digest_hex(second, two);
	snprintf(out, LP_STORE_NAME, "%.8s/%.128s%s%.64s", room, one, second ? "-" : "", two);
}

void lp_store_device_name(const struct lp_digest *blob, const struct lp_digest *table,
			  char out[static LP_STORE_NAME])
{
	set_name(out, "devices", blob, table);
}

void lp_store_image_name(const struct lp_digest *manifest, char out[static LP_STORE_NAME])
{
	set_name(out, "images", manifest, NULL);
}

enum lp_code lp_store_manifest(const char *base, struct lp_digest *out, struct lp_err *err)
{
	char text[LP_DIGEST_TEXT];

	snprintf(text, sizeof(text), "sha%s:%.128s", strlen(base) == 128 ? "512" : "256", base);
	return lp_digest_parse(text, strlen(text), out, err);
}

void lp_store_unpacked_name(const struct lp_digest *manifest, char out[static LP_STORE_NAME])
{
	set_name(out, "unpacked", manifest, NULL);
}

void lp_store_layer_name(const struct lp_digest *diffid, char out[static LP_STORE_NAME])
{
	set_name(out, "layers", diffid, NULL);
}
