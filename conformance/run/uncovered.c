// SPDX-License-Identifier: MIT
#include "run/uncovered.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES ((size_t)8 << 20)	/* ours */
#define NOBODY SIZE_MAX			/* no line lists this byte */

static const char *const names[LC_NU] = {"same", "other", "cut-same", "cut-other"};

void lc_uncovered_free(struct lc_uncovered *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->line[i].vector);
	free(u->line);
	*u = (struct lc_uncovered){0};
}

static bool find_class(const char *name, enum lc_uncovered_class *out)
{
	for (unsigned i = 0; i < LC_NU; i++)
		if (!strcmp(names[i], name)) {
			*out = (enum lc_uncovered_class)i;
			return true;
		}
	return false;
}

/* The next range of *@at; false: there is none, or it is none (*@at is not "" then). */
static bool next_range(const char **at, size_t *from, size_t *to)
{
	char *end;

	*from = *to = strtoull(*at, &end, 10);
	if (end == *at || **at < '0' || **at > '9')
		return false;
	if (*end == '-')
		*to = strtoull(end + 1, &end, 10);
	if ((*end && *end != ',') || *from > *to)
		return false;
	*at = end + (*end == ',' && end[1]);
	return true;
}

static bool ranges_ok(const char *text)
{
	size_t from, to;

	while (next_range(&text, &from, &to))
		;
	return !*text;
}

/* A line, taken apart in place; l->vector owns all its texts.  Blank lines and comments: none. */
static enum lp_code take_line(struct lc_uncovered *u, const char *text, struct lp_err *err)
{
	struct lc_uncovered_line *more, l = {.vector = strdup(text)};
	char *hash = l.vector ? strchr(l.vector, '#') : NULL, *class, *save = NULL;

	more = l.vector ? reallocarray(u->line, u->n + 1, sizeof(*more)) : NULL;
	if (!more) {
		free(l.vector);
		return lp_fail_errno(err, "a line");
	}
	u->line = more;
	u->line[u->n++] = l;
	more = &u->line[u->n - 1];
	if (hash)
		*hash++ = '\0';
	more->reason = hash ? hash + strspn(hash, " ") : more->vector + strlen(more->vector);
	if (!strtok_r(more->vector, " ", &save)) {
		free(more->vector);
		u->n--;
		return LP_OK;
	}
	more->input = strtok_r(NULL, " ", &save);
	class = strtok_r(NULL, " ", &save);
	more->ranges = strtok_r(NULL, " ", &save);
	if (!more->ranges || !find_class(class, &more->class) || !ranges_ok(more->ranges) ||
	    strtok_r(NULL, " ", &save))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
			       "want VECTOR INPUT CLASS FROM-TO,...  # why");
	return LP_OK;
}

