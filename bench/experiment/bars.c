// SPDX-License-Identifier: MIT
#include "experiment/bars.h"

#include "measure/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_MAX ((size_t)16 << 20)
#define PPM 1000000

static const json_t *bars_of(const json_t *lines)
{
	return json_object_get(json_array_get(lines, 0), "bars");
}

bool lb_bars_are(const json_t *lines)
{
	return json_is_array(bars_of(lines));
}

static bool is_of(const json_t *line, const char *contest, const char *side)
{
	return !strcmp(lb_word(line, "kind"), "measure") &&
	       !strcmp(lb_word(line, "contest"), contest) &&
	       !strcmp(lb_word(line, "side"), side) &&
	       !json_is_true(json_object_get(line, "warmup"));
}

/* A valid line that has the metric. */
static bool counts(const json_t *line, const char *metric)
{
	return json_is_true(json_object_get(line, "valid")) &&
	       json_is_integer(json_object_get(line, metric));
}

/* The values of one side into @value[], in the order of the lines. */
static size_t gather(const json_t *lines, const struct lb_standing *s, const char *side,
		     uint64_t *value)
{
	size_t n = 0;

	for (size_t i = 1; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		if (is_of(line, s->contest, side) && counts(line, s->metric))
			value[n++] = lb_number(line, s->metric);
	}
	return n;
}

/* The value that the other side had in this round; 0: none. */
static uint64_t other_of(const json_t *lines, const struct lb_standing *s, uint64_t round)
{
	for (size_t i = 1; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		if (is_of(line, s->contest, "theirs") && counts(line, s->metric) &&
		    lb_number(line, "round") == round)
			return lb_number(line, s->metric);
	}
	return 0;
}

static size_t pair(const json_t *lines, const struct lb_standing *s, uint64_t *value)
{
	size_t n = 0;

	for (size_t i = 1; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);
		uint64_t other;

		if (!is_of(line, s->contest, "ours") || !counts(line, s->metric))
			continue;
		other = other_of(lines, s, lb_number(line, "round"));
		if (other)
			value[n++] = (uint64_t)((double)lb_number(line, s->metric) /
						(double)other * PPM + 0.5);
	}
	return n;
}

static size_t count_invalid(const json_t *lines, const char *contest)
{
	size_t n = 0;

	for (size_t i = 1; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		if (is_of(line, contest, "ours") || is_of(line, contest, "theirs"))
			n += !json_is_true(json_object_get(line, "valid"));
	}
	return n;
}

enum lp_code lb_bars_make(const json_t *lines, size_t i, struct lb_standing *out,
			  struct lp_err *err)
{
	const json_t *bar = json_array_get(bars_of(lines), i);
	uint64_t *value;
	size_t n;

	*out = (struct lb_standing){.contest = lb_word(bar, "contest")};
	if (!bar)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no bar number %zu", i);
	value = calloc(json_array_size(lines), sizeof(*value));
	if (!value)
		return lp_fail_errno(err, "bars");
	out->metric = lb_word(bar, "metric");
	out->note = lb_word(bar, "note");
	out->ratio_bar = lb_number(bar, "ratio_ppm");
	out->low_bar = lb_number(bar, "low_ppm");
	out->most = lb_number(bar, "most");
	out->invalid = count_invalid(lines, out->contest);
	n = gather(lines, out, "theirs", value);
	out->theirs = lb_quantile_of(value, n, 0.5);
	out->pairs = pair(lines, out, value);
	out->ratio = lb_quantile_of(value, out->pairs, 0.5);
	out->n = gather(lines, out, "ours", value);
	out->ours = lb_quantile_of(value, out->n, 0.5);
	free(value);
	return LP_OK;
}

static const char *judge(const struct lb_quantile *q, uint64_t bar)
{
	if (q->value > bar)
		return "no";
	return q->sure && q->high <= bar ? "yes" : "not surely";
}

const char *lb_bars_verdict(const struct lb_standing *s)
{
	if (!s->ratio_bar && !s->low_bar && !s->most)
		return "no bar";
	if (s->most ? !s->n : !s->pairs)
		return "not measured";
	if (s->low_bar && s->ratio.sure)
		return s->ratio.low <= s->low_bar ? "yes" : "no";
	if (s->low_bar)
		return "not surely";
	return s->ratio_bar ? judge(&s->ratio, s->ratio_bar) : judge(&s->ours, s->most);
}

/* In the unit that the metric's name ends with. */
static void print_value(const struct lb_standing *s, uint64_t value, FILE *out)
{
	const char *unit = strrchr(s->metric, '_');

	if (unit && !strcmp(unit, "_ns"))
		fprintf(out, "%.1f ms", (double)value / 1e6);
	else if (unit && !strcmp(unit, "_us"))
		fprintf(out, "%.1f ms", (double)value / 1e3);
	else if (unit && !strcmp(unit, "_kib"))
		fprintf(out, "%.1f MiB", (double)value / 1024);
	else if (unit && !strcmp(unit, "_ppm"))
		fprintf(out, "%.3f", (double)value / PPM);
	else if (!strcmp(s->metric, "requests"))
		fprintf(out, "%" PRIu64, value);
	else
		fprintf(out, "%.2f MB", (double)value / 1e6);
}

