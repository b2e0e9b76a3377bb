// SPDX-License-Identifier: MIT
#include "experiment/bars.h"

#include "testing/test.h"

#include <string.h>

static void add(json_t *list, const char *side, int round, bool valid, int ns)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:b, s:b, s:i}", "kind",
					      "measure", "contest", "c", "side", side, "round",
					      round, "valid", valid, "warmup", round == 0,
					      "wall_ns", ns));
}

/* @n rounds behind one of warm-up: theirs takes 1000, ours 200 + round; round 2 of theirs fails. */
static json_t *lines(int n)
{
	json_t *list = json_array();

	json_array_append_new(list, json_pack(
		"{s:s, s:[{s:s, s:s, s:i}, {s:s, s:s, s:i}, {s:s, s:s, s:i}, {s:s, s:s}, "
		"{s:s, s:s, s:i}, {s:s, s:s, s:i}]}",
		"kind", "session", "bars",
		"contest", "c", "metric", "wall_ns", "ratio_ppm", 250000,
		"contest", "c", "metric", "wall_ns", "most", 203,
		"contest", "c", "metric", "absent", "most", 1,
		"contest", "c", "metric", "wall_ns",
		"contest", "c", "metric", "wall_ns", "low_ppm", 201000,
		"contest", "c", "metric", "wall_ns", "low_ppm", 200000));
	for (int round = 0; round <= n; round++) {
		add(list, "theirs", round, round != 2, round ? 1000 : 1);
		add(list, "ours", round, true, round ? 200 + round : 9000);
	}
	return list;
}

static void test_standings(void)
{
	LP_AUTO(lp_json_free) json_t *l = lines(9);
	struct lb_standing s;
	struct lp_err err;

	CHECK(lb_bars_are(l), "a session with bars is one of contests");
	if (CHECK(!lb_bars_make(l, 0, &s, &err), "the ratio")) {
		CHECK(s.n == 9 && s.pairs == 8 && s.invalid == 1, "n %zu pairs %zu invalid %zu", s.n,
		      s.pairs, s.invalid);
		CHECK(s.ratio.value == 205000 && s.ratio.low == 201000 && s.ratio.high == 209000,
		      "ratio %llu", (unsigned long long)s.ratio.value);
		CHECK(!strcmp(lb_bars_verdict(&s), "yes"), "it holds: %s", lb_bars_verdict(&s));
	}
	CHECK(!lb_bars_make(l, 1, &s, &err) && !strcmp(lb_bars_verdict(&s), "no"),
	      "our median is above what is allowed");
	CHECK(!lb_bars_make(l, 2, &s, &err) && !strcmp(lb_bars_verdict(&s), "not measured"),
	      "a metric that nobody has");
	CHECK(!lb_bars_make(l, 3, &s, &err) && !strcmp(lb_bars_verdict(&s), "no bar"), "no bar");
	CHECK(!lb_bars_make(l, 4, &s, &err) && !strcmp(lb_bars_verdict(&s), "yes"),
	      "the lower end is not above its bar");
	CHECK(!lb_bars_make(l, 5, &s, &err) && !strcmp(lb_bars_verdict(&s), "no"),
	      "the whole interval is above");
	CHECK(lb_bars_make(l, 6, &s, &err) == LP_EMISSING, "the end");
}

static void test_few(void)
{
	LP_AUTO(lp_json_free) json_t *l = lines(3);
	struct lb_standing s;
	struct lp_err err;

	CHECK(!lb_bars_make(l, 0, &s, &err) && !s.ratio.sure &&
	      !strcmp(lb_bars_verdict(&s), "not surely"), "too few rounds for an interval");
	CHECK(!lb_bars_make(l, 4, &s, &err) && !strcmp(lb_bars_verdict(&s), "not surely"),
	      "nor has it a lower end");
	json_object_del(json_array_get(l, 0), "bars");
	CHECK(!lb_bars_are(l), "another experiment");
}

int main(void)
{
	test_standings();
	test_few();
	return test_done();
}
