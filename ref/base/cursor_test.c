// SPDX-License-Identifier: MIT
#include "base/cursor.h"
#include "testing/test.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88,
				'S', 'G', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct lp_cursor at(size_t off, size_t n)
{
	return (struct lp_cursor){.p = bytes + off, .left = n};
}

static void test_integers(void)
{
	struct lp_cursor c = at(0, sizeof(bytes));

	CHECK(lp_u8(&c) == 1 && lp_le16(&c) == 0x0302 && lp_le32(&c) == 0x07060504 &&
	      lp_u8(&c) == 0x88 && c.left == 10 && !c.bad, "one after the other, unaligned");
	c = at(0, 8);
	CHECK(lp_le64(&c) == 0x8807060504030201 && !c.left && !c.bad, "64 bits, to the end");
	c = at(10, 8);
	CHECK(lp_le64(&c) == UINT64_MAX && !c.bad, "all ones");
	c = at(0, 3);
	CHECK(lp_le(&c, 3) == 0x030201, "three bytes");
}

static void test_overruns(void)
{
	struct lp_cursor c = at(0, 3);

	CHECK(lp_le32(&c) == 0 && c.bad, "four of three bytes");
	CHECK(lp_u8(&c) == 0 && c.bad && !lp_take(&c, 0), "bad stays bad");
	c = at(0, 3);
	CHECK(!lp_take(&c, SIZE_MAX) && c.bad, "a length that would wrap");
	c = at(0, 0);
	CHECK(lp_take(&c, 0) && !c.bad && !lp_u8(&c) && c.bad, "none of nothing, then one");
}

static void test_text(void)
{
	struct lp_cursor c = at(8, 2);

	CHECK(lp_is(&c, "SG") && !c.left && !c.bad, "the text");
	c = at(8, 2);
	CHECK(!lp_is(&c, "SX") && !c.left && !c.bad, "another text is taken as well");
	c = at(8, 2);
	CHECK(!lp_is(&c, "SGX") && c.bad, "a longer text");
}

int main(void)
{
	test_integers();
	test_overruns();
	test_text();
	return test_done();
}
