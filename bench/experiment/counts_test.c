// SPDX-License-Identifier: MIT
#include "experiment/counts.h"

#include "measure/record.h"
#include "testing/test.h"

#include <string.h>

static void add(json_t *list, const char *contest, bool valid, bool warmup, int wrong)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:i, s:i}", "kind", "measure",
					      "contest", contest, "valid", valid, "warmup", warmup,
					      "files", 10, "wrong", wrong));
}

/* good: all right behind a warm-up; bad: one round of two wrong; failed: invalid; none: no line. */
static json_t *lines(void)
{
	json_t *list = json_array();

	json_array_append_new(list, json_pack(
		"{s:s, s:[s, s, s, s, s], s:[s], s:[s, s]}", "kind", "session", "contests", "good",
		"bad", "failed", "none", "mixed", "count", "files", "zero", "wrong", "absent"));
	add(list, "good", true, true, 9);
	add(list, "good", true, false, 0);
	add(list, "good", true, false, 0);
	add(list, "bad", true, false, 0);
	add(list, "bad", true, false, 3);
	add(list, "failed", false, false, 0);
	add(list, "mixed", false, false, 0);
	add(list, "mixed", true, false, 0);
	return list;
}

static const struct {
	const char *contest, *holds;
	unsigned n, invalid, files, wrong;
} want[] = {
	{"good", "yes", 2, 0, 20, 0},	{"bad", "no", 2, 0, 20, 3},
	{"failed", "not measured", 0, 1, 10, 0}, {"none", "not measured", 0, 0, 0, 0},
	{"mixed", "not surely", 1, 1, 20, 0},
};

int main(void)
{
	LP_AUTO(lp_json_free) json_t *l = lines();
	json_t *row;
	struct lp_err err;

	CHECK(lb_counts_are(l), "a session with what has to be 0 is one of counts");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		LP_AUTO(lp_json_free) json_t *got = NULL;

		if (!CHECK(!lb_counts_make(l, i, &got, &err), "%s", want[i].contest))
			continue;
		CHECK(!strcmp(lb_word(got, "contest"), want[i].contest) &&
		      !strcmp(lb_word(got, "holds"), want[i].holds), "it holds: %s",
		      lb_word(got, "holds"));
		CHECK(lb_number(got, "n") == want[i].n &&
		      lb_number(got, "invalid") == want[i].invalid, "rounds");
		CHECK(lb_number(json_object_get(got, "count"), "files") == want[i].files &&
		      lb_number(json_object_get(got, "zero"), "wrong") == want[i].wrong, "sums");
	}
	CHECK(lb_counts_make(l, 5, &row, &err) == LP_EMISSING, "the end");
	json_object_del(json_array_get(l, 0), "zero");
	CHECK(!lb_counts_are(l), "another experiment");
	return test_done();
}
