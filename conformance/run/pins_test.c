// SPDX-License-Identifier: MIT
/* pins_test - a list finds what changed, is new or gone; selectors name what they say. */
#include "run/pins.h"

#include "base/file.h"
#include "run/selection.h"
#include "testing/dir.h"
#include "testing/test.h"

#include <fcntl.h>
#include <string.h>

#define FIELDS "title \"t\"\nformat oci\nclause a.b.c\nexpect accept\ntree none\ninput layer {\n"

static const char recipe[] = "vector A-1 {\n" FIELDS "text \"a\"\n}\n}\n"
			     "vector A-2 {\n" FIELDS "text \"b\"\n}\n}\n"
			     "vector B-1 {\n" FIELDS "text \"c\"\n}\n}\n";

/* How many differ where the list has @text; SIZE_MAX: it is none. */
static size_t differ(const struct gen_set *set, const char *path, const char *text, bool all)
{
	struct lp_err err;
	size_t n;

	if (lp_file_put(AT_FDCWD, path, text, strlen(text), &err) ||
	    lc_pins_check(set, path, all, &n, &err))
		return SIZE_MAX;
	return n;
}

static void test_pins(struct gen_set *set, const char *path)
{
	LP_AUTO(lp_buf_free) struct lp_buf list = {0};
	struct lp_err err;
	size_t n = 9;
	char *text, *second;

	if (!CHECK(!lc_pins_write(set, path, &err) && !lc_pins_check(set, path, true, &n, &err) && !n &&
		   !lp_file_load(AT_FDCWD, path, 4096, &list, &err) &&
		   !lp_buf_add(&list, "", 1, 4096, &err), "a list agrees with what it was written from"))
		return;
	text = (char *)list.p;
	second = strchr(text, '\n') + 1;
	CHECK(differ(set, path, second, true) == 1, "A-1 is new");
	set->n = 2;
	CHECK(differ(set, path, text, true) == 1, "B-1 is gone");
	CHECK(differ(set, path, text, false) == 0, "and need not be there where some are selected");
	set->n = 3;
	second[4] ^= 1;
	CHECK(differ(set, path, text, true) == 1, "A-2 has another size");
	second[4] ^= 1;
	text[strlen(text) - 2] ^= 1;
	CHECK(differ(set, path, text, true) == 1, "B-1 has another digest");
	CHECK(differ(set, path, "B-1 1 x\nA-1 1 x\n", true) == SIZE_MAX, "not sorted");
	CHECK(differ(set, path, "A-1\n", true) == SIZE_MAX, "no size");
	CHECK(differ(set, path, "", true) == 3, "an empty list");
}

static void test_selectors(const struct gen_set *set)
{
	static const struct {
		const char *selector;
		size_t n;
	} cases[] = {
		{"oci", 3}, {"gzip", 0}, {"oci/tar", 3}, {"oci/ta", 0}, {"oci/tar.rcp", 3},
		{"a.b", 3}, {"a.b.c", 3}, {"a.bc", 0}, {"b.c", 0},
		{"A-1", 1}, {"A-", 0}, {"A-*", 2}, {"*", 3}, {"C*", 0}, {"", 0},
	};
	size_t n;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = 0;
		for (size_t k = 0; k < set->n; k++)
			n += lc_matches(&set->v[k], cases[i].selector);
		CHECK(n == cases[i].n, "\"%s\" names %zu", cases[i].selector, n);
	}
}

int main(void)
{
	char why[256] = "", dir[TEST_DIR], path[TEST_DIR + 8];
	struct gen_set set;

	test_dir_make(dir);
	snprintf(path, sizeof(path), "%s/list", dir);
	if (CHECK(!gen_load_text(&set, "oci/tar.rcp", recipe, sizeof(recipe) - 1, why, sizeof(why)),
		  "three vectors: %s", why)) {
		test_pins(&set, path);
		test_selectors(&set);
		gen_free(&set);
	}
	test_dir_remove(dir);
	return test_done();
}
