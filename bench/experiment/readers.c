// SPDX-License-Identifier: MIT
#include "experiment/readers.h"

#include "base/file.h"
#include "base/log.h"
#include "measure/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)64 << 10)

/* A file that is read: in the mount, and in the reference. */
struct pair {
	struct lb_reader *me;
	const struct lb_goal *goal;
	int got, want;
	uint8_t got_block[BLOCK_BYTES], want_block[BLOCK_BYTES];
	bool dead;		/* the mount */
	bool right;
};

static void count_error(struct pair *p, int e)
{
	p->right = false;
	p->dead = e == ENOTCONN || e == ECONNABORTED;
	if (p->dead || e == EIO || e == ENOSPC) {
		p->me->errors++;
		return;
	}
	p->me->odd_errors++;
	lp_log_say("lazybench", "%s: %s", p->goal->path, strerror(e));
}

static void count_wrong(struct pair *p, uint64_t off, uint64_t bytes)
{
	p->right = false;
	p->me->wrong_bytes += bytes;
	lp_log_say("lazybench", "%s: %" PRIu64 " wrong bytes from %" PRIu64 " on", p->goal->path,
		   bytes, off);
}

static ssize_t timed_read(struct pair *p, uint64_t off, size_t n)
{
	uint64_t begin_ns = lp_now_ns(), took_ns;
	ssize_t got;
	int e;

	p->me->since_ns = begin_ns;
	got = pread(p->got, p->got_block, n, (off_t)off);
	e = errno;
	p->me->since_ns = 0;
	took_ns = lp_now_ns() - begin_ns;
	if (took_ns > p->me->longest_ns)
		p->me->longest_ns = took_ns;
	errno = e;
	return got;
}

/* Compare what is at @off; the bytes that were compared, 0 at an error. */
static size_t compare_block(struct pair *p, uint64_t off)
{
	size_t n = p->goal->bytes - off < BLOCK_BYTES ? (size_t)(p->goal->bytes - off) : BLOCK_BYTES;
	ssize_t got = timed_read(p, off, n);
	uint64_t wrong = 0;

	if (got < 0) {
		count_error(p, errno);
		return 0;
	}
	if (!got) {
		count_wrong(p, off, p->goal->bytes - off);
		return 0;
	}
	if (pread(p->want, p->want_block, (size_t)got, (off_t)off) != got)
		_exit(1);	/* the reference is ours */
	for (ssize_t i = 0; i < got; i++)
		wrong += p->got_block[i] != p->want_block[i];
	if (wrong)
		count_wrong(p, off, wrong);
	return (size_t)got;
}

static void compare_file(struct pair *p, int got_root, int want_root)
{
	size_t n;

	p->right = true;
	p->want = openat(want_root, p->goal->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	p->got = openat(got_root, p->goal->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (p->want < 0)
		_exit(1);
	if (p->got < 0) {
		count_error(p, errno);
	} else {
		for (uint64_t off = 0; off < p->goal->bytes; off += n) {
			n = compare_block(p, off);
			if (!n)
				break;
		}
		if (p->right && timed_read(p, p->goal->bytes, 1) > 0)
			count_wrong(p, p->goal->bytes, 1);
	}
	lp_fd_close(&p->got);
	lp_fd_close(&p->want);
	p->me->files += p->right;
}

/* The child: what stands in shared memory is all that it says. */
static void read_all(struct lb_readers *r, size_t i, const char *at)
{
	const struct lb_reference *ref = r->reference;
	size_t *order = calloc(ref->n, sizeof(*order));
	int want = open(ref->at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int got = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct pair *p = calloc(1, sizeof(*p));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!order || !p || want < 0 || got < 0)
		_exit(1);
	p->me = &r->reader[i];
	lb_schedule(r->seed, i, order, ref->n);
	while (p->me->next < ref->n / r->share && !p->dead) {
		p->goal = &ref->file[order[p->me->next]];
		compare_file(p, got, want);
		p->me->next++;
	}
	_exit(0);
}

enum lp_code lb_readers_open(struct lb_readers *r, size_t n, struct lp_err *err)
{
	void *map = mmap(NULL, n * sizeof(*r->reader), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return lp_fail_errno(err, "readers");
	r->reader = map;
	r->n = n;
	return LP_OK;
}

enum lp_code lb_readers_start(struct lb_readers *r, size_t i, const char *at, struct lp_err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return lp_fail_errno(err, "start a reader");
	if (!pid)
		read_all(r, i, at);
	r->pid[i] = pid;
	return LP_OK;
}

static void look_after(struct lb_readers *r, size_t i)
{
	uint64_t since_ns = r->reader[i].since_ns;

	if (waitpid(r->pid[i], NULL, WNOHANG) == r->pid[i]) {
		r->pid[i] = 0;
	} else if (since_ns && lp_now_ns() - since_ns > r->limit_ns) {
		lp_log_say("lazybench", "reader %zu hangs", i);
		r->hung++;
		kill(r->pid[i], SIGKILL);
		waitpid(r->pid[i], NULL, 0);
		r->pid[i] = 0;
	}
}

size_t lb_readers_step(struct lb_readers *r)
{
	size_t running = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->pid[i])
			look_after(r, i);
		running += r->pid[i] != 0;
	}
	return running;
}

void lb_readers_wait(struct lb_readers *r)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	while (lb_readers_step(r))
		nanosleep(&ms, NULL);
}

bool lb_readers_done(const struct lb_readers *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->reader[i].next < r->reference->n / r->share)
			return false;
	return true;
}

void lb_readers_stop(struct lb_readers *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!r->pid[i])
			continue;
		kill(r->pid[i], SIGKILL);
		waitpid(r->pid[i], NULL, 0);
		r->pid[i] = 0;
	}
}

void lb_readers_free(struct lb_readers *r)
{
	lb_readers_stop(r);
	if (r->reader)
		munmap(r->reader, r->n * sizeof(*r->reader));
	*r = (struct lb_readers){0};
}
