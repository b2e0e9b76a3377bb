// SPDX-License-Identifier: MIT
#include "workload/walk.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAT_BLOCK ((size_t)128 << 10)	/* what cat(1) reads at a time */

struct step {
	struct lb_walk *w;
	char path[4096];	/* of where we are, relative to the top */
	size_t len;
	char *block;
};

static void count_failure(struct lb_walk *w, const char *path)
{
	if (!w->failed++)
		snprintf(w->first, sizeof(w->first), "%s", path);
}

static void cat(struct step *s, int dir, const char *name)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	ssize_t n;

	if (s->w->except && !strcmp(s->path, s->w->except))
		return;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	n = fd < 0 ? -1 : 0;
	while (fd >= 0 && (n = read(fd, s->block, CAT_BLOCK)) > 0)
		s->w->bytes += (uint64_t)n;
	if (n < 0)
		count_failure(s->w, s->path);
}

/* Look at the name; its kind as a directory has it. */
static unsigned char look(struct step *s, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
		count_failure(s->w, s->path);
		return DT_UNKNOWN;
	}
	if (s->w->mode == LB_WALK_LIST && S_ISREG(st.st_mode) && st.st_size > 0)
		fprintf(s->w->out, "%lld %s\n", (long long)st.st_size, s->path);
	return IFTODT(st.st_mode);
}

/* Do with the name what this walk is about; is it a directory? */
static bool visit(struct step *s, int dir, const struct dirent *e)
{
	unsigned char kind = e->d_type;

	s->w->entries++;
	/* Some file systems do not say in a directory what is what. */
	if (s->w->mode != LB_WALK_CAT || kind == DT_UNKNOWN)
		kind = look(s, dir, e->d_name);
	if (s->w->mode == LB_WALK_CAT && kind == DT_REG)
		cat(s, dir, e->d_name);
	return kind == DT_DIR;
}

/* "." and ".." are not names of the tree. */
static int is_name(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_names(struct dirent **name, int n)
{
	for (int i = 0; i < n; i++)
		free(name[i]);
	free(name);
}

static enum lp_code descend(struct step *s, int dir, const char *name, struct lp_err *err);

/* One name of the directory @dir, with s->path being that directory's. */
static enum lp_code enter(struct step *s, int dir, const struct dirent *e, struct lp_err *err)
{
	size_t before = s->len;
	int n = snprintf(s->path + before, sizeof(s->path) - before, "%s%s", before ? "/" : "",
			 e->d_name);
	enum lp_code code = LP_OK;

	if (n < 0 || (size_t)n >= sizeof(s->path) - before)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%.60s...: path too long",
			       s->path);
	s->len += (size_t)n;
	if (visit(s, dir, e))
		code = descend(s, dir, e->d_name, err);
	s->len = before;
	s->path[before] = '\0';
	return code;
}

static enum lp_code descend(struct step *s, int dir, const char *name, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	struct dirent **names = NULL;
	enum lp_code code = LP_OK;
	int n = -1;

	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		n = scandirat(fd, ".", &names, is_name, by_bytes);
	if (n < 0 && errno == ENOMEM)
		return lp_fail_errno(err, "names of %s", s->path);
	if (n < 0)
		count_failure(s->w, s->path);
	for (int i = 0; i < n && !code; i++)
		code = enter(s, fd, names[i], err);
	free_names(names, n);
	return code;
}

enum lp_code lb_walk(struct lb_walk *w, const char *top, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct step s = {.w = w};
	enum lp_code code;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", top);
	s.block = malloc(CAT_BLOCK);
	if (!s.block)
		return lp_fail_errno(err, "a block");
	code = descend(&s, fd, ".", err);
	free(s.block);
	return code;
}
