// SPDX-License-Identifier: MIT
#include "workload/walk.h"

#include "base/file.h"
#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG (300u << 10)	/* three reads of cat's */

/* b, a/, a/big, a/empty, link: five names, 6 + BIG bytes. */
static bool make(const char *top)
{
	LP_AUTO(lp_fd_close) int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static char big[BIG];
	struct lp_err err;

	return !lp_file_put(dir, "b", "hello\n", 6, &err) && !mkdirat(dir, "a", 0755) &&
	       !lp_file_put(dir, "a/big", big, sizeof(big), &err) &&
	       !lp_file_put(dir, "a/empty", "", 0, &err) && !symlinkat("b", dir, "link");
}

static void test_passes(const char *top)
{
	struct lb_walk find = {.mode = LB_WALK_FIND}, cat = {.mode = LB_WALK_CAT};
	struct lb_walk but = {.mode = LB_WALK_CAT, .except = "a/big"};
	struct lp_err err;

	CHECK(!lb_walk(&find, top, &err) && find.entries == 5 && !find.bytes && !find.failed,
	      "every name is looked at: %llu", (unsigned long long)find.entries);
	CHECK(!lb_walk(&cat, top, &err) && cat.entries == 5 && cat.bytes == BIG + 6,
	      "every file is read, links are not followed: %llu", (unsigned long long)cat.bytes);
	CHECK(!lb_walk(&but, top, &err) && but.entries == 5 && but.bytes == 6,
	      "but one: %llu", (unsigned long long)but.bytes);
	CHECK(lb_walk(&find, "/nowhere", &err) == LP_ESYSTEM, "no directory");
}

/* With descriptors for the top twice and for a, and none to read a with. */
static void test_failure(const char *top)
{
	struct lb_walk cat = {.mode = LB_WALK_CAT};
	int next = open(top, O_RDONLY | O_CLOEXEC);
	struct rlimit before, few;
	struct lp_err err;

	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = (rlim_t)next + 3;
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK(!lb_walk(&cat, top, &err) && cat.failed == 1 && !strcmp(cat.first, "a") &&
	      cat.bytes == 6, "what cannot be read is counted, the rest is read: %llu, %s",
	      (unsigned long long)cat.failed, cat.first);
	setrlimit(RLIMIT_NOFILE, &before);
}

static void test_random(const char *top, const char *list)
{
	FILE *out = fopen(list, "we");
	struct lb_walk w = {.mode = LB_WALK_LIST, .out = out};
	struct lb_picks p = {.list = list, .seed = 1, .n = 500}, again = p, other = p, short_one = p;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_err err;

	if (!CHECK(out && !lb_walk(&w, top, &err) && !fclose(out), "a list"))
		return;
	CHECK(!lp_file_load(AT_FDCWD, list, 4096, &text, &err) && text.len == 17 &&
	      !memcmp(text.p, "307200 a/big\n6 b\n", 17), "in the order of names, not the empty one");
	other.seed = 2;
	other.n = again.n = 20;
	p.n = 20;
	CHECK(!lb_walk_random(&p, top, &err) && !lb_walk_random(&again, top, &err) &&
	      p.bytes == again.bytes && p.bytes > 10 * LB_WALK_BLOCK, "the same blocks: %llu bytes",
	      (unsigned long long)p.bytes);
	CHECK(!lb_walk_random(&short_one, top, &err) && short_one.bytes % LB_WALK_BLOCK,
	      "the short file is drawn as well, once in 76");
	CHECK(!lp_file_save(AT_FDCWD, list, "8192 b\n", 7, &err) &&
	      lb_walk_random(&other, top, &err) == LP_ESHORT, "a file that is shorter");
	CHECK(!lp_file_save(AT_FDCWD, list, "4096\n", 5, &err) &&
	      lb_walk_random(&other, top, &err) == LP_EFORMAT, "no list");
	CHECK(!lp_file_save(AT_FDCWD, list, "", 0, &err) &&
	      lb_walk_random(&other, top, &err) == LP_EFORMAT, "an empty list");
}

int main(void)
{
	char top[] = "/tmp/walk_test.XXXXXX", list[64], command[256];

	if (!mkdtemp(top) || !make(top))
		return 3;
	snprintf(list, sizeof(list), "%s.list", top);
	snprintf(command, sizeof(command), "rm -r %s %s", top, list);
	test_passes(top);
	test_failure(top);
	test_random(top, list);
	return system(command) ? 3 : test_done();
}
