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

static const char *const folders[] = {"devices", "layers", "unpacked", "images"};

/* Who published @name and did not sync it: a boot id in @boot; false: nobody. */
static bool unsettled(const struct lp_store *s, const char *name,
		      char boot[static sizeof(s->boot)])
{
	char path[LP_STORE_NAME + sizeof(LP_STORE_UNSETTLED) + 1];
	LP_AUTO(lp_fd_close) int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%.*s/%s", LP_STORE_NAME, name, LP_STORE_UNSETTLED);
	fd = openat(s->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	n = read(fd, boot, sizeof(s->boot) - 1);
	boot[n > 0 ? n : 0] = '\0';
	return true;
}

bool lp_store_stale(struct lp_store *s, const char *name)
{
	char boot[sizeof(s->boot)];
	struct lp_err gone;
	enum lp_code code;

	if (!unsettled(s, name, boot) || !strcmp(boot, s->boot))
		return false;
	code = lp_store_remove(s, name, &gone);
	(void)code; /* what cannot be removed is not trusted either */
	return true;
}

enum lp_code lp_store_sync(const struct lp_store *s, int fd, struct lp_err *err)
{
	if (!s->later && fdatasync(fd))
		return lp_fail_errno(err, "sync");
	return LP_OK;
}

/* Append the names below @folder that this boot left unsettled, each with its NUL. */
static enum lp_code collect(struct lp_store *s, const char *folder, struct lp_buf *names,
			    struct lp_err *err)
{
	int fd = openat(s->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	enum lp_code code = LP_OK;
	const struct dirent *e;

	if (!list) {
		lp_fail_errno(err, "list %s", folder);
		lp_fd_close(&fd);
		return err->code;
	}
	while (!code && (e = readdir(list))) {
		char name[LP_STORE_NAME], boot[sizeof(s->boot)];

		if (e->d_name[0] == '.' ||
		    snprintf(name, sizeof(name), "%s/%s", folder, e->d_name) >= LP_STORE_NAME)
			continue;
		if (unsettled(s, name, boot) && !strcmp(boot, s->boot))
			code = lp_buf_add(names, name, strlen(name) + 1, NAMES_MAX, err);
	}
	closedir(list);
	return code;
}

enum lp_code lp_store_settle(struct lp_store *s, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf names = {0};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (collect(s, folders[i], &names, err))
			return err->code;
	if (!names.len)
		return LP_OK;
	/* Only what was there before the sync is settled by it. */
	if (syncfs(s->dir))
		return lp_fail_errno(err, "sync the store");
	for (size_t at = 0; at < names.len; at += strlen((char *)names.p + at) + 1) {
		char path[LP_STORE_NAME + sizeof(LP_STORE_UNSETTLED) + 1];

		snprintf(path, sizeof(path), "%s/%s", (char *)names.p + at, LP_STORE_UNSETTLED);
		if (unlinkat(s->dir, path, 0) && errno != ENOENT)
			return lp_fail_errno(err, "settle %s", path);
	}
	return LP_OK;
}
