// SPDX-License-Identifier: MIT
#include "run/lint.h"

#include "base/file.h"
#include "run/answer.h"
#include "run/results.h"

#include <fcntl.h>
#include <fts.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_PATTERN "^[a-z][a-z0-9]*(\\.[a-z0-9]+(-[a-z0-9]+)*){2,}$"
/* What scripts/rules.sh looks for. */
#define HEAD_PATTERN "^ *\\{\"id\": \"[a-z0-9.-]*\", \"level\": \"[A-Z ]*\", \"phase\": "
#define SOURCE_MAX ((size_t)4 << 20)

/* Patterns that everything here needs. */
struct lint {
	const struct lc_clauses *c;
	regex_t id, head;
	json_t *seen;		/* ids so far */
};

static bool among(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

/* A text without white space around it. */
static bool is_text(const json_t *value)
{
	const char *t = json_string_value(value);

	return t && *t && *t != ' ' && t[strlen(t) - 1] != ' ' && !strpbrk(t, "\t\r\n");
}

static bool has_members(json_t *o)
{
	static const char *const must[] = {"id", "level", "source", "text", NULL};
	static const char *const may[] = {"phase", "role", "only", "policy", "untestable", NULL};
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(o, key, value) {
		if (!is_text(value) || (!among(key, must) && !among(key, may)))
			return false;
		n += among(key, must);
	}
	return n == sizeof(must) / sizeof(must[0]) - 1;
}

/* What is wrong with a clause, or NULL. */
static const char *fault(json_t *o)
{
	static const char *const levels[] = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY",
					     NULL};
	static const char *const roles[] = {"", "reader", "writer", "registry", NULL};
	const char *role = lc_row_text(o, "role"), *phase = lc_row_text(o, "phase");
	const char *only = lc_row_text(o, "only"), *text = lc_row_text(o, "text");

	if (!has_members(o))
		return "its members";
	if (!among(lc_row_text(o, "level"), levels) || !among(role, roles))
		return "level or role";
	if ((*phase && !lc_phase_order(phase)) || (*only && strcmp(only, "accept") != 0))
		return "phase or only";
	if ((!*role || !strcmp(role, "reader")) && !*phase)
		return "a reader's clause without a phase";
	return text[strlen(text) - 1] == '.' ? NULL : "the text is no sentence";
}

/* Is @id FAMILY.* or FAMILY.AREA.* of the file FAMILY.json or FAMILY-AREA.json? */
static bool of_family(const char *file, const char *id)
{
	size_t n = strcspn(file, "."), one = strcspn(id, ".");
	size_t two = one + (id[one] ? 1 + strcspn(id + one + 1, ".") : 0);

	return (n == one && !strncmp(file, id, n)) ||
	       (n == two && !strncmp(file, id, one) && file[one] == '-' &&
		!strncmp(file + one + 1, id + one + 1, two - one - 1));
}

static size_t lint_clause(struct lint *l, const char *file, json_t *o)
{
	const char *id = lc_row_text(o, "id"), *wrong = fault(o);
	size_t bad = 0;

	if (wrong)
		bad += lc_lint_complain("%s: %s: %s", file, id, wrong);
	if (regexec(&l->id, id, 0, NULL, 0) || !of_family(file, id))
		bad += lc_lint_complain("%s: %s: not of the family %.*s", file, id,
					(int)strcspn(file, "."), file);
	if (json_object_get(l->seen, id))
		bad += lc_lint_complain("%s: %s stands twice", file, id);
	json_object_set_new(l->seen, id, json_true());
	return bad;
}

/* How many lines of the file begin a clause as scripts/rules.sh wants it. */
static size_t heads(const struct lint *l, const char *file)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	char path[PATH_MAX + 256];
	struct lp_err err;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s", l->c->dir, file);
	if (lp_file_load(AT_FDCWD, path, SOURCE_MAX, &b, &err) ||
	    lp_buf_add(&b, "", 1, SOURCE_MAX + 1, &err))
		return 0;
	for (char *at = (char *)b.p, *end; *at; at = end) {
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = '\0';
		n += !regexec(&l->head, at, 0, NULL, 0);
	}
	return n;
}

