/* SPDX-License-Identifier: MIT */
/*
 * process - an adapter's process: confined, listened to, ended with all that it left behind.
 *
 *	keeper (pid 1 of a PID namespace, ours, does nothing)
 *	  `-- the adapter (pid 2) and what it starts
 *
 * The adapter is not pid 1, to which the kernel delivers no fatal signal of its own.  When the
 * keeper dies, so does everything in its namespace.  In a cell without namespaces the adapter
 * has a process group instead, which is killed.
 */
#ifndef LC_PROCESS_H
#define LC_PROCESS_H

#include "base/buf.h"
#include "run/cell.h"

#include <sys/types.h>

#define LC_OUT_MAX ((size_t)16 << 20)	/* bytes of stdout: docs/PROTOCOL.md */
#define LC_ERR_MAX ((size_t)64 << 10)	/* bytes of stderr that are kept, ours */

struct lc_limits {
	uint64_t wall_ns;	/* for an answer */
	uint64_t cpu_s;		/* processor seconds for an answer */
	uint64_t data_bytes;	/* RLIMIT_DATA: what it writes to */
	uint64_t as_bytes;	/* RLIMIT_AS; 0: none, for what reserves address space */
	uint64_t file_bytes;	/* RLIMIT_FSIZE */
	uint64_t nofile;	/* RLIMIT_NOFILE */
};

struct lc_launch {
	char *const *argv;	/* argv[0] is a path */
	char *const *env;
	const char *cwd;
	struct lc_limits limits;
	bool listens;		/* stdin is a pipe (mode B), else /dev/null */
};

struct lc_process {
	pid_t pid, keeper;	/* 0: none */
	int pidfd;		/* readable when it has ended */
	int in, out, err;	/* ours, non-blocking; -1: closed */
	struct lp_buf said;	/* stdout that was read and not yet taken */
	struct lp_buf wept;	/* the first LC_ERR_MAX bytes of stderr */
};

#define LC_NO_PROCESS {.pidfd = -1, .in = -1, .out = -1, .err = -1}

enum lc_event {
	LC_LINE,		/* a whole line lies in @said */
	LC_ENDED,		/* it has ended by itself; @said is all it said */
	LC_LATE,		/* the wall clock ran out */
	LC_FLOOD,		/* more than LC_OUT_MAX bytes */
};

/* What is known when it is gone. */
struct lc_end {
	int status;		/* of wait(2) */
	uint64_t rss_kib;	/* the most it had */
};

/* LP_ESYSTEM.  A program that cannot be executed ends with status 127. */
LP_MUST_CHECK enum lp_code lc_process_start(struct lc_process *p, const struct lc_cell *c,
					    const struct lc_launch *l, struct lp_err *err);

/*
 * lc_process_listen - send @n bytes, then read until a line (@line) or the end comes.
 *
 * @deadline_ns  of lp_now_ns()
 * LP_ESYSTEM    ours: poll(2) failed or memory ran out
 */
LP_MUST_CHECK enum lp_code lc_process_listen(struct lc_process *p, const char *send, size_t n,
					     bool line, uint64_t deadline_ns,
					     enum lc_event *event, struct lp_err *err);

/* From now on: another @cpu_s seconds of processor time. */
void lc_process_refill(const struct lc_process *p, uint64_t cpu_s);

/* Kill it with everything it started, wait for that; idempotent, {pid = 0} is fine. */
struct lc_end lc_process_end(struct lc_process *p);

/* Ends it, too. */
void lc_process_free(struct lc_process *p);

#endif
