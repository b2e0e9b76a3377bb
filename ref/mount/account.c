// SPDX-License-Identifier: MIT
#include "mount/account.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULE "mount.bundle.user"
#define FILE_MAX ((size_t)1 << 20)	/* bytes, ours */
#define FIELDS 7			/* of passwd(5); group(5) has 4 */

/* A line of passwd or group, cut at its colons. */
struct line {
	char *field[FIELDS];
	size_t n;
};

/* The whole file, NUL-terminated; empty when there is none. */
static enum lp_code load(int root, const char *path, struct lp_buf *out, struct lp_err *err)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	LP_AUTO(lp_fd_close) int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	uint64_t bytes = 0;

	out->len = 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return lp_buf_add(out, "", 1, FILE_MAX, err);
	if (fd < 0)
		return lp_fail_errno(err, "open /%s", path);
	if (lp_file_bytes(fd, &bytes, err))
		return err->code;
	if (bytes >= FILE_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE, "/%s has %llu bytes", path,
			       (unsigned long long)bytes);
	if (lp_buf_reserve(out, bytes + 1, FILE_MAX, err) ||
	    lp_file_pread(fd, 0, out->p, bytes, err))
		return lp_within(err, "/%s", path);
	out->p[bytes] = 0;
	out->len = bytes + 1;
	return LP_OK;
}

/* Cut the next line out of *@at; false at the end. */
static bool next_line(char **at, struct line *l)
{
	char *line = strsep(at, "\n");

	*l = (struct line){0};
	while (line && l->n < FIELDS)
		l->field[l->n++] = strsep(&line, ":");
	return l->n > 0;
}

static bool number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long long v;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end || errno || v >= UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* By name, else by number; *found: false, and @out as it was. */
static enum lp_code find_user(int root, const char *name, const uint32_t *uid,
			      struct lp_account *out, bool *found, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct line l;
	char *at;

	*found = false;
	if (load(root, "etc/passwd", &text, err))
		return err->code;
	for (at = (char *)text.p; !*found && next_line(&at, &l);) {
		uint32_t u, g;

		if (l.n < 6 || !number(l.field[2], &u) || !number(l.field[3], &g))
			continue;
		if (uid ? u != *uid : strcmp(l.field[0], name) != 0)
			continue;
		*found = true;
		out->uid = u;
		out->gid = g;
		snprintf(out->home, sizeof(out->home), "%s", l.field[5]);
	}
	return LP_OK;
}

static bool has_member(char *members, const char *name)
{
	char *one;

	while ((one = strsep(&members, ",")))
		if (!strcmp(one, name))
			return true;
	return false;
}

/* @group: its number becomes out->gid.  @member: groups that list it are added. */
static enum lp_code find_groups(int root, const char *group, const char *member,
				struct lp_account *out, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	bool found = false;
	struct line l;
	char *at;

	if (load(root, "etc/group", &text, err))
		return err->code;
	for (at = (char *)text.p; next_line(&at, &l);) {
		uint32_t g;

		if (l.n < 3 || !number(l.field[2], &g))
			continue;
		if (group && !found && !strcmp(l.field[0], group)) {
			out->gid = g;
			found = true;
		}
		if (member && l.n > 3 && out->ngroup < LP_ACCOUNT_GROUPS &&
		    has_member(l.field[3], member))
			out->group[out->ngroup++] = g;
	}
	if (group && !found)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE,
			       "the image has no group \"%.60s\"", group);
	return LP_OK;
}

/* @alone: no group is given, so that the user's own ones count. */
static enum lp_code set_user(int root, const char *user, bool alone, struct lp_account *out,
			     struct lp_err *err)
{
	uint32_t uid = 0;
	bool numeric = number(user, &uid), found = false;

	if (numeric) {
		out->uid = uid;
		snprintf(out->home, sizeof(out->home), "%s", uid ? "/" : "/root");
		/* docker looks the group up; with ":group" there is nothing to look up. */
		return uid && alone ? find_user(root, user, &uid, out, &found, err) : LP_OK;
	}
	if (find_user(root, user, NULL, out, &found, err))
		return err->code;
	if (!found)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE,
			       "the image has no user \"%.60s\"", user);
	return alone ? find_groups(root, NULL, user, out, err) : LP_OK;
}

enum lp_code lp_account_find(int root, const char *text, struct lp_account *out,
			     struct lp_err *err)
{
	char user[LP_ACCOUNT_HOME], *group;

	*out = (struct lp_account){.home = "/root"};
	if (!text || !*text)
		return LP_OK;
	if (snprintf(user, sizeof(user), "%s", text) >= (int)sizeof(user))
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE, "a user name too long");
	group = strchr(user, ':');
	if (group)
		*group++ = 0;
	if (*user && set_user(root, user, !group, out, err))
		return err->code;
	if (group && *group && !number(group, &out->gid))
		return find_groups(root, group, NULL, out, err);
	return LP_OK;
}
