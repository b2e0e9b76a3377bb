// SPDX-License-Identifier: MIT
/* settle - what was published and not synced yet: made durable, or known as not to be trusted. */
#include "layer/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX ((size_t)64 << 20) /* bytes of names, ours */

#define MARK_MAX (sizeof(LP_STORE_UNSETTLED "/") + LP_STORE_NAME)

/*
 * "layers/0123..." is marked by "unsettled/layers:0123...".  A mark is a symbolic link to the
 * boot's id: there at once and whole, or not at all, also for others and after a crash.
 */
static void set_mark(const char *name, char out[static MARK_MAX])
{
	char *slash;

	snprintf(out, MARK_MAX, LP_STORE_UNSETTLED "/%.*s", LP_STORE_NAME - 1, name);
	slash = strchr(out + strlen(LP_STORE_UNSETTLED "/"), '/');
	if (slash)
		*slash = ':';
}

/* The boot that made this mark; false: there is none. */
static bool marked(const struct lp_store *s, const char *mark, char boot[static sizeof(s->boot)])
{
	ssize_t n = readlinkat(s->dir, mark, boot, sizeof(s->boot) - 1);

	if (n < 0)
		return false;
	boot[n] = '\0';
	return true;
}

enum lp_code lp_store_unsettle(struct lp_store *s, const char *name, struct lp_err *err)
{
	char mark[MARK_MAX];

	set_mark(name, mark);
	if (symlinkat(s->boot, s->dir, mark) && errno != EEXIST)
		return lp_fail_errno(err, "make %s", mark);
	return LP_OK;
}

bool lp_store_stale(struct lp_store *s, const char *name)
{
	char boot[sizeof(s->boot)], mark[MARK_MAX];
	struct lp_err gone;
	enum lp_code code;

	set_mark(name, mark);
	if (!marked(s, mark, boot) || !strcmp(boot, s->boot))
		return false;
	/* What cannot be removed stays marked: it is not trusted. */
	code = lp_store_remove(s, name, &gone);
	if (!code || code == LP_EMISSING)
		unlinkat(s->dir, mark, 0);
	return true;
}

enum lp_code lp_store_sync(const struct lp_store *s, int fd, struct lp_err *err)
{
	if (!s->later && fdatasync(fd))
		return lp_fail_errno(err, "sync");
	return LP_OK;
}

/* Append the marks that this boot made, each with its NUL. */
static enum lp_code collect(struct lp_store *s, struct lp_buf *marks, struct lp_err *err)
{
	int fd = openat(s->dir, LP_STORE_UNSETTLED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	enum lp_code code = LP_OK;
	const struct dirent *e;

	if (!list) {
		lp_fail_errno(err, "list %s", LP_STORE_UNSETTLED);
		lp_fd_close(&fd);
		return err->code;
	}
	while (!code && (e = readdir(list))) {
		char mark[MARK_MAX], boot[sizeof(s->boot)];

		if (e->d_name[0] == '.')
			continue;
		set_mark(e->d_name, mark);
		if (marked(s, mark, boot) && !strcmp(boot, s->boot))
			code = lp_buf_add(marks, mark, strlen(mark) + 1, NAMES_MAX, err);
	}
	closedir(list);
	return code;
}

enum lp_code lp_store_settle(struct lp_store *s, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf marks = {0};

	if (collect(s, &marks, err))
		return err->code;
	if (!marks.len)
		return LP_OK;
	/* Only what was there before the sync is settled by it. */
	if (syncfs(s->dir))
		return lp_fail_errno(err, "sync the store");
	for (size_t at = 0; at < marks.len; at += strlen((char *)marks.p + at) + 1) {
		const char *mark = (char *)marks.p + at;

		if (unlinkat(s->dir, mark, 0) && errno != ENOENT)
			return lp_fail_errno(err, "settle %s", mark);
	}
	return LP_OK;
}
