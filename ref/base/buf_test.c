// SPDX-License-Identifier: MIT
#include "base/buf.h"
#include "testing/test.h"

#include <string.h>

/* What is in the buf, what is added, the limit, and the verdict. */
static const struct {
	size_t have, more, max;
	enum lp_code want;
} cases[] = {
	{0, 0, 0, LP_OK},
	{0, 1, 0, LP_ELIMIT},
	{0, 10, 10, LP_OK},
	{0, 11, 10, LP_ELIMIT},
	{5, 5, 10, LP_OK},
	{5, 6, 10, LP_ELIMIT},
	{5, SIZE_MAX, 10, LP_ELIMIT},
	{5, SIZE_MAX - 2, SIZE_MAX, LP_ELIMIT},
	{5, 5, 4, LP_ELIMIT},
	{5, 8192, 100000, LP_OK},
	{5, 4097, 4102, LP_OK},
};

static void test_reserve(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf b = {0};
		struct lp_err err = {0};
		enum lp_code got;

		if (cases[i].have && lp_buf_add(&b, "hello", cases[i].have, 100, &err))
			continue;
		got = lp_buf_reserve(&b, cases[i].more, cases[i].max, &err);
		CHECK(got == cases[i].want && b.len == cases[i].have, "reserve %zu: %s", i, err.msg);
		if (!got)
			CHECK(b.cap >= b.len + cases[i].more &&
			      (b.cap <= cases[i].max || b.cap <= 100), "room %zu", i);
		if (cases[i].have)
			CHECK(!memcmp(b.p, "hello", 5), "the bytes stay %zu", i);
	}
}

static void test_add_and_move(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf a = {0}, b = {0};
	struct lp_err err = {0};
	unsigned bad = 0;

	for (unsigned i = 0; i < 3000; i++)
		bad += lp_buf_add(&a, "abc", 3, 9000, &err) != LP_OK;
	CHECK(!bad && a.len == 9000 && !memcmp(a.p + 8997, "abc", 3), "grow in small steps");
	CHECK(lp_buf_add(&a, "d", 1, 9000, &err) == LP_ELIMIT && a.len == 9000, "one byte too many");
	CHECK(!lp_buf_add(&a, NULL, 0, 9000, &err), "nothing may be added");
	lp_buf_move(&b, &a);
	CHECK(!a.p && !a.len && !a.cap && b.len == 9000, "move leaves an empty buf");
	lp_buf_free(&b);
	lp_buf_free(&b);
	CHECK(!b.p, "free twice");
}

int main(void)
{
	test_reserve();
	test_add_and_move();
	return test_done();
}
