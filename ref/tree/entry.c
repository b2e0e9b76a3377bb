// SPDX-License-Identifier: MIT
#include "tree/entry.h"

#include <string.h>

#define RULE_LENGTH "tar.name.length"
#define RULE_WHITEOUT "oci.layer.whiteout"

#define HIDE ".wh."		/* OCI layer.md, "Whiteouts" */
#define AUFS ".wh..wh."		/* what AUFS kept for itself */
#define OPAQUE ".wh..wh..opq"

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

enum lp_code lp_path_clean(const char *name, char out[static LP_PATH_MAX], struct lp_err *err)
{
	size_t len = 0;

	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");
		size_t slash = len > 0;

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (len && out[--len] != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			if (n > LP_NAME_MAX || len + slash + n >= LP_PATH_MAX)
				return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_LENGTH,
					       "the name %.60s... is too long", name);
			if (slash)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n;
		p += *p == '/';
	}
	out[len] = '\0';
	return LP_OK;
}

enum lp_code lp_entry_whiteout(struct lp_entry *e, char *path, bool *skip, struct lp_err *err)
{
	char *slash = strrchr(path, '/');
	char *base = slash ? slash + 1 : path;
	const char *hidden = base + strlen(HIDE);

	*skip = begins(path, AUFS) && strcmp(path, OPAQUE) != 0;
	if (*skip || !begins(base, HIDE))
		return LP_OK;
	if (e->kind != LP_ENTRY_HARDLINK && !(e->kind == LP_ENTRY_NODE && S_ISREG(e->mode)))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_WHITEOUT,
			       "%.200s is not a regular file", path);
	if (!strcmp(base, OPAQUE)) {
		e->kind = LP_ENTRY_OPAQUE;
		*(slash ? slash : base) = '\0';
	} else if (begins(base, AUFS)) {
		*skip = true;
	} else if (!*hidden || !strcmp(hidden, ".") || !strcmp(hidden, "..")) {
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_WHITEOUT,
			       "%.200s hides nothing that has a name", path);
	} else {
		e->kind = LP_ENTRY_WHITEOUT;
		memmove(base, hidden, strlen(hidden) + 1);
	}
	e->path = path;
	e->link = NULL;
	e->size = 0;
	return LP_OK;
}
