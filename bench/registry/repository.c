// SPDX-License-Identifier: MIT
#include "registry/repository.h"

#include "registry/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void lb_repositories_start(struct lb_repositories *r, const char *root)
{
	*r = (struct lb_repositories){.root = root};
	pthread_mutex_init(&r->lock, NULL);
}

void lb_repositories_free(struct lb_repositories *r)
{
	while (r->first) {
		struct lb_repository *gone = r->first;

		r->first = gone->next;
		lp_layout_free(&gone->layout);
		free(gone);
	}
}

/* Make the directories above and including @path. */
static enum lp_code make_directories(const char *path, struct lp_err *err)
{
	char part[1024];

	if (strlen(path) >= sizeof(part))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%.40s...: path too long",
			       path);
	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0777) && errno != EEXIST)
			return lp_fail_errno(err, "mkdir %s", part);
		if (!c)
			return LP_OK;
		*p = c;
	}
}

/* Under the lock. */
static enum lp_code open_layout(struct lb_repositories *r, const char *name, const char *path,
				bool make, struct lp_err *err)
{
	struct lb_repository *new = calloc(1, sizeof(*new));
	enum lp_code code;

	if (!new)
		return lp_fail_errno(err, "repository %s", name);
	new->layout.dir = -1;
	code = make ? make_directories(path, err) : LP_OK;
	if (!code && make)
		code = lp_layout_create(&new->layout, path, err);
	else if (!code)
		code = lp_layout_open(&new->layout, path, err);
	if (code) {
		free(new);
		return code;
	}
	snprintf(new->name, sizeof(new->name), "%s", name);
	new->next = r->first;
	r->first = new;
	return LP_OK;
}

enum lp_code lb_repositories_add(struct lb_repositories *r, const char *text,
				 struct lp_err *err)
{
	const char *equals = strchr(text, '=');
	char name[256];

	if (!equals || (size_t)(equals - text) >= sizeof(name) || !equals[1])
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "\"%s\" is not NAME=DIR", text);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	if (!lb_route_name_ok(name))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "\"%s\" cannot be the name of a repository", name);
	return open_layout(r, name, equals + 1, true, err);
}

static struct lb_repository *opened(struct lb_repositories *r, const char *name)
{
	for (struct lb_repository *p = r->first; p; p = p->next)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static enum lp_code find(struct lb_repositories *r, const char *name, bool make,
			 struct lb_repository **out, struct lp_err *err)
{
	char path[1024];

	*out = opened(r, name);
	if (*out)
		return LP_OK;
	if (!r->root)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no repository %s", name);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", r->root, name) >= sizeof(path))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%s: path too long", name);
	if (open_layout(r, name, path, make, err))
		return err->code;
	*out = r->first;
	return LP_OK;
}

enum lp_code lb_repositories_find(struct lb_repositories *r, const char *name, bool make,
				  struct lp_layout **out, struct lp_err *err)
{
	struct lb_repository *found = NULL;
	enum lp_code code;

	pthread_mutex_lock(&r->lock);
	code = find(r, name, make, &found, err);
	pthread_mutex_unlock(&r->lock);
	*out = found ? &found->layout : NULL;
	return code;
}
