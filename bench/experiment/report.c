// SPDX-License-Identifier: MIT
#include "experiment/report.h"

#include "measure/record.h"

#include <inttypes.h>
#include <string.h>

#define PRINT_MAX ((size_t)16 << 20)

enum { PULL, CREATE, RUN, READY };

/* "12.3" ms; "-" if it may not be printed. */
static void print_ms(const struct lb_quantile *q, FILE *out)
{
	if (q->sure)
		fprintf(out, "%.1f", (double)q->value / 1e6);
	else
		fputs("-", out);
}

static void print_interval(const struct lb_quantile *q, FILE *out)
{
	print_ms(q, out);
	if (q->sure)
		fprintf(out, " [%.1f, %.1f]", (double)q->low / 1e6, (double)q->high / 1e6);
}

static void print_row(const struct lb_row *r, FILE *out)
{
	fprintf(out, "| %s | %zu | %zu ", r->system, r->valid, r->invalid);
	if (r->failed) {
		fprintf(out, "| failed: %s | | | | | | | | |\n", r->why ? r->why : "no run");
		return;
	}
	for (size_t t = PULL; t < READY; t++) {
		fputs("| ", out);
		print_ms(&r->time[t].p50, out);
		fputs(" / ", out);
		print_ms(&r->time[t].p95, out);
		fputs(" ", out);
	}
	fputs("| ", out);
	print_interval(&r->time[READY].p50, out);
	fputs(" | ", out);
	print_interval(&r->time[READY].p95, out);
	fprintf(out, " | %.1f | ", (double)r->time[READY].least / 1e6);
	if (r->counted)
		fprintf(out, "%" PRIu64 " | %.2f |", r->requests.p50.value,
			(double)r->bytes.p50.value / 1e6);
	else
		fputs("n/a | n/a |", out);
	if (r->pairs && r->ratio.sure)
		fprintf(out, " %.3f [%.3f, %.3f] |\n", (double)r->ratio.value / 1e6,
			(double)r->ratio.low / 1e6, (double)r->ratio.high / 1e6);
	else
		fputs(" |\n", out);
}

static bool same_table(const struct lb_row *a, const struct lb_row *b)
{
	return !strcmp(a->image, b->image) && !strcmp(a->task, b->task) &&
	       !strcmp(a->system, "control") == !strcmp(b->system, "control");
}

void lb_report_table(const struct lb_summary *s, FILE *out)
{
	fprintf(out, "%s, commit %s, machine %s, seed %" PRIu64 "; times in ms.\n",
		lb_word(s->session, "started_utc"),
		lb_word(json_object_get(s->session, "now"), "commit"),
		lb_word(s->session, "fingerprint"), lb_number(s->session, "seed"));
	fputs("Nearest-rank percentiles, exact intervals of at least 95 % in brackets; - where "
	      "there are too few runs.\n", out);
	for (size_t i = 0; i < s->nrow; i++) {
		const struct lb_row *r = &s->row[i];

		if (!i || !same_table(r, r - 1))
			fprintf(out, "\n### %s, task %s\n\n"
				"| system | n | invalid | pull p50 / p95 | create p50 / p95 | "
				"run p50 / p95 | ready p50 | ready p95 | least | requests | MB | "
				"ready / baseline |\n"
				"| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: "
				"| --: |\n", r->image, r->task);
		print_row(r, out);
	}
}

static json_t *quantile_json(const struct lb_quantile *q)
{
	json_t *o = json_object();

	if (!q->sure) {
		json_decref(o);
		return json_null();
	}
	lb_set_number(o, "value", q->value);
	lb_set_number(o, "low", q->low);
	lb_set_number(o, "high", q->high);
	return o;
}

static json_t *spread_json(const struct lb_spread *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "p50", quantile_json(&s->p50));
	json_object_set_new(o, "p95", quantile_json(&s->p95));
	lb_set_number(o, "least", s->least);
	return o;
}

