// SPDX-License-Identifier: MIT
#include "run/output.h"

#include <string.h>

static void attribute(const char *name, const char *value, FILE *out)
{
	fprintf(out, " %s=\"", name);
	lc_output_escaped(value, out);
	putc('"', out);
}

static void element(const char *name, const json_t *row, FILE *out)
{
	fprintf(out, "<%s", name);
	attribute("message", lc_row_text(row, "why"), out);
	if (strcmp(name, "skipped") != 0)
		attribute("type", lc_row_text(row, "class"), out);
	fputs("/>", out);
}

static void one_case(const json_t *row, FILE *out)
{
	double us = json_number_value(json_object_get(row, "us"));
	enum lc_class c = lc_row_class(row, "class");
	char area[LC_AREA];

	lc_output_area(row, area);
	fputs("    <testcase", out);
	attribute("classname", area, out);
	attribute("name", lc_row_text(row, "id"), out);
	fprintf(out, " time=\"%.6f\">", us / 1e6);
	if (lc_row_true(row, "unexpected"))
		element(c == LC_HARNESS ? "error" : "failure", row, out);
	else if (c != LC_PASS)
		element("skipped", row, out);
	fputs("</testcase>\n", out);
}

/* The rows of area @name, or how many there are. */
struct suite {
	size_t n, failures, errors, skipped;
};

static struct suite measure(const struct lc_results *r, const char *name)
{
	struct suite s = {0};
	char area[LC_AREA];
	json_t *row;
	size_t i;

	json_array_foreach(r->rows, i, row) {
		enum lc_class c = lc_row_class(row, "class");

		lc_output_area(row, area);
		if (strcmp(area, name) != 0)
			continue;
		s.n++;
		if (lc_row_true(row, "unexpected"))
			*(c == LC_HARNESS ? &s.errors : &s.failures) += 1;
		else
			s.skipped += c != LC_PASS;
	}
	return s;
}

static void one_suite(const struct lc_results *r, const char *name, FILE *out)
{
	struct suite s = measure(r, name);
	char area[LC_AREA];
	json_t *row;
	size_t i;

	fputs("  <testsuite", out);
	attribute("name", name, out);
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\">\n", s.n,
		s.failures, s.errors, s.skipped);
	json_array_foreach(r->rows, i, row) {
		lc_output_area(row, area);
		if (!strcmp(area, name))
			one_case(row, out);
	}
	fputs("  </testsuite>\n", out);
}

void lc_output_junit(const struct lc_results *r, FILE *out)
{
	LP_AUTO(lp_json_free) json_t *seen = json_object();
	char area[LC_AREA];
	const char *name;
	json_t *row, *value;
	size_t i;

	json_array_foreach(r->rows, i, row) {
		lc_output_area(row, area);
		json_object_set_new(seen, area, json_true());
	}
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
	attribute("name", lc_row_text(r->header, "adapter"), out);
	fputs(">\n", out);
	json_object_foreach(seen, name, value) {
		one_suite(r, name, out);
	}
	fputs("</testsuites>\n", out);
}
