// SPDX-License-Identifier: MIT
#include "image/list.h"
#include "testing/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A merged tree of two devices: "d/a" 10000 bytes on device 1, "b" 5 on device 2, "empty". */
static enum lp_code make_local(struct lp_local *l, struct lp_err *err)
{
	LP_AUTO(lp_tree_free) struct lp_tree t = {.nnode = 0};
	const struct lp_erofs_device device[2] = {{.bytes = 65536}, {.bytes = 4096}};
	const struct lp_extent a = {.bytes = 10000, .device_off = 8192, .device = 1};
	const struct lp_extent b = {.bytes = 5, .device = 2};
	const struct lp_entry entry[] = {
		{.path = "d", .mode = S_IFDIR | 0755},
		{.path = "d/a", .mode = S_IFREG | 0644, .size = 10000, .extent = &a, .nextent = 1},
		{.path = "b", .mode = S_IFREG | 0644, .size = 5, .extent = &b, .nextent = 1},
		{.path = "empty", .mode = S_IFREG | 0644},
	};
	char name[] = "/tmp/list-test-XXXXXX";
	LP_AUTO(lp_fd_close) int fd = mkstemp(name);

	unlink(name);
	if (lp_tree_open(&t, err))
		return err->code;
	for (size_t i = 0; i < sizeof(entry) / sizeof(entry[0]); i++)
		if (lp_tree_add(&t, &entry[i], err))
			return err->code;
	if (lp_tree_end(&t, err) || lp_erofs_write(&t, device, 2, fd, err) ||
	    lp_map_fd(&l->meta, fd, err) || lp_erofs_open(&l->tree, l->meta.p, l->meta.bytes, err))
		return err->code;
	l->nlayer = 2;
	return LP_OK;
}

static const struct {
	const char *text;
	enum lp_code want;
	size_t n, missed;
	struct lp_run first;
} cases[] = {
	{"d/a\n", LP_OK, 1, 0, {0, 8192, 10000}},
	{"d/a", LP_OK, 1, 0, {0, 8192, 10000}},
	{"# comment\n\n/b\n./d/a\n", LP_OK, 2, 0, {1, 0, 5}},
	{"d/a\t4096\t100\n", LP_OK, 1, 0, {0, 12288, 100}},
	{"d/a\t9000\t99999\n", LP_OK, 1, 0, {0, 17192, 1000}},
	{"d/a\t1\t18446744073709551615\n", LP_OK, 1, 0, {0, 8193, 9999}},
	{"d/a\t20000\t5\n", LP_OK, 0, 0, {0, 0, 0}},
	{"empty\n", LP_OK, 0, 0, {0, 0, 0}},
	{"d\nnone\nd/none\n", LP_OK, 0, 3, {0, 0, 0}},
	{"", LP_OK, 0, 0, {0, 0, 0}},
	{"d/a\t1\n", LP_EFORMAT, 0, 0, {0, 0, 0}},
	{"d/a\t-1\t5\n", LP_EFORMAT, 0, 0, {0, 0, 0}},
	{"d/a\t1\t5x\n", LP_EFORMAT, 0, 0, {0, 0, 0}},
	{"b\nd/a\t1\t99999999999999999999\n", LP_EFORMAT, 0, 0, {0, 0, 0}},
};

static bool equal(const struct lp_run *a, const struct lp_run *b)
{
	return a->device == b->device && a->off == b->off && a->bytes == b->bytes;
}

int main(void)
{
	LP_AUTO(lp_local_free) struct lp_local l = LP_LOCAL_EMPTY;
	LP_AUTO(lp_list_paths_free) struct lp_list_paths paths = {.n = 0};
	struct lp_err err = {0};

	if (!CHECK(!make_local(&l, &err), "a tree to look paths up in: %s", err.msg))
		return test_done();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_list_free) struct lp_list list = {.n = 0};
		enum lp_code got = lp_list_resolve(&l, cases[i].text, strlen(cases[i].text), &list,
						   &err);

		CHECK(got == cases[i].want && list.n == cases[i].n && list.missed == cases[i].missed &&
		      (!list.n || equal(&list.run[0], &cases[i].first)),
		      "list %zu: %s, %zu runs, %zu missed %s", i, lp_code_name(got), list.n,
		      list.missed, got ? err.msg : "");
	}
	CHECK(!lp_list_paths("b\nd/a\t1\t2\n", 10, &paths, &err) && paths.n == 2 &&
	      !strcmp(paths.path[0], "b") && !strcmp(paths.path[1], "d/a"), "the paths alone");
	return test_done();
}