static void print_ratio(const struct lb_standing *s, FILE *out)
{
	if (!s->pairs) {
		fputs("-", out);
		return;
	}
	fprintf(out, "%.3f", (double)s->ratio.value / PPM);
	if (s->ratio.sure)
		fprintf(out, " [%.3f, %.3f]", (double)s->ratio.low / PPM,
			(double)s->ratio.high / PPM);
}

static void print_row(const struct lb_standing *s, FILE *out)
{
	fprintf(out, "| %s | %s | %zu | %zu | ", s->contest, s->metric, s->n, s->invalid);
	if (s->n)
		print_value(s, s->ours.value, out);
	fputs(" | ", out);
	if (s->theirs.value)
		print_value(s, s->theirs.value, out);
	fputs(" | ", out);
	print_ratio(s, out);
	fputs(" | ", out);
	if (s->ratio_bar)
		fprintf(out, "ratio <= %.3f", (double)s->ratio_bar / PPM);
	if (s->low_bar)
		fprintf(out, "lower end <= %.3f", (double)s->low_bar / PPM);
	if (s->most) {
		fputs("<= ", out);
		print_value(s, s->most, out);
	}
	fprintf(out, " | %s | %s |\n", lb_bars_verdict(s), s->note);
}

enum lp_code lb_bars_table(const json_t *lines, FILE *out, struct lp_err *err)
{
	const json_t *session = json_array_get(lines, 0);
	struct lb_standing s;

	fprintf(out, "%s, %s, commit %s, machine %s.\n", lb_word(session, "experiment"),
		lb_word(session, "started_utc"),
		lb_word(json_object_get(session, "now"), "commit"),
		lb_word(session, "fingerprint"));
	fputs("Medians; ratios ours / theirs are paired by round, exact intervals of at least 95 % "
	      "in brackets\n(none below 6 rounds).\n\n"
	      "| contest | metric | n | invalid | ours | theirs | ours / theirs | bar | holds | |\n"
	      "| --- | --- | --: | --: | --: | --: | --: | --: | --- | --- |\n", out);
	for (size_t i = 0; i < json_array_size(bars_of(lines)); i++) {
		if (lb_bars_make(lines, i, &s, err))
			return err->code;
		print_row(&s, out);
	}
	return LP_OK;
}

static json_t *quantile_json(const struct lb_quantile *q)
{
	json_t *o = json_object();

	lb_set_number(o, "value", q->value);
	json_object_set_new(o, "sure", json_boolean(q->sure));
	lb_set_number(o, "low", q->low);
	lb_set_number(o, "high", q->high);
	return o;
}

static json_t *standing_json(const struct lb_standing *s)
{
	json_t *o = json_object();

	lb_set_word(o, "contest", s->contest);
	lb_set_word(o, "metric", s->metric);
	lb_set_word(o, "note", s->note);
	lb_set_number(o, "n", s->n);
	lb_set_number(o, "pairs", s->pairs);
	lb_set_number(o, "invalid", s->invalid);
	json_object_set_new(o, "ours", s->n ? quantile_json(&s->ours) : json_null());
	json_object_set_new(o, "theirs", s->theirs.value ? quantile_json(&s->theirs) : json_null());
	json_object_set_new(o, "ratio_ppm", s->pairs ? quantile_json(&s->ratio) : json_null());
	lb_set_number(o, "ratio_bar_ppm", s->ratio_bar);
	lb_set_number(o, "low_bar_ppm", s->low_bar);
	lb_set_number(o, "most", s->most);
	lb_set_word(o, "holds", lb_bars_verdict(s));
	return o;
}

enum lp_code lb_bars_json(const json_t *lines, FILE *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = json_object();
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	const json_t *session = json_array_get(lines, 0);
	json_t *rows = json_array();
	struct lb_standing s;

	json_object_set_new(o, "rows", rows);
	for (size_t i = 0; i < json_array_size(bars_of(lines)); i++) {
		if (lb_bars_make(lines, i, &s, err))
			return err->code;
		json_array_append_new(rows, standing_json(&s));
	}
	lb_set_word(o, "experiment", lb_word(session, "experiment"));
	lb_set_word(o, "fingerprint", lb_word(session, "fingerprint"));
	lb_set_word(o, "started_utc", lb_word(session, "started_utc"));
	lb_set_word(o, "commit", lb_word(json_object_get(session, "now"), "commit"));
	if (lp_json_print(o, &text, PRINT_MAX, err))
		return err->code;
	fprintf(out, "%.*s\n", (int)text.len, (const char *)text.p);
	return LP_OK;
}
