/* SPDX-License-Identifier: MIT */
/*
 * steps - every system call by which a program changes files, seen by a test: it may die at
 * one of them, or keep a log of them.
 *
 * The Makefile links a test that includes this with -Wl,--wrap for each of the calls below.
 * (pwrite64 and ftruncate64 are what 64-bit file offsets make of the names in the sources.)
 */
#ifndef LP_TESTING_STEPS_H
#define LP_TESTING_STEPS_H

#include <stdbool.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum step_how { STEP_BEFORE, STEP_HALF, STEP_AFTER };

static struct {
	long die_at;		/* the n-th call, from 1; 0: live */
	enum step_how how;	/* half: of what a write writes */
	long n;			/* calls so far */
} steps;

/* What was written, synced, renamed; files by inode number. */
enum log_what { LOG_WRITE, LOG_SYNC, LOG_RENAME };

struct log_entry {
	enum log_what what;
	ino_t file;
	char name[40];		/* renamed to */
	uint64_t off;
	uint8_t *p;
	size_t bytes;
};

static struct {
	bool on;
	struct log_entry entry[4096];
	size_t n;
} step_log;

static inline void step_die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Count a call; true: this one is the last. */
static inline bool step_counts(void)
{
	bool last = ++steps.n == steps.die_at;

	if (last && steps.how == STEP_BEFORE)
		step_die();
	return last;
}

static inline long step_end(bool last, long rc)
{
	if (last)
		step_die();
	return rc;
}

static inline void log_add(enum log_what what, int fd, uint64_t off, const void *p, size_t n)
{
	struct log_entry *e = &step_log.entry[step_log.n];
	struct stat st;

	if (!step_log.on)
		return;
	if (step_log.n++ == sizeof(step_log.entry) / sizeof(step_log.entry[0]) || fstat(fd, &st))
		abort();
	*e = (struct log_entry){.what = what, .file = st.st_ino, .off = off, .bytes = n};
	if (n && !(e->p = malloc(n)))
		step_log.n--; /* torture: the log is of no use then */
	else if (n)
		memcpy(e->p, p, n);
}

static inline void log_rename(int dir, const char *from, const char *to)
{
	struct log_entry *e = &step_log.entry[step_log.n];
	struct stat st;

	if (!step_log.on)
		return;
	if (step_log.n++ == sizeof(step_log.entry) / sizeof(step_log.entry[0]) ||
	    fstatat(dir, from, &st, 0))
		abort();
	*e = (struct log_entry){.what = LOG_RENAME, .file = st.st_ino};
	snprintf(e->name, sizeof(e->name), "%s", to);
}

#define STEP(type, name, params, args)                                                             \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		bool last = step_counts();                                                         \
		return (type)step_end(last, __real_##name args);                                   \
	}

STEP(int, fsync, (int fd), (fd))
STEP(int, rename, (const char *from, const char *to), (from, to))
STEP(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
     (a, from, b, to, flags))
STEP(int, ftruncate64, (int fd, off_t bytes), (fd, bytes))
STEP(int, linkat, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags))
STEP(int, mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode))
STEP(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	bool last = step_counts();

	log_add(LOG_SYNC, fd, 0, NULL, 0);
	return (int)step_end(last, __real_fdatasync(fd));
}

int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
	bool last = step_counts();

	log_rename(a, from, to);
	return (int)step_end(last, __real_renameat(a, from, b, to));
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	bool last = step_counts();

	if (last && steps.how == STEP_HALF)
		step_end(true, __real_write(fd, p, n / 2));
	if (step_log.on)
		log_add(LOG_WRITE, fd, (uint64_t)lseek(fd, 0, SEEK_CUR), p, n);
	return step_end(last, __real_write(fd, p, n));
}

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off)
{
	bool last = step_counts();

	if (last && steps.how == STEP_HALF)
		step_end(true, __real_pwrite64(fd, p, n / 2, off));
	log_add(LOG_WRITE, fd, (uint64_t)off, p, n);
	return step_end(last, __real_pwrite64(fd, p, n, off));
}

#endif
