/* SPDX-License-Identifier: MIT */
/*
 * readers - processes that read an image's files in an order of their own, and compare every
 * byte with a reference.
 *
 * A reader goes on after an error; it stops where the mount has died under it (ENOTCONN), and
 * can be started again there.
 */
#ifndef LB_READERS_H
#define LB_READERS_H

#include "experiment/reference.h"

#include <stdatomic.h>

#define LB_READERS_MAX 32	/* ours */

/* One reader, as it and its parent see it. */
struct lb_reader {
	_Atomic uint64_t next;		/* file in its order */
	_Atomic uint64_t since_ns;	/* of the read that it is in; 0: none */
	_Atomic uint64_t files;		/* that were right */
	_Atomic uint64_t errors;	/* EIO, ENOSPC, and of a dead mount ENOTCONN, ECONNABORTED */
	_Atomic uint64_t odd_errors;	/* others */
	_Atomic uint64_t wrong_bytes;
	_Atomic uint64_t longest_ns;	/* of one read */
};

struct lb_readers {
	const struct lb_reference *reference;	/* borrowed */
	struct lb_reader *reader;	/* [n], shared memory */
	size_t n, share;		/* each reads one of @share files */
	uint64_t seed, limit_ns;	/* a read that takes longer hangs */
	pid_t pid[LB_READERS_MAX];	/* 0: not running */
	uint64_t hung;			/* killed because of that */
};

LP_MUST_CHECK enum lp_code lb_readers_open(struct lb_readers *r, size_t n, struct lp_err *err);

/* Start reader @i, or go on, in the mount at @at.  LP_ESYSTEM */
LP_MUST_CHECK enum lp_code lb_readers_start(struct lb_readers *r, size_t i, const char *at,
					    struct lp_err *err);

/* Look after them: how many are running. */
size_t lb_readers_step(struct lb_readers *r);

/* Until all have ended. */
void lb_readers_wait(struct lb_readers *r);

/* Has each read all that it should? */
bool lb_readers_done(const struct lb_readers *r);

/* Kill what runs: nobody waits for the rest. */
void lb_readers_stop(struct lb_readers *r);

/* The same, and forget what was read. */
void lb_readers_free(struct lb_readers *r);

#endif
