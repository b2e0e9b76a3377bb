// SPDX-License-Identifier: MIT
#include "experiment/counts.h"

#include "measure/record.h"

#include <inttypes.h>
#include <string.h>

#define PRINT_MAX ((size_t)16 << 20)

static const json_t *member(const json_t *lines, const char *key)
{
	return json_object_get(json_array_get(lines, 0), key);
}

bool lb_counts_are(const json_t *lines)
{
	return json_is_array(member(lines, "zero"));
}

static bool is_of(const json_t *line, const char *contest)
{
	return !strcmp(lb_word(line, "kind"), "measure") &&
	       !strcmp(lb_word(line, "contest"), contest) &&
	       !json_is_true(json_object_get(line, "warmup"));
}

/* Valid rounds of a contest, or the others. */
static size_t rounds(const json_t *lines, const char *contest, bool valid)
{
	size_t n = 0;

	for (size_t i = 1; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		n += is_of(line, contest) &&
		     valid == json_is_true(json_object_get(line, "valid"));
	}
	return n;
}

/* What was wrong in an invalid round counts as well. */
static uint64_t sum(const json_t *lines, const char *contest, const char *key)
{
	uint64_t n = 0;

	for (size_t i = 1; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		if (is_of(line, contest))
			n += lb_number(line, key);
	}
	return n;
}

/* The sums of all @keys; in @all that of these. */
static json_t *sums(const json_t *lines, const char *contest, const char *keys, uint64_t *all)
{
	const json_t *list = member(lines, keys);
	json_t *o = json_object();

	*all = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *key = json_string_value(json_array_get(list, i));
		uint64_t n = key ? sum(lines, contest, key) : 0;

		if (key)
			lb_set_number(o, key, n);
		*all += n;
	}
	return o;
}

static const char *verdict(size_t n, size_t invalid, uint64_t wrong)
{
	if (wrong)
		return "no";
	if (!n)
		return "not measured";
	return invalid ? "not surely" : "yes";
}

enum lp_code lb_counts_make(const json_t *lines, size_t i, json_t **out, struct lp_err *err)
{
	const char *contest = json_string_value(json_array_get(member(lines, "contests"), i));
	uint64_t wrong, counted;
	size_t n, invalid;

	*out = NULL;
	if (!contest)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no contest number %zu", i);
	*out = json_object();
	if (!*out)
		return lp_fail_errno(err, "counts");
	n = rounds(lines, contest, true);
	invalid = rounds(lines, contest, false);
	lb_set_word(*out, "contest", contest);
	lb_set_number(*out, "n", n);
	lb_set_number(*out, "invalid", invalid);
	json_object_set_new(*out, "count", sums(lines, contest, "count", &counted));
	json_object_set_new(*out, "zero", sums(lines, contest, "zero", &wrong));
	lb_set_word(*out, "holds", verdict(n, invalid, wrong));
	return LP_OK;
}

static void print_names(const json_t *names, FILE *out)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		fprintf(out, " %s |", json_string_value(json_array_get(names, i)));
}

/* In the order of @names, which the object has lost. */
static void print_sums(const json_t *names, const json_t *sums, FILE *out)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		fprintf(out, " %" PRIu64 " |",
			lb_number(sums, json_string_value(json_array_get(names, i))));
}

static void print_head(const json_t *lines, FILE *out)
{
	const json_t *session = json_array_get(lines, 0);
	size_t columns = json_array_size(member(lines, "count")) +
			 json_array_size(member(lines, "zero"));

	fprintf(out, "%s, %s, commit %s, machine %s, seed %" PRIu64 ".\n",
		lb_word(session, "experiment"), lb_word(session, "started_utc"),
		lb_word(json_object_get(session, "now"), "commit"),
		lb_word(session, "fingerprint"), lb_number(session, "seed"));
	fputs("Sums over all rounds.  Have to be 0:", out);
	for (size_t i = 0; i < json_array_size(member(lines, "zero")); i++)
		fprintf(out, "%s %s", i ? "," : "",
			json_string_value(json_array_get(member(lines, "zero"), i)));
	fputs(".\n\n| contest | n | invalid |", out);
	print_names(member(lines, "count"), out);
	print_names(member(lines, "zero"), out);
	fputs(" holds |\n| --- | --: | --: |", out);
	for (size_t i = 0; i < columns; i++)
		fputs(" --: |", out);
	fputs(" --- |\n", out);
}

enum lp_code lb_counts_table(const json_t *lines, FILE *out, struct lp_err *err)
{
	print_head(lines, out);
	for (size_t i = 0; i < json_array_size(member(lines, "contests")); i++) {
		LP_AUTO(lp_json_free) json_t *row = NULL;

		if (lb_counts_make(lines, i, &row, err))
			return err->code;
		fprintf(out, "| %s | %" PRIu64 " | %" PRIu64 " |", lb_word(row, "contest"),
			lb_number(row, "n"), lb_number(row, "invalid"));
		print_sums(member(lines, "count"), json_object_get(row, "count"), out);
		print_sums(member(lines, "zero"), json_object_get(row, "zero"), out);
		fprintf(out, " %s |\n", lb_word(row, "holds"));
	}
	return LP_OK;
}

enum lp_code lb_counts_json(const json_t *lines, FILE *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = json_object();
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	const json_t *session = json_array_get(lines, 0);
	json_t *list = json_array();

	json_object_set_new(o, "rows", list);
	for (size_t i = 0; i < json_array_size(member(lines, "contests")); i++) {
		json_t *row;

		if (lb_counts_make(lines, i, &row, err))
			return err->code;
		json_array_append_new(list, row);
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
