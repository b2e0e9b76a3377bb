// SPDX-License-Identifier: MIT
#include "run/output.h"

#include <string.h>

void lc_output_area(const json_t *row, char out[static LC_AREA])
{
	const char *area = lc_row_text(row, "area");

	snprintf(out, LC_AREA, "%s", *area ? area : "gate");
}

void lc_output_escaped(const char *text, FILE *out)
{
	for (; *text; text++)
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			putc((unsigned char)*text < 32 || *text == 127 ? '?' : *text, out);
		}
}

void lc_output_sums(const struct lc_results *r, FILE *out)
{
	struct lc_counts n;

	lc_results_count(r, &n);
	fprintf(out, "%zu passed, %zu failed, %zu skipped\n", n.passed, n.failed, n.skipped);
}

static void classes(const struct lc_results *r, FILE *out)
{
	struct lc_counts n;
	const char *comma = "";

	lc_results_count(r, &n);
	for (unsigned c = 0; c < LC_NCLASS; c++)
		if (n.class[c]) {
			fprintf(out, "%s%s %zu", comma, lc_class_name((enum lc_class)c), n.class[c]);
			comma = ", ";
		}
	if (n.late)
		fprintf(out, ", late %zu", n.late);
	if (n.other_code)
		fprintf(out, ", other-code %zu", n.other_code);
	putc('\n', out);
}

static const char *impl(const struct lc_results *r, const char *key)
{
	return lc_row_text(json_object_get(json_object_get(r->header, "hello"), "impl"), key);
}

static void text(const struct lc_results *r, FILE *out)
{
	json_t *row;
	size_t i;

	json_array_foreach(r->rows, i, row)
		if (lc_row_true(row, "unexpected"))
			fprintf(out, "  FAIL  %-28s %s: %s\n", lc_row_text(row, "id"),
				lc_row_text(row, "class"), lc_row_text(row, "why"));
	fprintf(out, "%s %s, mode %s, seed %" JSON_INTEGER_FORMAT ": ", impl(r, "name"),
		impl(r, "version"), lc_row_text(r->header, "mode"),
		json_integer_value(json_object_get(r->header, "seed")));
	classes(r, out);
	if (r->vectors_per_s > 0)
		fprintf(out, "%.0f vectors per second\n", r->vectors_per_s);
	lc_output_sums(r, out);
}

/* A description may hold neither a hash nor a newline. */
static void tap_text(const char *t, FILE *out)
{
	for (; *t; t++)
		putc(*t == '#' || (unsigned char)*t < 32 ? ' ' : *t, out);
}

static void tap(const struct lc_results *r, FILE *out)
{
	json_t *row;
	size_t i;

	fprintf(out, "TAP version 14\n1..%zu\n", json_array_size(r->rows));
	json_array_foreach(r->rows, i, row) {
		bool bad = lc_row_true(row, "unexpected");
		enum lc_class c = lc_row_class(row, "class");

		fprintf(out, "%sok %zu - ", bad ? "not " : "", i + 1);
		tap_text(lc_row_text(row, "id"), out);
		putc(' ', out);
		tap_text(lc_row_text(row, "title"), out);
		if (!bad && c != LC_PASS)
			fputs(c == LC_XFAIL ? " # TODO " : " # SKIP ", out);
		if (!bad && c != LC_PASS)
			tap_text(lc_row_text(row, "why"), out);
		fprintf(out, "\n");
		if (!bad)
			continue;
		fprintf(out, "  ---\n  class: %s\n  why: \"", lc_row_text(row, "class"));
		for (const char *t = lc_row_text(row, "why"); *t; t++)
			putc(*t == '"' || *t == '\\' || (unsigned char)*t < 32 ? '\'' : *t, out);
		fprintf(out, "\"\n  ...\n");
	}
	lc_output_sums(r, out);
}

static void cell(const char *t, FILE *out)
{
	for (; *t; t++) {
		if (*t == '|')
			putc('\\', out);
		putc((unsigned char)*t < 32 ? ' ' : *t, out);
	}
}

static void markdown(const struct lc_results *r, FILE *out)
{
	bool any = false;
	json_t *row;
	size_t i;

	fprintf(out, "# %s %s\n\n", impl(r, "name"), impl(r, "version"));
	fprintf(out, "Suite %s, mode %s, seed %" JSON_INTEGER_FORMAT ": ",
		lc_row_text(json_object_get(r->header, "suite"), "version"),
		lc_row_text(r->header, "mode"),
		json_integer_value(json_object_get(r->header, "seed")));
	classes(r, out);
	json_array_foreach(r->rows, i, row) {
		if (lc_row_class(row, "class") == LC_PASS && !lc_row_true(row, "unexpected"))
			continue;
		if (lc_row_true(row, "declared"))
			continue;
		if (!any)
			fputs("\n| vector | class | why | title |\n| --- | --- | --- | --- |\n", out);
		any = true;
		fprintf(out, "| %s | %s%s%s | ", lc_row_text(row, "id"),
			lc_row_true(row, "unexpected") ? "**" : "", lc_row_text(row, "class"),
			lc_row_true(row, "unexpected") ? "**" : "");
		cell(lc_row_text(row, "why"), out);
		fputs(" | ", out);
		cell(lc_row_text(row, "title"), out);
		fputs(" |\n", out);
	}
	putc('\n', out);
	lc_output_sums(r, out);
}

enum lp_code lc_output(const struct lc_results *r, enum lc_form form, FILE *out,
		       struct lp_err *err)
{
	static void (*const forms[])(const struct lc_results *, FILE *) = {
		[LC_TEXT] = text, [LC_TAP] = tap, [LC_JUNIT] = lc_output_junit,
		[LC_MARKDOWN] = markdown,
	};
	LP_AUTO(lp_buf_free) struct lp_buf lines = {0};

	if (form != LC_JSONL)
		forms[form](r, out);
	else if (lc_results_print(r, &lines, err))
		return err->code;
	else
		fwrite(lines.p, 1, lines.len, out);
	if (fflush(out) || ferror(out))
		return lp_fail_errno(err, "write results");
	return LP_OK;
}
