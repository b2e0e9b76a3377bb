// SPDX-License-Identifier: MIT
#include "run/results.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

#define RULE "lazyconf.results.json"

const char *lc_row_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

bool lc_row_true(const json_t *row, const char *key)
{
	return json_is_true(json_object_get(row, key));
}

enum lc_class lc_row_class(const json_t *row, const char *key)
{
	enum lc_class c = LC_HARNESS;

	lc_class_find(lc_row_text(row, key), &c);
	return c;
}

bool lc_row_unexpected(const json_t *row, bool strict)
{
	enum lc_class c = lc_row_class(row, "observed");
	bool must = !strcmp(lc_row_text(row, "level"), "MUST");

	if (c == LC_PASS)
		return strict && (lc_row_true(row, "late") || lc_row_true(row, "other_code"));
	if (c == LC_FAIL)
		return must || strict;
	return !lc_class_skipped(c);
}

static enum lp_code take_line(struct lc_results *r, const char *line, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	json_t *summary;

	if (lp_json_parse(line, n, RULE, &o, err))
		return err->code;
	if (!r->header) {
		if (strcmp(lc_row_text(o, "schema"), LC_RESULTS_SCHEMA) != 0)
			return lp_fail(err, LP_EFORMAT, 0, RULE, "its first line is no header of %s",
				       LC_RESULTS_SCHEMA);
		r->header = json_incref(o);
		return LP_OK;
	}
	summary = json_object_get(o, "summary");
	if (summary)
		r->vectors_per_s = json_number_value(json_object_get(summary, "vectors_per_s"));
	else if (!*lc_row_text(o, "id"))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "a row without id");
	else if (json_array_append(r->rows, o))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	return LP_OK;
}

enum lp_code lc_results_load(struct lc_results *r, const char *path, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	size_t at = 0;

	*r = (struct lc_results){.rows = json_array()};
	if (lp_file_load(AT_FDCWD, path, LC_RESULTS_MAX, &text, err)) {
		lc_results_free(r);
		return err->code;
	}
	while (at < text.len) {
		const char *line = (const char *)text.p + at;
		const char *end = memchr(line, '\n', text.len - at);
		size_t n = end ? (size_t)(end - line) : text.len - at;

		if (n && take_line(r, line, n, err)) {
			lc_results_free(r);
			return lp_within(err, "%s", path);
		}
		at += n + 1;
	}
	if (r->header)
		return LP_OK;
	lc_results_free(r);
	return lp_fail(err, LP_EFORMAT, 0, RULE, "%s: no results", path);
}

void lc_results_free(struct lc_results *r)
{
	json_decref(r->header);
	json_decref(r->rows);
	*r = (struct lc_results){0};
}

void lc_results_count(const struct lc_results *r, struct lc_counts *out)
{
	json_t *row;
	size_t i;

	*out = (struct lc_counts){0};
	json_array_foreach(r->rows, i, row) {
		enum lc_class c = lc_row_class(row, "class");

		out->class[c]++;
		out->late += lc_row_true(row, "late");
		out->other_code += lc_row_true(row, "other_code");
		if (lc_row_true(row, "unexpected"))
			out->failed++;
		else if (c == LC_PASS)
			out->passed++;
		else
			out->skipped++;
	}
}

static enum lp_code add(const json_t *j, struct lp_buf *out, struct lp_err *err)
{
	if (lp_json_print(j, out, LC_RESULTS_MAX, err))
		return err->code;
	return lp_buf_add(out, "\n", 1, LC_RESULTS_MAX, err);
}

static json_t *summary_of(const struct lc_results *r)
{
	struct lc_counts n;
	json_t *class = json_object();

	lc_results_count(r, &n);
	for (unsigned c = 0; c < LC_NCLASS; c++)
		if (n.class[c])
			json_object_set_new(class, lc_class_name((enum lc_class)c),
					    json_integer((json_int_t)n.class[c]));
	return json_pack("{s:{s:I, s:I, s:I, s:I, s:I, s:f, s:o}}", "summary", "passed",
			 (json_int_t)n.passed, "failed", (json_int_t)n.failed, "skipped",
			 (json_int_t)n.skipped, "late", (json_int_t)n.late, "other_code",
			 (json_int_t)n.other_code, "vectors_per_s", r->vectors_per_s, "class",
			 class);
}

enum lp_code lc_results_print(const struct lc_results *r, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *summary = summary_of(r);
	json_t *row;
	size_t i;

	if (!summary)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	if (add(r->header, out, err))
		return err->code;
	json_array_foreach(r->rows, i, row)
		if (add(row, out, err))
			return err->code;
	return add(summary, out, err);
}
