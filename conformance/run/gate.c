// SPDX-License-Identifier: MIT
#include "run/gate.h"

#include "base/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATE_MAX ((size_t)4 << 20)
#define NO_REASON "not looked at yet"

static void free_line(struct lc_gate_line *l)
{
	free(l->id);
	free(l->phase);
	free(l->reason);
}

void lc_gate_free(struct lc_gate *g)
{
	for (size_t i = 0; i < g->n; i++)
		free_line(&g->line[i]);
	free(g->line);
	free(g->hello);
	*g = (struct lc_gate){0};
}

/* The next word of *@at, NUL-terminated in place; NULL: none. */
static char *word(char **at)
{
	char *from = *at + strspn(*at, " \t");
	size_t n = strcspn(from, " \t");

	*at = from + n + (from[n] != '\0');
	from[n] = '\0';
	return n ? from : NULL;
}

static char *reason_of(char *line)
{
	char *hash = strchr(line, '#');

	if (!hash)
		return line + strlen(line);
	*hash++ = '\0';
	return hash + strspn(hash, " \t");
}

/* @text is one line without its newline; it is taken apart. */
static enum lp_code take_line(struct lc_gate *g, char *text, struct lp_err *err)
{
	struct lc_gate_line l = {.class = LC_PASS}, *more;
	const char *reason, *id, *class, *phase;

	if (!strncmp(text, "hello ", 6)) {
		free(g->hello);
		g->hello = strdup(text);
		return g->hello ? LP_OK : lp_fail_errno(err, "gate");
	}
	reason = reason_of(text);
	id = word(&text);
	if (!id)
		return LP_OK;
	class = word(&text);
	phase = word(&text);
	if (!class || !lc_class_find(class, &l.class) || l.class == LC_PASS || word(&text))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
			       "want ID CLASS [PHASE]  # reason");
	more = reallocarray(g->line, g->n + 1, sizeof(*more));
	if (!more)
		return lp_fail_errno(err, "gate");
	g->line = more;
	l.id = strdup(id);
	l.phase = strdup(phase ? phase : "");
	l.reason = strdup(reason);
	g->line[g->n++] = l;
	return l.id && l.phase && l.reason ? LP_OK : lp_fail_errno(err, "gate");
}

enum lp_code lc_gate_load(struct lc_gate *g, const char *path, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char *at, *end;
	unsigned n = 0;

	*g = (struct lc_gate){0};
	if (lp_file_load(AT_FDCWD, path, GATE_MAX, &text, err) ||
	    lp_buf_add(&text, "", 1, GATE_MAX + 1, err))
		return err->code;
	for (at = (char *)text.p; *at; at = end) {
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = '\0';
		n++;
		if (take_line(g, at, err)) {
			lc_gate_free(g);
			return lp_within(err, "%s:%u", path, n);
		}
	}
	return LP_OK;
}

static const struct lc_gate_line *find(const struct lc_gate *g, const char *id)
{
	for (size_t i = 0; i < g->n; i++)
		if (!strcmp(g->line[i].id, id))
			return &g->line[i];
	return NULL;
}

/* What hello declares, in one line. */
static char *declared(const struct lc_results *r)
{
	static const char *const keys[] = {"formats", "ops", "features"};
	json_t *hello = json_object_get(r->header, "hello"), *value;
	char line[4096] = "hello";
	size_t n = 5, i;

	for (size_t k = 0; k < 3; k++) {
		n += (size_t)snprintf(line + n, sizeof(line) - n, " %s=", keys[k]);
		json_array_foreach(json_object_get(hello, keys[k]), i, value)
			if (n < sizeof(line))
				n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s",
						      i ? "," : "", json_string_value(value));
		if (n >= sizeof(line))
			n = sizeof(line) - 1;
	}
	return strdup(line);
}

static bool set(json_t *row, const char *class, bool unexpected, const char *why)
{
	bool bad = json_object_set_new(row, "unexpected", json_boolean(unexpected));

	if (class)
		bad |= json_object_set_new(row, "class", json_string(class));
	if (why)
		bad |= json_object_set_new(row, "why", json_string(why));
	return !bad;
}

static bool excusable(const json_t *row, enum lc_class c)
{
	return !(lc_class_hostile(c) && strstr(lc_row_text(row, "profile"), "hostile"));
}

