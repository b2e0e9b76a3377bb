// SPDX-License-Identifier: MIT
#include "registry/range.h"

#include "testing/test.h"

static const struct {
	const char *text;
	uint64_t size;
	enum lb_range_answer want;
	struct lb_range r[3];
} cases[] = {
	{NULL, 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"bytes=0-0", 100, LB_RANGE_PART, {{0, 1}}},
	{"bytes=0-99", 100, LB_RANGE_PART, {{0, 100}}},
	{"bytes=10-19", 100, LB_RANGE_PART, {{10, 10}}},
	{"bytes=90-", 100, LB_RANGE_PART, {{90, 10}}},
	{"bytes=90-1000", 100, LB_RANGE_PART, {{90, 10}}},
	{"bytes=-5", 100, LB_RANGE_PART, {{95, 5}}},
	{"bytes=-500", 100, LB_RANGE_PART, {{0, 100}}},
	{"bytes=99-", 100, LB_RANGE_PART, {{99, 1}}},
	{"bytes=0-0,-1", 100, LB_RANGE_PART, {{0, 1}, {99, 1}}},
	{"bytes=0-0 , 5-6 ,\t-1", 100, LB_RANGE_PART, {{0, 1}, {5, 2}, {99, 1}}},
	{"bytes=200-300,5-6", 100, LB_RANGE_PART, {{5, 2}}},
	{"Bytes=1-2", 100, LB_RANGE_PART, {{1, 2}}},
	{"bytes=100-", 100, LB_RANGE_OUTSIDE, {{0, 0}}},
	{"bytes=100-200", 100, LB_RANGE_OUTSIDE, {{0, 0}}},
	{"bytes=-0", 100, LB_RANGE_OUTSIDE, {{0, 0}}},
	{"bytes=0-", 0, LB_RANGE_OUTSIDE, {{0, 0}}},
	{"bytes=-5", 0, LB_RANGE_OUTSIDE, {{0, 0}}},
	{"bytes=99999999999999999999999-", 100, LB_RANGE_OUTSIDE, {{0, 0}}},
	{"bytes=1-99999999999999999999999", 100, LB_RANGE_PART, {{1, 99}}},
	{"bytes=5-4", 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"bytes=-", 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"bytes=", 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"bytes=a-b", 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"bytes=1-2,", 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"bytes=1-2;3-4", 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"bytes=1", 100, LB_RANGE_WHOLE, {{0, 0}}},
	{"lines=1-2", 100, LB_RANGE_WHOLE, {{0, 0}}},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text ? cases[i].text : "(none)";
		struct lb_ranges got;

		CHECK(lb_range_parse(cases[i].text, cases[i].size, &got) == cases[i].want,
		      "%s of %llu: the answer", text, (unsigned long long)cases[i].size);
		for (size_t k = 0; cases[i].want == LB_RANGE_PART && k < got.n && k < 3; k++)
			CHECK(got.r[k].off == cases[i].r[k].off &&
			      got.r[k].bytes == cases[i].r[k].bytes,
			      "%s: range %zu", text, k);
		if (cases[i].want == LB_RANGE_PART)
			CHECK(got.n == 3 || !cases[i].r[got.n].bytes, "%s: how many", text);
	}
	return test_done();
}