static json_t *row_json(const struct lb_row *r)
{
	json_t *o = json_object(), *times = json_object();

	lb_set_word(o, "image", r->image);
	lb_set_word(o, "task", r->task);
	lb_set_word(o, "system", r->system);
	lb_set_number(o, "valid", r->valid);
	lb_set_number(o, "invalid", r->invalid);
	json_object_set_new(o, "failed", json_boolean(r->failed));
	lb_set_word(o, "why", r->why);
	for (size_t t = 0; t < LB_TIMES && !r->failed; t++)
		json_object_set_new(times, lb_times[t], spread_json(&r->time[t]));
	json_object_set_new(o, "phase_ns", times);
	json_object_set_new(o, "requests", r->counted ? spread_json(&r->requests) : json_null());
	json_object_set_new(o, "body_bytes", r->counted ? spread_json(&r->bytes) : json_null());
	lb_set_number(o, "pairs", r->pairs);
	json_object_set_new(o, "ratio_ppm", r->pairs ? quantile_json(&r->ratio) : json_null());
	return o;
}

enum lp_code lb_report_json(const struct lb_summary *s, FILE *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = json_object();
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	json_t *rows = json_array();

	for (size_t i = 0; i < s->nrow; i++)
		json_array_append_new(rows, row_json(&s->row[i]));
	json_object_set_new(o, "rows", rows);
	lb_set_word(o, "fingerprint", lb_word(s->session, "fingerprint"));
	lb_set_word(o, "started_utc", lb_word(s->session, "started_utc"));
	lb_set_word(o, "commit", lb_word(json_object_get(s->session, "now"), "commit"));
	if (lp_json_print(o, &text, PRINT_MAX, err))
		return err->code;
	fprintf(out, "%.*s\n", (int)text.len, (const char *)text.p);
	return LP_OK;
}

static double ms(const struct lb_spread *s, bool tail)
{
	return (double)(tail ? s->p95.value : s->p50.value) / 1e6;
}

static void print_data(const struct lb_row *r, bool tail, FILE *out)
{
	const struct lb_quantile *q = tail ? &r->time[READY].p95 : &r->time[READY].p50;

	fprintf(out, "%s\t%s\t%s\t%zu\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t", r->image, r->task,
		r->system, r->valid, tail ? "p95" : "p50", ms(&r->time[PULL], tail),
		ms(&r->time[CREATE], tail), ms(&r->time[RUN], tail), ms(&r->time[READY], tail),
		(double)q->low / 1e6, (double)q->high / 1e6);
	if (r->counted)
		fprintf(out, "%" PRIu64 "\t%" PRIu64 "\n", r->requests.p50.value, r->bytes.p50.value);
	else
		fputs("n/a\tn/a\n", out);
}

/* Rows @from to @to are one table; @more: there is one before it. */
static bool print_block(const struct lb_summary *s, size_t from, size_t to, bool more, FILE *out)
{
	bool tail = true, printed = false;

	for (size_t i = from; i < to; i++)
		tail = tail && (s->row[i].failed || s->row[i].time[READY].p95.sure);
	for (size_t i = from; i < to; i++) {
		if (s->row[i].failed || !s->row[i].time[READY].p50.sure)
			continue;
		if (more && !printed)
			fputs("\n\n", out);
		print_data(&s->row[i], tail, out);
		printed = true;
	}
	return printed || more;
}

void lb_report_data(const struct lb_summary *s, bool *more, FILE *out)
{
	size_t from = 0;

	if (!*more)
		fputs("# image\ttask\tsystem\tn\tstatistic\tpull_ms\tcreate_ms\trun_ms\tready_ms\t"
		      "low_ms\thigh_ms\trequests\tbytes\n", out);
	for (size_t i = 1; i <= s->nrow; i++) {
		if (i < s->nrow && same_table(&s->row[i], &s->row[from]))
			continue;
		*more = print_block(s, from, i, *more, out);
		from = i;
	}
}
