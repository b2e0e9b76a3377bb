// SPDX-License-Identifier: MIT
#include "experiment/summary.h"

#include "testing/test.h"

#include <stdio.h>
#include <string.h>

static json_t *cell(const char *system)
{
	char name[64];

	snprintf(name, sizeof(name), "i/t %s", system);
	return json_pack("{s:s, s:s, s:s, s:s}", "name", name, "image", "i", "task", "t", "system",
			 system);
}

static json_t *run(const char *system, int round, bool valid, int ready)
{
	char name[64];

	snprintf(name, sizeof(name), "i/t %s", system);
	return json_pack("{s:s, s:s, s:i, s:b, s:b, s:s, s:{s:i, s:i, s:i, s:i},"
			 "s:{s:{s:i, s:i}, s:{s:i, s:i}, s:{s:i, s:i}, s:{s:i, s:i}}}",
			 "kind", "run", "cell", name, "round", round, "valid", valid, "warmup",
			 round == 0, "why", valid ? "" : "crash",
			 "phase_ns", "pull", 1, "create", 2, "run", 3, "ready", ready,
			 "net", "pull", "requests", 5, "body_bytes", 100, "create", "requests", 1,
			 "body_bytes", 10, "run", "requests", 2, "body_bytes", 20, "after",
			 "requests", 7, "body_bytes", 1000);
}

/* 100 rounds behind one of warm-up: base takes 1000 + round, ours half, and one run crashed. */
static json_t *lines(size_t crashes)
{
	json_t *list = json_array();

	json_array_append_new(list, json_pack("{s:s, s:[o, o, o]}", "kind", "session", "cells",
					      cell("base"), cell("ours"), cell("absent")));
	for (int round = 0; round <= 100; round++) {
		bool bad = round && (size_t)round <= crashes;

		json_array_append_new(list, run("base", round, true, round ? 1000 + round : 1));
		json_array_append_new(list, run("ours", round, !bad, bad ? 1 : 500));
	}
	return list;
}

int main(void)
{
	json_t *all = lines(2);
	struct lb_summary s;
	struct lp_err err;

	if (CHECK(lb_summary_make(all, "base", &s, &err) == LP_OK, "a summary")) {
		const struct lb_row *base = &s.row[0], *ours = &s.row[1], *absent = &s.row[2];

		CHECK(s.nrow == 3 && base->valid == 100 && !base->invalid, "the warm-up is out");
		CHECK(base->time[3].p95.value == 1095 && base->time[3].p95.low == 1090 &&
		      base->time[3].p95.high == 1099 && base->time[3].least == 1001, "ready p95");
		CHECK(base->time[0].p50.value == 1 && base->time[2].p50.value == 3, "phases");
		CHECK(base->counted && base->requests.p50.value == 8 &&
		      base->bytes.p50.value == 130, "requests and bytes up to ready");
		CHECK(!base->pairs, "the baseline has no ratio to itself");
		CHECK(ours->valid == 98 && ours->invalid == 2 && !ours->failed,
		      "2 %% invalid: counted, no number, not failed");
		CHECK(ours->time[3].least == 500, "an invalid run is no number");
		CHECK(!strcmp(ours->why, "crash"), "it says why");
		/* rounds 3 to 100: 500/1003 to 500/1100, the median is that of round 52 */
		CHECK(ours->pairs == 98 && ours->ratio.value == 475285, "the median of ratios");
		CHECK(absent->failed && !absent->valid && !absent->counted, "a cell without runs");
	}
	lb_summary_free(&s);
	json_decref(all);
	all = lines(3);
	if (CHECK(lb_summary_make(all, "base", &s, &err) == LP_OK, "another"))
		CHECK(s.row[1].failed, "3 %% invalid fail the cell");
	lb_summary_free(&s);
	json_decref(all);
	return test_done();
}