static size_t lint_file(struct lint *l, const char *file, const json_t *list)
{
	const char *before = "";
	size_t i, phased = 0, bad = 0;
	json_t *o;

	json_array_foreach(list, i, o) {
		const char *id = lc_row_text(o, "id");

		if (strcmp(before, id) >= 0)
			bad += lc_lint_complain("%s: %s: not sorted", file, id);
		before = id;
		phased += *lc_row_text(o, "phase") != '\0';
		bad += lint_clause(l, file, o);
	}
	if (heads(l, file) != phased)
		bad += lc_lint_complain("%s: id, level and phase are not first in a clause, on one "
					"line", file);
	return bad;
}

/* Does @id begin with a family of ours? */
static bool ours(const struct lc_clauses *c, const char *id)
{
	size_t n = strcspn(id, ".") + 1;

	for (size_t i = 0; i < c->n; i++)
		if (!strncmp(c->v[i].id, id, n))
			return true;
	return false;
}

/* Media types, hosts and names of files look like clause ids and are none. */
static bool other(const char *word)
{
	static const char *const ends[] = {".tar", ".gzip", ".zstd", ".com", ".toc", NULL};

	return among(strrchr(word, '.'), ends);
}

static size_t lint_word(const struct lint *l, const char *path, const char *word)
{
	const struct lc_clause *c = lc_clause_find(l->c, word);

	if (regexec(&l->id, word, 0, NULL, 0) || !ours(l->c, word) || other(word) ||
	    (c && c->phase))
		return 0;
	return lc_lint_complain("%s: names the rule %s, which no clause with a phase has", path,
				word);
}

static size_t lint_source(const struct lint *l, const char *path)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err;
	size_t bad = 0;
	char word[128];

	if (lp_file_load(AT_FDCWD, path, SOURCE_MAX, &b, &err) ||
	    lp_buf_add(&b, "", 1, SOURCE_MAX + 1, &err))
		return lc_lint_complain("%s: %s", path, err.msg);
	for (const char *at = strchr((const char *)b.p, '"'); at; at = strchr(at, '"')) {
		size_t n = strspn(++at, "abcdefghijklmnopqrstuvwxyz0123456789.-");

		if (at[n] != '"' || n >= sizeof(word))
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		bad += lint_word(l, path, word);
	}
	return bad;
}

static size_t lint_sources(const struct lint *l, const char *dir)
{
	char *copy = strdup(dir), *roots[] = {copy, NULL};
	FTS *f = copy ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	size_t bad = f ? 0 : lc_lint_complain("%s cannot be read", dir);
	FTSENT *e;

	while (f && (e = fts_read(f))) {
		size_t n = strlen(e->fts_name);

		if (e->fts_info == FTS_F && n > 2 && e->fts_name[n - 2] == '.' &&
		    strchr("ch", e->fts_name[n - 1]))
			bad += lint_source(l, e->fts_path);
	}
	if (f)
		fts_close(f);
	free(copy);
	return bad;
}

size_t lc_lint_clauses(const struct lc_clauses *c, const char *sources)
{
	struct lint l = {.c = c, .seen = json_object()};
	const char *file;
	json_t *list;
	size_t bad = 0;

	if (regcomp(&l.id, ID_PATTERN, REG_EXTENDED | REG_NOSUB))
		return lc_lint_complain("memory ran out");
	if (regcomp(&l.head, HEAD_PATTERN, REG_EXTENDED | REG_NOSUB)) {
		regfree(&l.id);
		return lc_lint_complain("memory ran out");
	}
	json_object_foreach(c->files, file, list) {
		bad += lint_file(&l, file, list);
	}
	if (sources)
		bad += lint_sources(&l, sources);
	regfree(&l.id);
	regfree(&l.head);
	json_decref(l.seen);
	return bad;
}
