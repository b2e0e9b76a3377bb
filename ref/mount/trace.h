/* SPDX-License-Identifier: MIT */
/*
 * trace - what a container read, in the order of first touch: the list for --prefetch-list.
 *
 *	usr/bin/python3.11
 *	usr/lib/x86_64-linux-gnu/libc.so.6 \t 0 \t 131072
 *
 * One path a line, in the order in which files were first read; offset and length behind tabs
 * where only a part was.  Ranges of one file are joined.  A name with a tab or a newline in it
 * cannot be written and is left out.
 */
#ifndef LP_TRACE_H
#define LP_TRACE_H

#include "tree/erofs.h"

#include <pthread.h>

#define LP_TRACE_MAX ((size_t)64 << 20)	/* bytes, ours: later reads are dropped */

struct lp_touch {
	uint64_t nid, off, bytes;
	uint64_t at;		/* its place in the order of reads */
};

struct lp_trace {
	pthread_mutex_t lock;
	struct lp_buf touch;	/* of struct lp_touch */
	bool open;
};

LP_MUST_CHECK enum lp_code lp_trace_open(struct lp_trace *t, struct lp_err *err);
void lp_trace_free(struct lp_trace *t);

/* Thread-safe; what cannot be kept is dropped. */
void lp_trace_add(struct lp_trace *t, uint64_t nid, uint64_t off, uint64_t bytes);

/*
 * lp_trace_write - the list as text to @fd; @lines: how many.
 *
 * @tree  the one whose inodes were traced
 */
LP_MUST_CHECK enum lp_code lp_trace_write(struct lp_trace *t, const struct lp_erofs *tree, int fd,
					  size_t *lines, struct lp_err *err);

#endif
