// SPDX-License-Identifier: MIT
#include "run/matrix.h"

#include <string.h>

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>lazyconf</title>\n<style>\n"
	":root{color-scheme:light dark;--good:#1a7f37;--known:#9a6700;--bad:#cf222e;--line:#8884}\n"
	"body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:75rem;padding:1rem}\n"
	".wide{overflow-x:auto;max-height:85vh}\n"
	"table{border-collapse:separate;border-spacing:0}\n"
	"th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left}\n"
	"thead th{position:sticky;top:0;background:Canvas;z-index:1}\n"
	"tbody th{position:sticky;left:0;background:Canvas;font-weight:500}\n"
	"td a{display:block;min-width:3.5rem;padding:.2rem .4rem;border-radius:.3rem;color:#fff;"
	"text-align:center;text-decoration:none;white-space:nowrap}\n"
	".good{background:var(--good)}.known{background:var(--known)}.bad{background:var(--bad)}\n"
	".none{color:GrayText;text-align:center}\n"
	"section{display:none;border-top:2px solid var(--line);margin-top:1.5rem}\n"
	"section:target{display:block}\n"
	"li{overflow-wrap:anywhere;margin:.4rem 0}code{font-size:.9em}\n"
	"b.pass,b.xfail{font-weight:500}small{color:GrayText}\n"
	"</style></head><body>\n<h1>lazyconf</h1>\n";

static void texts(const char *before, const char *text, const char *behind, FILE *out)
{
	fputs(before, out);
	lc_output_escaped(text, out);
	fputs(behind, out);
}

static void implementation(const struct lc_results *r, FILE *out)
{
	const json_t *hello = json_object_get(r->header, "hello");
	const char *home = lc_row_text(json_object_get(hello, "impl"), "home");
	struct lc_tally t = lc_tally_of(r, NULL, NULL);
	char name[160];

	lc_matrix_name(r, name, sizeof(name));
	texts("<li><b>", name, "</b>", out);
	if (!strncmp(home, "https://", 8)) {
		texts(" (<a href=\"", home, "\">", out);
		texts("", home + 8, "</a>)", out);
	}
	fprintf(out, ": %zu/%zu MUST, %zu/%zu SHOULD", t.must_passed, t.must, t.should_passed,
		t.should);
	for (unsigned c = 1; c < LC_NCLASS; c++)
		if (t.class[c])
			fprintf(out, ", %zu %s", t.class[c], lc_class_name((enum lc_class)c));
	fprintf(out, "; %zu not declared.</li>\n", t.declined);
}

static void cell(const struct lc_matrix *m, size_t i, size_t a, FILE *out)
{
	struct lc_tally t = lc_tally_of(&m->run[i], m->area[a], NULL);

	if (!t.asked && !t.unexpected)
		fputs("<td class=\"none\">-</td>", out);
	else
		fprintf(out, "<td><a class=\"%s\" href=\"#c%zu-%zu\">%zu/%zu</a></td>",
			lc_tally_state(&t), i, a, t.class[LC_PASS], t.asked);
}

static void table(const struct lc_matrix *m, FILE *out)
{
	char name[160];

	fputs("<div class=\"wide\"><table><thead><tr><th>area</th>", out);
	for (size_t i = 0; i < m->n; i++) {
		lc_matrix_name(&m->run[i], name, sizeof(name));
		texts("<th>", name, "</th>", out);
	}
	fputs("</tr></thead><tbody>\n", out);
	for (size_t a = 0; a < m->nareas; a++) {
		texts("<tr><th>", m->area[a], "</th>", out);
		for (size_t i = 0; i < m->n; i++)
			cell(m, i, a, out);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

static void vector(const json_t *row, FILE *out)
{
	json_t *clause;
	size_t i;

	texts("<li><b class=\"", lc_row_text(row, "class"), "\">", out);
	texts("", lc_row_text(row, "class"), "</b> <code>", out);
	texts("", lc_row_text(row, "id"), "</code> ", out);
	lc_output_escaped(lc_row_text(row, "title"), out);
	if (*lc_row_text(row, "why"))
		texts("<br>", lc_row_text(row, "why"), "", out);
	fputs("<br><small>", out);
	texts("expect ", lc_row_text(row, "expect"), "", out);
	if (*lc_row_text(row, "outcome"))
		texts(", got ", lc_row_text(row, "outcome"), "", out);
	if (*lc_row_text(row, "phase"))
		texts(" in ", lc_row_text(row, "phase"), "", out);
	json_array_foreach(json_object_get(row, "clauses"), i, clause) {
		texts(i ? ", " : "; ", json_string_value(clause), "", out);
	}
	fputs("</small></li>\n", out);
}

/* The vectors behind a cell: first those that did not pass. */
static void section(const struct lc_matrix *m, size_t i, size_t a, FILE *out)
{
	char name[160], area[LC_AREA];
	json_t *row;
	size_t k;

	lc_matrix_name(&m->run[i], name, sizeof(name));
	fprintf(out, "<section id=\"c%zu-%zu\"><h2>", i, a);
	texts("", name, ": ", out);
	texts("", m->area[a], "</h2><p><a href=\"#\">close</a></p><ul>\n", out);
	for (int passed = 0; passed < 2; passed++)
		json_array_foreach(m->run[i].rows, k, row) {
			lc_output_area(row, area);
			if (!strcmp(area, m->area[a]) && !lc_row_true(row, "declared") &&
			    (lc_row_class(row, "class") == LC_PASS) == passed)
				vector(row, out);
		}
	fputs("</ul></section>\n", out);
}

void lc_matrix_html(const struct lc_matrix *m, FILE *out)
{
	fputs(head, out);
	fputs("<p>Vectors passed of vectors asked. A cell opens its vectors. Green: all; yellow: the "
	      "rest is known and stands in the gate file; red: not as expected; -: the "
	      "implementation does not declare it.</p>\n<ul>\n", out);
	for (size_t i = 0; i < m->n; i++)
		implementation(&m->run[i], out);
	fputs("</ul>\n", out);
	table(m, out);
	for (size_t i = 0; i < m->n; i++)
		for (size_t a = 0; a < m->nareas; a++) {
			struct lc_tally t = lc_tally_of(&m->run[i], m->area[a], NULL);

			if (t.asked || t.unexpected)
				section(m, i, a, out);
		}
	fputs("</body></html>\n", out);
}