enum lp_code lc_uncovered_load(struct lc_uncovered *u, const char *path, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char *line, *save = NULL;

	*u = (struct lc_uncovered){.say = u->say};
	if (lp_file_load(AT_FDCWD, path, FILE_BYTES, &text, err) ||
	    lp_buf_add(&text, "", 1, FILE_BYTES + 1, err))
		return err->code;
	for (line = strtok_r((char *)text.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (take_line(u, line, err)) {
			lc_uncovered_free(u);
			return lp_within(err, "%s: %.60s", path, line);
		}
	return LP_OK;
}

bool lc_uncovered_has(const struct lc_uncovered *u, const char *id)
{
	for (size_t i = 0; i < u->n; i++)
		if (!strcmp(u->line[i].vector, id))
			return true;
	return false;
}

/* Which line lists byte (or length) @at of an input, and as what. */
struct listed {
	size_t *line[2];	/* [0] of bytes, [1] of lengths: an index of the file, or NOBODY */
	size_t n;
	char where[400];	/* vector and input, in words */
};

static void free_listed(struct listed *l)
{
	free(l->line[0]);
}

/* Of input @input of @v, as @s has swept it. */
static enum lp_code list(struct lc_uncovered *u, const struct gen_vector *v,
			 const struct lc_swept *s, size_t input, struct listed *out,
			 struct lp_err *err)
{
	size_t n = s->input[input].n, *p = malloc((2 * n + 1) * sizeof(*p));
	const char *role = v->input[input].role;

	*out = (struct listed){{p, p + n}, n, ""};
	snprintf(out->where, sizeof(out->where), "%s %s", v->id, role);
	if (!p)
		return lp_fail_errno(err, "%zu bytes", n);
	for (size_t i = 0; i < 2 * n; i++)
		p[i] = NOBODY;
	for (size_t i = 0; i < u->n; i++) {
		struct lc_uncovered_line *l = &u->line[i];
		const char *ranges = l->ranges;
		size_t from, to;

		if (strcmp(l->vector, v->id) || strcmp(l->input, role))
			continue;
		l->used = true;
		while (next_range(&ranges, &from, &to))
			for (; from <= to && from < n; from++)
				out->line[l->class >= LC_U_CUT_SAME][from] = i;
	}
	return LP_OK;
}

/* What came of changing byte @at (@cut: of cutting there): a class, or LC_NU, refused. */
static enum lc_uncovered_class seen_at(const struct lc_swept_input *in, bool cut, size_t at)
{
	if (cut)
		return in->cut[at] == LC_CUT_SAME ? LC_U_CUT_SAME :
		       in->cut[at] == LC_CUT_OTHER ? LC_U_CUT_OTHER : LC_NU;
	return in->other[at] ? LC_U_OTHER : in->same[at] ? LC_U_SAME : LC_NU;
}

static enum lc_uncovered_class listed_at(const struct lc_uncovered *u, const struct listed *l,
					 bool cut, size_t at)
{
	size_t line = l->line[cut][at];

	return line == NOBODY ? LC_NU : u->line[line].class;
}

/* Is what was seen not as it is listed?  After a sample, less than what is listed is fine. */
static bool differs(enum lc_uncovered_class seen, enum lc_uncovered_class want, bool whole)
{
	if (whole || want == LC_NU)
		return seen != want;
	return seen == LC_U_OTHER ? want != LC_U_OTHER : seen == LC_U_CUT_OTHER &&
							 want != LC_U_CUT_OTHER;
}

static const char *word(enum lc_uncovered_class c)
{
	return c == LC_NU ? "refused" : names[c];
}

/* Runs of bytes with the same difference are one line. */
static void check_input(struct lc_uncovered *u, const struct listed *l,
			const struct lc_swept_input *in, bool cut, bool whole)
{
	for (size_t at = 0, from; at < in->n; at++) {
		enum lc_uncovered_class seen = seen_at(in, cut, at);
		enum lc_uncovered_class want = listed_at(u, l, cut, at);

		if (!differs(seen, want, whole))
			continue;
		for (from = at; at + 1 < in->n && seen_at(in, cut, at + 1) == seen &&
				listed_at(u, l, cut, at + 1) == want; at++)
			;
		fprintf(u->say, "  FAIL  %s %s %zu-%zu: %s, listed: %s\n", l->where,
			cut ? "cut to" : "bytes", from, at, word(seen), word(want));
		u->wrong++;
	}
}

enum lp_code lc_uncovered_check(struct lc_uncovered *u, const struct gen_vector *v,
				const struct lc_swept *s, unsigned whole,
				struct lp_err *err)
{
	for (size_t i = 0; i < s->ninput; i++) {
		LP_AUTO(free_listed) struct listed l = {.n = 0};

		if (list(u, v, s, i, &l, err))
			return err->code;
		check_input(u, &l, &s->input[i], false, whole & LC_SWEEP_BITS);
		check_input(u, &l, &s->input[i], true, whole & LC_SWEEP_CUTS);
	}
	return LP_OK;
}

void lc_uncovered_stale(struct lc_uncovered *u, bool all)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct lc_uncovered_line *l = &u->line[i];
		bool bare = !*l->reason || !strcmp(l->reason, LC_UNEXPLAINED);

		if (!bare && (l->used || !all))
			continue;
		fprintf(u->say, "  FAIL  %s %s %s %.40s: %s\n", l->vector, l->input, names[l->class],
			l->ranges, bare ? "listed without a reason" : "listed and not swept");
		u->wrong++;
	}
}

/* The bytes of @class that @old lists on line @of (NOBODY: on none), as one line. */
static void print_line(const struct lc_uncovered *u, const struct listed *l,
		       const struct lc_swept_input *in, size_t of, enum lc_uncovered_class class)
{
	bool cut = class >= LC_U_CUT_SAME;
	const char *between = NULL;

	for (size_t at = 0, from; at < in->n; at++) {
		if (seen_at(in, cut, at) != class || l->line[cut][at] != of)
			continue;
		for (from = at; at + 1 < in->n && seen_at(in, cut, at + 1) == class &&
				l->line[cut][at + 1] == of; at++)
			;
		if (!between)
			fprintf(u->say, "%s %s ", l->where, names[class]);
		fprintf(u->say, at == from ? "%s%zu" : "%s%zu-%zu", between ? between : "", from, at);
		between = ",";
	}
	if (between)
		fprintf(u->say, "  # %s\n", of == NOBODY ? LC_UNEXPLAINED : u->line[of].reason);
}

enum lp_code lc_uncovered_print(struct lc_uncovered *u, const struct gen_vector *v,
				const struct lc_swept *s, struct lp_err *err)
{
	for (size_t i = 0; i < s->ninput; i++) {
		LP_AUTO(free_listed) struct listed l = {.n = 0};

		if (list(u, v, s, i, &l, err))
			return err->code;
		for (unsigned c = 0; c < LC_NU; c++) {
			print_line(u, &l, &s->input[i], NOBODY, c);
			for (size_t k = 0; k < u->n; k++)
				if (u->line[k].used && !strcmp(u->line[k].vector, v->id))
					print_line(u, &l, &s->input[i], k, c);
		}
	}
	return LP_OK;
}

void lc_uncovered_rest(const struct lc_uncovered *u)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct lc_uncovered_line *l = &u->line[i];

		if (!l->used)
			fprintf(u->say, "%s %s %s %s  # %s\n", l->vector, l->input, names[l->class],
				l->ranges, l->reason);
	}
}
