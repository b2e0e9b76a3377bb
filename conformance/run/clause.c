// SPDX-License-Identifier: MIT
#include "run/clause.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE "lazyconf.clause.json"
#define FILE_MAX ((size_t)16 << 20)

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct lc_clause *)a)->id, ((const struct lc_clause *)b)->id);
}

static enum lp_code take(const json_t *o, struct lc_clause *c, struct lp_err *err)
{
	if (lp_json_string(o, "id", LP_JSON_REQUIRED, RULE, &c->id, err) ||
	    lp_json_string(o, "level", LP_JSON_REQUIRED, RULE, &c->level, err) ||
	    lp_json_string(o, "phase", LP_JSON_OPTIONAL, RULE, &c->phase, err) ||
	    lp_json_string(o, "role", LP_JSON_OPTIONAL, RULE, &c->role, err) ||
	    lp_json_string(o, "only", LP_JSON_OPTIONAL, RULE, &c->only, err) ||
	    lp_json_string(o, "untestable", LP_JSON_OPTIONAL, RULE, &c->untestable, err))
		return err->code;
	return LP_OK;
}

static enum lp_code add_file(struct lc_clauses *c, const char *dir, const char *name,
			     struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char path[PATH_MAX];
	struct lc_clause *more;
	json_t *list, *o;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lp_file_load(AT_FDCWD, path, FILE_MAX, &text, err) ||
	    lp_json_parse(text.p, text.len, RULE, &list, err))
		return lp_within(err, "%s", path);
	if (json_object_set_new(c->files, name, list))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	more = reallocarray(c->v, c->n + json_array_size(list) + 1, sizeof(*more));
	if (!more)
		return lp_fail_errno(err, "clauses");
	c->v = more;
	if (!json_is_array(list))
		return lp_fail(err, LP_EFORMAT, 0, RULE, "%s: not an array of clauses", path);
	json_array_foreach(list, i, o)
		if (take(o, &c->v[c->n++], err))
			return lp_within(err, "%s: clause %zu", path, i + 1);
	return LP_OK;
}

static int is_clauses(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 5 && !strcmp(e->d_name + n - 5, ".json") && strcmp(e->d_name, "policies.json");
}

enum lp_code lc_clauses_load(struct lc_clauses *c, const char *dir, struct lp_err *err)
{
	enum lp_code code = LP_OK;
	struct dirent **e;
	int n = scandir(dir, &e, is_clauses, alphasort);

	*c = (struct lc_clauses){.files = json_object()};
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	if (n < 0 && errno == ENOENT)
		return LP_OK;
	if (n < 0) {
		lc_clauses_free(c);
		return lp_fail_errno(err, "read %s", dir);
	}
	for (int i = 0; i < n; i++) {
		if (!code)
			code = add_file(c, dir, e[i]->d_name, err);
		free(e[i]);
	}
	free(e);
	if (code)
		lc_clauses_free(c);
	else if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_id);
	return code;
}

void lc_clauses_free(struct lc_clauses *c)
{
	free(c->v);
	json_decref(c->files);
	*c = (struct lc_clauses){0};
}

bool lc_clause_must(const struct lc_clause *c)
{
	return !strncmp(c->level, "MUST", 4);
}

bool lc_clause_should(const struct lc_clause *c)
{
	return !strncmp(c->level, "SHOULD", 6);
}

const struct lc_clause *lc_clause_find(const struct lc_clauses *c, const char *id)
{
	struct lc_clause key = {.id = id};

	return c->n ? bsearch(&key, c->v, c->n, sizeof(*c->v), by_id) : NULL;
}
