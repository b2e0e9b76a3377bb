// SPDX-License-Identifier: MIT
#include "run/lint.h"

#include "base/file.h"
#include "run/answer.h"

#include <fcntl.h>
#include <fts.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_PATTERN "^[a-z][a-z0-9]*(\\.[a-z0-9]+(-[a-z0-9]+)*){2,}$"
#define SOURCE_MAX ((size_t)4 << 20)
#define MEDIAN_MAX 1024
#define SUM_MAX ((uint64_t)3 << 20)

__attribute__((format(printf, 1, 2)))
static size_t complain(const char *fmt, ...)
{
	va_list ap;

	fputs("  FAIL  ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return 1;
}

static bool among(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "";
}

static bool has_keys(const json_t *o)
{
	static const char *const must[] = {"id", "level", "phase", "source", "text", NULL};
	static const char *const may[] = {"policy", "untestable", NULL};
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)o, key, value) {
		if (!json_is_string(value) || !*json_string_value(value) ||
		    (!among(key, must) && !among(key, may)))
			return false;
		n += among(key, must);
	}
	return n == sizeof(must) / sizeof(must[0]) - 1;
}

static size_t lint_clause(const char *file, const json_t *o, const regex_t *id)
{
	static const char *const levels[] = {"MUST", "SHOULD", "MAY", NULL};
	size_t family = strcspn(file, "."), bad = 0;

	if (!has_keys(o) || !among(text(o, "level"), levels) || !lc_phase_order(text(o, "phase")))
		bad += complain("%s: %s: keys, level or phase", file, text(o, "id"));
	if (regexec(id, text(o, "id"), 0, NULL, 0) || strncmp(text(o, "id"), file, family + 1) != 0)
		bad += complain("%s: %s: not %.*s.area.rule", file, text(o, "id"), (int)family, file);
	return bad;
}

size_t lc_lint_clauses(const struct lc_clauses *c)
{
	const char *file;
	json_t *list, *o;
	size_t i, bad = 0;
	regex_t id;

	if (regcomp(&id, ID_PATTERN, REG_EXTENDED | REG_NOSUB))
		return complain("regcomp");
	json_object_foreach(c->files, file, list) {
		const char *before = "";

		json_array_foreach(list, i, o) {
			if (strcmp(before, text(o, "id")) >= 0)
				bad += complain("%s: %s: not sorted, or twice", file, text(o, "id"));
			before = text(o, "id");
			bad += lint_clause(file, o, &id);
		}
	}
	regfree(&id);
	return bad;
}

/* Does @id begin with a family of ours? */
static bool ours(const struct lc_clauses *c, const char *id)
{
	const char *file;
	json_t *list;

	json_object_foreach(c->files, file, list)
		if (!strncmp(id, file, strcspn(file, ".") + 1))
			return true;
	return false;
}

/* Media types, hosts and names of files look like clause ids and are none. */
static bool other(const char *word)
{
	static const char *const ends[] = {".tar", ".gzip", ".zstd", ".com", ".toc", NULL};

	return among(strrchr(word, '.'), ends);
}

static size_t lint_source(const struct lc_clauses *c, const char *path, const regex_t *id)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err;
	size_t bad = 0;
	char word[128];

	if (lp_file_load(AT_FDCWD, path, SOURCE_MAX, &b, &err) ||
	    lp_buf_add(&b, "", 1, SOURCE_MAX + 1, &err))
		return complain("%s: %s", path, err.msg);
	for (const char *at = strchr((const char *)b.p, '"'); at; at = strchr(at, '"')) {
		size_t n = strspn(++at, "abcdefghijklmnopqrstuvwxyz0123456789.-");

		if (at[n] != '"' || n >= sizeof(word))
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		if (!regexec(id, word, 0, NULL, 0) && ours(c, word) && !other(word) &&
		    !lc_clause_find(c, word))
			bad += complain("%s: names the rule %s, which no clause has", path, word);
	}
	return bad;
}

size_t lc_lint_sources(const struct lc_clauses *c, const char *dir)
{
	char *copy = strdup(dir), *roots[] = {copy, NULL};
	FTS *f = copy ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	size_t bad = f ? 0 : complain("%s cannot be read", dir);
	FTSENT *e;
	regex_t id;

	if (regcomp(&id, ID_PATTERN, REG_EXTENDED | REG_NOSUB))
		return complain("regcomp");
	while (f && (e = fts_read(f))) {
		size_t n = strlen(e->fts_name);

		if (e->fts_info == FTS_F && n > 2 && e->fts_name[n - 2] == '.' &&
		    strchr("ch", e->fts_name[n - 1]))
			bad += lint_source(c, e->fts_path, &id);
	}
	if (f)
		fts_close(f);
	regfree(&id);
	free(copy);
	return bad;
}

static size_t lint_phases(const struct gen_vector *v)
{
	const char *at = v->phase;
	size_t bad = 0;

	while (at && *at) {
		size_t n = strcspn(at, ",");
		char one[32];

		snprintf(one, sizeof(one), "%.*s", (int)n, at);
		if (!lc_phase_order(one))
			bad += complain("%s: no phase: %s", v->id, one);
		at += n + (at[n] == ',');
	}
	return bad;
}

