// SPDX-License-Identifier: MIT
#include "run/matrix.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Add the areas of @r that are not there yet; sorted at the end. */
static enum lp_code add_areas(struct lc_matrix *m, const struct lc_results *r, struct lp_err *err)
{
	char area[LC_AREA];
	json_t *row;
	size_t i;

	json_array_foreach(r->rows, i, row) {
		bool there = false;
		void *more;

		lc_output_area(row, area);
		for (size_t a = 0; a < m->nareas; a++)
			there |= !strcmp(m->area[a], area);
		if (there)
			continue;
		more = reallocarray(m->area, m->nareas + 1, sizeof(*m->area));
		if (!more)
			return lp_fail_errno(err, "areas");
		m->area = more;
		memcpy(m->area[m->nareas++], area, sizeof(area));
	}
	if (m->nareas)
		qsort(m->area, m->nareas, sizeof(*m->area), by_name);
	return LP_OK;
}

enum lp_code lc_matrix_load(struct lc_matrix *m, char *const *path, size_t n, struct lp_err *err)
{
	*m = (struct lc_matrix){.run = calloc(n ? n : 1, sizeof(*m->run))};
	if (!m->run)
		return lp_fail_errno(err, "%zu results", n);
	for (size_t i = 0; i < n; i++) {
		if (lc_results_load(&m->run[i], path[i], err)) {
			lc_matrix_free(m);
			return err->code;
		}
		m->n++;
		if (add_areas(m, &m->run[i], err)) {
			lc_matrix_free(m);
			return err->code;
		}
	}
	return LP_OK;
}

void lc_matrix_free(struct lc_matrix *m)
{
	for (size_t i = 0; i < m->n; i++)
		lc_results_free(&m->run[i]);
	free(m->run);
	free(m->area);
	*m = (struct lc_matrix){0};
}

static void count(struct lc_tally *t, const json_t *row)
{
	enum lc_class c = lc_row_class(row, "class");
	bool must = !strcmp(lc_row_text(row, "level"), "MUST");

	t->unexpected += lc_row_true(row, "unexpected");
	if (lc_row_true(row, "declared")) {
		t->declined++;
		return;
	}
	t->asked++;
	t->class[c]++;
	*(must ? &t->must : &t->should) += 1;
	if (c == LC_PASS)
		*(must ? &t->must_passed : &t->should_passed) += 1;
}

struct lc_tally lc_tally_of(const struct lc_results *r, const char *area, const char *format)
{
	struct lc_tally t = {0};
	char own[LC_AREA];
	json_t *row;
	size_t i;

	json_array_foreach(r->rows, i, row) {
		lc_output_area(row, own);
		if ((!area || !strcmp(own, area)) &&
		    (!format || !strcmp(lc_row_text(row, "format"), format)))
			count(&t, row);
	}
	return t;
}

const char *lc_tally_state(const struct lc_tally *t)
{
	if (t->unexpected)
		return "bad";
	if (!t->asked)
		return "none";
	return t->class[LC_PASS] == t->asked ? "good" : "known";
}

void lc_matrix_name(const struct lc_results *r, char *out, size_t room)
{
	const json_t *impl = json_object_get(json_object_get(r->header, "hello"), "impl");

	snprintf(out, room, "%s %s", lc_row_text(r->header, "adapter"),
		 lc_row_text(impl, "version"));
}

void lc_matrix_markdown(const struct lc_matrix *m, FILE *out)
{
	char name[160];

	fputs("| area |", out);
	for (size_t i = 0; i < m->n; i++) {
		lc_matrix_name(&m->run[i], name, sizeof(name));
		fprintf(out, " %s |", name);
	}
	fputs("\n| --- |", out);
	for (size_t i = 0; i < m->n; i++)
		fputs(" --- |", out);
	for (size_t a = 0; a <= m->nareas; a++) {
		const char *area = a < m->nareas ? m->area[a] : NULL;

		fprintf(out, "\n| %s |", area ? area : "**all**");
		for (size_t i = 0; i < m->n; i++) {
			struct lc_tally t = lc_tally_of(&m->run[i], area, NULL);

			if (!t.asked)
				fputs(" - |", out);
			else if (t.unexpected)
				fprintf(out, " **%zu/%zu** |", t.class[LC_PASS], t.asked);
			else
				fprintf(out, " %zu/%zu |", t.class[LC_PASS], t.asked);
		}
	}
	fputs("\n\nPassed of asked; `-`: not declared; bold: not as its gate file says.\n", out);
}
