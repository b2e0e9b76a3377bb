// SPDX-License-Identifier: MIT
#include "layer/usage.h"
#include "testing/dir.h"
#include "testing/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 262144

static char root[TEST_DIR];

static bool put(int dir, const char *name)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	static const char bytes[FILE_BYTES] = {1};
	struct lp_err err;

	return fd >= 0 && !lp_file_write(fd, bytes, sizeof(bytes), &err) && !fsync(fd);
}

static void check_bytes(struct lp_store *s)
{
	uint64_t none = 1, one = 0, two = 0, linked = 0;
	struct lp_err err = {0};

	mkdirat(s->dir, "images/a", 0700);
	CHECK(!lp_usage_bytes(s, "images/gone", &none, &err) && !none, "nothing takes nothing");
	CHECK(put(s->dir, "images/a/x") && !lp_usage_bytes(s, "images/a", &one, &err) &&
	      one >= FILE_BYTES && one < 2 * FILE_BYTES, "%llu bytes", (unsigned long long)one);
	mkdirat(s->dir, "images/a/sub", 0700);
	CHECK(!linkat(s->dir, "images/a/x", s->dir, "images/a/sub/y", 0) &&
	      !lp_usage_bytes(s, "images/a", &two, &err) && two < one + FILE_BYTES,
	      "a hard link is no second file: %llu bytes", (unsigned long long)two);
	CHECK(put(s->dir, "images/a/sub/z") && !lp_usage_bytes(s, "images/a", &two, &err) &&
	      two >= 2 * FILE_BYTES, "what is below counts: %llu", (unsigned long long)two);
	CHECK(!symlinkat("/", s->dir, "images/a/root") &&
	      !lp_usage_bytes(s, "images/a", &linked, &err) && linked < two + FILE_BYTES,
	      "a link to everything is not followed: %llu", (unsigned long long)linked);
}

static void check_time(struct lp_store *s)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	LP_AUTO(lp_fd_close) int dir = openat(s->dir, "images/a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(!lp_usage_time(s, "images/gone"), "what is not there was never used");
	CHECK(!futimens(dir, old) && lp_usage_time(s, "images/a") == 1000000000000u,
	      "an image of long ago");
	lp_usage_touch(-1);
	lp_usage_touch(dir);
	CHECK(lp_usage_time(s, "images/a") > 1600000000000000000u, "was used just now");
}

int main(void)
{
	LP_AUTO(lp_store_free) struct lp_store s = {0};
	char path[TEST_DIR + 8];
	struct lp_err err = {0};

	test_dir_make(root);
	snprintf(path, sizeof(path), "%s/store", root);
	if (CHECK(!lp_store_open(&s, path, &err), "a store %s", err.msg)) {
		check_bytes(&s);
		check_time(&s);
		test_dir_remove(s.run);
	}
	test_dir_remove(root);
	return test_done();
}
