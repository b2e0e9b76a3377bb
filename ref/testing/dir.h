/* SPDX-License-Identifier: MIT */
/*
 * dir - a directory for one test program, and all that is in it removed at the end.
 */
#ifndef LP_TESTING_DIR_H
#define LP_TESTING_DIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define TEST_DIR 64

/* A new directory below /tmp; exits when there is none to be had. */
static inline void test_dir_make(char dir[TEST_DIR])
{
	snprintf(dir, TEST_DIR, "/tmp/lp-test-XXXXXX");
	if (!mkdtemp(dir)) {
		perror(dir);
		exit(1);
	}
}

/* The same in memory where that is to be had, for tests that sync a thousand times. */
static inline void test_dir_make_quick(char dir[TEST_DIR])
{
	snprintf(dir, TEST_DIR, "/dev/shm/lp-test-XXXXXX");
	if (!mkdtemp(dir))
		test_dir_make(dir);
}

static inline int test_dir_remove_one(const char *path, const struct stat *st, int what,
				      struct FTW *at)
{
	(void)st, (void)what, (void)at;
	return remove(path);
}

/* rm -r */
static inline void test_dir_remove(const char *dir)
{
	nftw(dir, test_dir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