/* A row that the gate file has line @l for. */
static bool compare(json_t *row, const struct lc_gate_line *l)
{
	enum lc_class got = lc_row_class(row, "observed");
	const char *phase = lc_row_text(row, "phase");
	char why[600];

	if (got == l->class && (!*l->phase || !strcmp(l->phase, phase)) && excusable(row, got))
		return set(row, lc_class_skipped(got) ? NULL : "xfail", false,
			   *l->reason ? l->reason : NULL);
	snprintf(why, sizeof(why), "the gate file says %s %s: %s", lc_class_name(l->class),
		 l->phase, lc_row_text(row, "why"));
	return set(row, got == LC_PASS ? "xpass" : NULL, true, why);
}

static bool apply_one(const struct lc_gate *g, json_t *row, bool strict)
{
	const struct lc_gate_line *l = find(g, lc_row_text(row, "id"));
	enum lc_class got = lc_row_class(row, "observed");

	if (l)
		return compare(row, l);
	return set(row, NULL, lc_row_unexpected(row, strict) ||
				      (got != LC_PASS && !lc_row_true(row, "declared")), NULL);
}

static bool known(const struct gen_set *set_, const char *id)
{
	size_t low = 0, high = set_->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(set_->v[mid].id, id);

		if (!c)
			return true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* A row about the gate file itself. */
static bool complain(struct lc_results *r, const char *id, const char *why)
{
	return !json_array_append_new(
		r->rows, json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "id", id, "class", "xpass",
				   "observed", "pass", "level", "MUST", "unexpected", 1, "why", why));
}

enum lp_code lc_gate_apply(const struct lc_gate *g, const struct gen_set *all, bool strict,
			   struct lc_results *r, struct lp_err *err)
{
	char *hello = declared(r);
	bool ok = hello != NULL;
	json_t *row;
	size_t i;

	json_array_foreach(r->rows, i, row)
		ok = ok && apply_one(g, row, strict);
	for (i = 0; i < g->n; i++)
		if (!known(all, g->line[i].id))
			ok = ok && complain(r, g->line[i].id,
					    "the gate file names a vector that there is not");
	if (ok && g->hello && strcmp(g->hello, hello) != 0)
		ok = complain(r, "hello", "the gate file has another line \"hello\"");
	free(hello);
	return ok ? LP_OK : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
}

__attribute__((format(printf, 3, 4)))
static enum lp_code add(struct lp_buf *out, struct lp_err *err, const char *fmt, ...)
{
	char line[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "a line of a gate file is too long");
	return lp_buf_add(out, line, (size_t)n, GATE_MAX, err);
}

static enum lp_code add_row(const struct lc_gate *old, const json_t *row, struct lp_buf *out,
			    struct lp_err *err)
{
	const struct lc_gate_line *l = find(old, lc_row_text(row, "id"));
	enum lc_class c = lc_row_class(row, "observed");
	const char *phase = c == LC_FAIL ? lc_row_text(row, "phase") : "";

	if (c == LC_PASS || lc_row_true(row, "declared"))
		return LP_OK;
	return add(out, err, "%s %s%s%s  # %s\n", lc_row_text(row, "id"), lc_class_name(c),
		   *phase ? " " : "", phase, l && *l->reason ? l->reason : NO_REASON);
}

static bool has_row(const struct lc_results *r, const char *id)
{
	json_t *row;
	size_t i;

	json_array_foreach(r->rows, i, row)
		if (!strcmp(lc_row_text(row, "id"), id))
			return true;
	return false;
}

enum lp_code lc_gate_accept(const struct lc_gate *old, const struct lc_results *r,
			    struct lp_buf *out, struct lp_err *err)
{
	bool partial = lc_row_true(r->header, "partial");
	char *hello = declared(r);
	size_t i = 0, rows = json_array_size(r->rows);
	enum lp_code code = hello ? LP_OK : lp_fail_errno(err, "gate");

	if (!code)
		code = add(out, err, "%s\n", hello);
	free(hello);
	/* Both are sorted: merge them. */
	for (size_t k = 0; !code && (i < rows || k < old->n);) {
		const json_t *row = i < rows ? json_array_get(r->rows, i) : NULL;
		const struct lc_gate_line *l = k < old->n ? &old->line[k] : NULL;

		if (l && (!row || strcmp(l->id, lc_row_text(row, "id")) < 0)) {
			if (partial && !has_row(r, l->id))
				code = add(out, err, "%s %s%s%s  # %s\n", l->id,
					   lc_class_name(l->class), *l->phase ? " " : "", l->phase,
					   l->reason);
			k++;
		} else {
			code = add_row(old, row, out, err);
			i++;
		}
	}
	return code;
}