static size_t lint_base(const struct lc_suite *s, const struct gen_vector *v)
{
	const struct gen_vector *base = v->base ? lc_suite_find(s, v->base) : NULL;
	size_t bad = 0;

	if (strcmp(v->verdict, "accept") != 0 && (!v->base || !v->delta))
		bad += complain("%s: %s without base and delta", v->id, v->verdict);
	if (v->base && !base)
		bad += complain("%s: its base %s is no vector", v->id, v->base);
	if (base && strcmp(base->verdict, "accept") != 0)
		bad += complain("%s: its base %s is not to be accepted", v->id, v->base);
	return bad;
}

/* The policies that there are: those of policies.json. */
static json_t *policies(const struct lc_suite *s)
{
	char path[PATH_MAX + 32];
	json_t *list, *ids = json_object(), *o;
	size_t i;

	snprintf(path, sizeof(path), "%s/clauses/policies.json", s->dir);
	list = json_load_file(path, 0, NULL);
	json_array_foreach(list, i, o) {
		json_object_set_new(ids, text(o, "id"), json_true());
	}
	json_decref(list);
	return ids;
}

static size_t lint_vector(const struct lc_suite *s, const struct gen_vector *v,
			  const json_t *policy)
{
	size_t bad = lint_phases(v) + lint_base(s, v);

	if (!v->nclause)
		bad += complain("%s: tests no clause", v->id);
	for (size_t i = 0; i < v->nclause; i++)
		if (!lc_clause_find(&s->clauses, v->clause[i]))
			bad += complain("%s: no clause: %s", v->id, v->clause[i]);
	for (size_t i = 0; i < v->ncode; i++)
		if (!lc_clause_find(&s->clauses, v->code[i]))
			bad += complain("%s: no clause: %s (code)", v->id, v->code[i]);
	if (!strcmp(v->verdict, "either") && (!v->policy || (strcmp(v->policy, "local") != 0 &&
							     !json_object_get(policy, v->policy))))
		bad += complain("%s: no policy: %s", v->id, v->policy ? v->policy : "(none)");
	if (v->tree_of && !lc_suite_find(s, v->tree_of))
		bad += complain("%s: tree of %s, which is no vector", v->id, v->tree_of);
	if (!strcmp(v->verdict, "reject") && !v->phase)
		bad += complain("%s: reject without a phase", v->id);
	return bad;
}

size_t lc_lint_vectors(const struct lc_suite *s)
{
	json_t *policy = policies(s);
	size_t bad = 0;

	for (size_t i = 0; i < s->set.n; i++)
		bad += lint_vector(s, &s->set.v[i], policy);
	json_decref(policy);
	return bad;
}

struct cover {
	bool positive, negative;
};

static void cover(const struct lc_suite *s, struct cover *all, const struct gen_vector *v)
{
	bool reject = !strcmp(v->verdict, "reject");

	for (size_t i = 0; i < v->nclause; i++) {
		const struct lc_clause *c = lc_clause_find(&s->clauses, v->clause[i]);
		struct cover *at = c ? &all[c - s->clauses.v] : NULL;

		if (!at)
			continue;
		at->negative |= reject;
		at->positive |= !reject || (v->base && lc_suite_find(s, v->base));
	}
}

size_t lc_lint_coverage(const struct lc_suite *s)
{
	struct cover *all = calloc(s->clauses.n + 1, sizeof(*all));
	size_t bad = all ? 0 : complain("memory ran out");

	for (size_t i = 0; all && i < s->set.n; i++)
		cover(s, all, &s->set.v[i]);
	for (size_t i = 0; all && i < s->clauses.n; i++) {
		const struct lc_clause *c = &s->clauses.v[i];

		if (strcmp(c->level, "MUST") != 0 || c->untestable ||
		    (all[i].positive && all[i].negative))
			continue;
		bad += complain("%s: MUST without a %s%s%s vector", c->id,
				all[i].positive ? "" : "positive",
				all[i].positive || all[i].negative ? "" : " and a ",
				all[i].negative ? "" : "negative");
	}
	free(all);
	return bad;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

size_t lc_lint_sizes(const struct lc_suite *s)
{
	uint64_t *size = calloc(s->set.n + 1, sizeof(*size)), sum = 0;
	size_t n = 0, bad = size ? 0 : complain("memory ran out");

	for (size_t i = 0; size && i < s->set.n; i++)
		if (!s->set.v[i].huge) {
			size[n++] = s->set.v[i].size;
			sum += s->set.v[i].size;
		}
	if (size)
		qsort(size, n, sizeof(*size), by_size);
	if (n && size[n / 2] > MEDIAN_MAX)
		bad += complain("the median size is %ju bytes, at most %d", (uintmax_t)size[n / 2],
				MEDIAN_MAX);
	if (sum > SUM_MAX)
		bad += complain("all together have %ju bytes, at most %ju", (uintmax_t)sum,
				(uintmax_t)SUM_MAX);
	free(size);
	return bad;
}
