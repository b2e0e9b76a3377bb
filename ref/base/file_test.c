// SPDX-License-Identifier: MIT
#include "base/file.h"
#include "testing/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_save_and_load(int dir)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err err = {0};
	char large[PATH_MAX + 10];

	CHECK(lp_file_load(dir, "a", 100, &b, &err) == LP_EMISSING, "no file: %s", err.msg);
	CHECK(!lp_file_save(dir, "a", "hello", 5, &err) && !lp_file_load(dir, "a", 5, &b, &err) &&
	      b.len == 5 && !memcmp(b.p, "hello", 5), "saved and loaded");
	CHECK(!lp_file_save(dir, "a", "new", 3, &err) && !lp_file_load(dir, "a", 5, &b, &err) &&
	      b.len == 3, "saved over");
	CHECK(!lp_file_save(dir, "empty", "", 0, &err) && !lp_file_load(dir, "empty", 0, &b, &err) &&
	      !b.len, "an empty file");
	CHECK(lp_file_load(dir, "a", 2, &b, &err) == LP_ELIMIT && !b.len, "above the limit: %s",
	      err.msg);
	CHECK(faccessat(dir, ".a.tmp", F_OK, 0) && errno == ENOENT, "nothing is left beside it");
	CHECK(!mkdirat(dir, "sub", 0700) && !lp_file_save(dir, "sub/a", "x", 1, &err) &&
	      faccessat(dir, "sub/.a.tmp", F_OK, 0), "in a folder");
	CHECK(lp_file_save(dir, "none/a", "x", 1, &err) == LP_ESYSTEM && err.sys == ENOENT,
	      "no such folder");
	CHECK(lp_file_save(dir, "sub", "x", 1, &err) == LP_ESYSTEM &&
	      faccessat(dir, ".sub.tmp", F_OK, 0), "a folder is in the way: %s", err.msg);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	CHECK(lp_file_save(dir, large, "x", 1, &err) == LP_ELIMIT, "a long path");
}

static void test_positions(int dir)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, "p", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct lp_err err = {0};
	uint64_t bytes = 0;
	char got[8] = "";

	CHECK(!lp_file_write(fd, "hello", 5, &err) && !lp_file_pwrite(fd, 3, "XYZ", 3, &err) &&
	      !lp_file_pread(fd, 1, got, 5, &err) && !strcmp(got, "elXYZ"), "at an offset");
	CHECK(!lp_file_bytes(fd, &bytes, &err) && bytes == 6, "six bytes");
	CHECK(lp_file_pread(fd, 4, got, 3, &err) == LP_ESHORT, "past the end: %s", err.msg);
	CHECK(lp_file_pread(fd, UINT64_MAX, got, 1, &err) == LP_ESYSTEM, "an offset that is none");
	CHECK(lp_file_write(-1, "x", 1, &err) == LP_ESYSTEM && err.sys == EBADF &&
	      lp_file_pwrite(-1, 0, "x", 1, &err) == LP_ESYSTEM &&
	      lp_file_bytes(-1, &bytes, &err) == LP_ESYSTEM, "no descriptor");
	errno = ENOSPC;
	lp_fd_close(&fd);
	CHECK(fd == -1 && errno == ENOSPC, "closing keeps errno");
	lp_fd_close(&fd);
}

static void test_map(int dir)
{
	LP_AUTO(lp_map_free) struct lp_map m = {0}, none = {0};
	LP_AUTO(lp_fd_close) int fd = openat(dir, "a", O_RDONLY | O_CLOEXEC);
	LP_AUTO(lp_fd_close) int empty = openat(dir, "empty", O_RDONLY | O_CLOEXEC);
	struct lp_err err = {0};

	CHECK(!lp_map_fd(&m, fd, &err) && m.bytes == 3 && !memcmp(m.p, "new", 3), "map");
	CHECK(!lp_map_fd(&none, empty, &err) && !none.p && !none.bytes, "map an empty file");
	CHECK(lp_map_fd(&none, dir, &err) == LP_ESYSTEM && !none.p, "map a folder: %s", err.msg);
	lp_map_free(&m);
	CHECK(!m.p && !m.bytes, "unmap, and again at the end");
}

/* A full disk, as a limit on the size of files. */
static void test_no_space(int dir)
{
	static const char block[8192];
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct rlimit old, small;
	struct lp_err err = {0};

	if (getrlimit(RLIMIT_FSIZE, &old))
		return;
	small = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK(lp_file_save(dir, "a", block, sizeof(block), &err) == LP_ESYSTEM && err.sys == EFBIG,
	      "no space: %s", err.msg);
	setrlimit(RLIMIT_FSIZE, &old);
	CHECK(!lp_file_load(dir, "a", 100, &b, &err) && b.len == 3 &&
	      faccessat(dir, ".a.tmp", F_OK, 0), "the old file is whole, and nothing beside it");
}

int main(void)
{
	char root[] = "/tmp/file_test.XXXXXX", command[100];
	LP_AUTO(lp_fd_close) int dir = -1;

	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(root))
		return 1;
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_save_and_load(dir);
	test_positions(dir);
	test_map(dir);
	test_no_space(dir);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	CHECK(!system(command), "clean up");
	return test_done();
}
