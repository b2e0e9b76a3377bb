// SPDX-License-Identifier: MIT
#include "experiment/summary.h"

#include "measure/record.h"

#include <stdlib.h>
#include <string.h>

#define INVALID_PER_CENT 2	/* benchmark.md 3.3 */

const char *const lb_times[LB_TIMES] = {"pull", "create", "run", "ready"};

/* The runs of one cell that count, and room for the numbers of each. */
struct runs {
	const json_t **run;
	uint64_t *value;
	size_t n;
};

static void free_runs(struct runs *r)
{
	free(r->run);
	free(r->value);
}

static bool is_run(const json_t *line, const char *cell)
{
	return !strcmp(lb_word(line, "kind"), "run") && !strcmp(lb_word(line, "cell"), cell) &&
	       !json_is_true(json_object_get(line, "warmup"));
}

static enum lp_code gather(const json_t *lines, struct lb_row *row, struct runs *out,
			   struct lp_err *err)
{
	size_t all = json_array_size(lines);

	*out = (struct runs){.run = calloc(all, sizeof(*out->run)),
			     .value = calloc(all, sizeof(*out->value))};
	if (!out->run || !out->value)
		return lp_fail_errno(err, "summary");
	for (size_t i = 0; i < all; i++) {
		const json_t *line = json_array_get(lines, i);

		if (!is_run(line, row->name))
			continue;
		if (json_is_true(json_object_get(line, "valid"))) {
			out->run[out->n++] = line;
			continue;
		}
		row->invalid++;
		row->why = lb_word(line, "why");
	}
	row->valid = out->n;
	row->failed = !row->valid ||
		      row->invalid * 100 > INVALID_PER_CENT * (row->valid + row->invalid);
	return LP_OK;
}

static struct lb_spread spread_of(struct runs *r)
{
	struct lb_spread s = {.p50 = lb_quantile_of(r->value, r->n, 0.5)};

	s.p95 = lb_quantile_of(r->value, r->n, 0.95);
	s.least = r->n ? r->value[0] : 0;
	return s;
}

static uint64_t of_phases(const json_t *run, const char *key)
{
	const json_t *net = json_object_get(run, "net");

	return lb_number(json_object_get(net, "pull"), key) +
	       lb_number(json_object_get(net, "create"), key) +
	       lb_number(json_object_get(net, "run"), key);
}

static uint64_t ready_ns(const json_t *run)
{
	return lb_number(json_object_get(run, "phase_ns"), "ready");
}

static void summarise(struct runs *r, struct lb_row *row)
{
	for (size_t t = 0; t < LB_TIMES; t++) {
		for (size_t i = 0; i < r->n; i++)
			r->value[i] = lb_number(json_object_get(r->run[i], "phase_ns"),
						lb_times[t]);
		row->time[t] = spread_of(r);
	}
	row->counted = r->n && json_is_object(json_object_get(r->run[0], "net"));
	for (size_t i = 0; i < r->n; i++)
		r->value[i] = of_phases(r->run[i], "requests");
	row->requests = spread_of(r);
	for (size_t i = 0; i < r->n; i++)
		r->value[i] = of_phases(r->run[i], "body_bytes");
	row->bytes = spread_of(r);
}

static const json_t *same_round(const struct runs *r, uint64_t round)
{
	for (size_t i = 0; i < r->n; i++)
		if (lb_number(r->run[i], "round") == round)
			return r->run[i];
	return NULL;
}

static void pair(struct runs *r, const struct runs *base, struct lb_row *row)
{
	for (size_t i = 0; i < r->n; i++) {
		const json_t *other = same_round(base, lb_number(r->run[i], "round"));
		uint64_t base_ns = other ? ready_ns(other) : 0;

		if (base_ns)
			r->value[row->pairs++] = ready_ns(r->run[i]) * 1000000 / base_ns;
	}
	row->ratio = lb_quantile_of(r->value, row->pairs, 0.5);
}

/* The baseline's row for the image and task of @row, or NULL. */
static struct lb_row *base_of(struct lb_summary *s, const struct lb_row *row,
			      const char *baseline)
{
	for (size_t i = 0; i < s->nrow; i++)
		if (!strcmp(s->row[i].system, baseline) && !strcmp(s->row[i].image, row->image) &&
		    !strcmp(s->row[i].task, row->task))
			return &s->row[i];
	return NULL;
}

static enum lp_code fill(const json_t *lines, struct lb_summary *s, struct lb_row *row,
			 const char *baseline, struct lp_err *err)
{
	LP_AUTO(free_runs) struct runs runs = {.n = 0};
	LP_AUTO(free_runs) struct runs base = {.n = 0};
	struct lb_row ignored, *other = base_of(s, row, baseline);

	if (gather(lines, row, &runs, err))
		return err->code;
	summarise(&runs, row);
	if (!other || other == row)
		return LP_OK;
	ignored = *other;
	if (gather(lines, &ignored, &base, err))
		return err->code;
	pair(&runs, &base, row);
	return LP_OK;
}

enum lp_code lb_summary_make(const json_t *lines, const char *baseline, struct lb_summary *out,
			     struct lp_err *err)
{
	const json_t *cells;

	*out = (struct lb_summary){.session = json_array_get(lines, 0)};
	cells = json_object_get(out->session, "cells");
	out->row = calloc(json_array_size(cells) + 1, sizeof(*out->row));
	if (!out->row)
		return lp_fail_errno(err, "summary");
	out->nrow = json_array_size(cells);
	for (size_t i = 0; i < out->nrow; i++) {
		const json_t *cell = json_array_get(cells, i);

		out->row[i].name = lb_word(cell, "name");
		out->row[i].image = lb_word(cell, "image");
		out->row[i].task = lb_word(cell, "task");
		out->row[i].system = lb_word(cell, "system");
	}
	for (size_t i = 0; i < out->nrow; i++)
		if (fill(lines, out, &out->row[i], baseline, err)) {
			lb_summary_free(out);
			return err->code;
		}
	return LP_OK;
}

void lb_summary_free(struct lb_summary *s)
{
	free(s->row);
	*s = (struct lb_summary){.nrow = 0};
}
