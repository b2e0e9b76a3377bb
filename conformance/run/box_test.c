// SPDX-License-Identifier: MIT
#include "run/box.h"
#include "testing/dir.h"
#include "testing/test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What an adapter may do with its box (cd to it first), and what it may not. */
static const struct {
	const char *script;
	bool escape;
} rows[] = {
	{":", false},
	{"echo x >dest/file", false},
	{"mkdir -p dest/a/b tmp/x home/.cache && ln -s ../../canary/file dest/a/link", false},
	{"mkfifo dest/fifo && chmod 0 dest", false},
	{"rm -rf dest", true},
	{"echo x >file", true},
	{"echo x >>canary/file", true},
	{"echo x >canary/dir/new", true},
	{"rm canary/link && ln -s dir canary/link", true},
	{"chmod 600 canary/file", true},
	{"ln canary/file dest/hard", true},
	{"touch -d @1 canary/dir/file", true},
	{"rm in/layer", true},
	{"printf LAYER >in/layer", true},
	{"rmdir dest && ln -s canary dest", true},
};

static char *borrow(const char *text)
{
	return (char *)(uintptr_t)text;
}

int main(void)
{
	uint8_t bytes[] = {'l', 'a', 'y', 'e', 'r'};
	struct gen_input input = {borrow("layer"), bytes, sizeof(bytes)};
	struct gen_vector v = {.id = borrow("X"), .input = &input, .ninput = 1};
	char top[TEST_DIR], dir[TEST_DIR + 8], command[300];
	struct lp_err err = {0};
	struct lc_box b = {0};

	test_dir_make(top);
	snprintf(dir, sizeof(dir), "%s/box", top);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!CHECK(!lc_box_make(&b, dir, &v, &err), "make: %s", err.msg))
			break;
		snprintf(command, sizeof(command), "cd %s && %s", dir, rows[i].script);
		CHECK(!system(command) && lc_box_escaped(&b) == rows[i].escape, "%s",
		      rows[i].script);
		CHECK(!lc_box_remove(&b, &err) && access(dir, F_OK), "removed: %s", err.msg);
	}
	CHECK(!lc_box_make(&b, dir, NULL, &err), "without inputs: %s", err.msg);
	CHECK(lc_box_make(&b, dir, NULL, &err) == LP_ESYSTEM, "twice: %s", err.msg);
	test_dir_remove(top);
	return test_done();
}
