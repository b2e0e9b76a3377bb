/* SPDX-License-Identifier: MIT */
/*
 * list - a prefetch list: what `lazypull record` writes and --prefetch-list gives back.
 *
 *	usr/bin/python3.11
 *	usr/lib/x86_64-linux-gnu/libc.so.6	0	131072
 *
 * One path a line, in the order of the first touch; behind TABs an offset and a length where
 * not the whole file was read.  Lines that begin with # and empty ones are skipped.
 */
#ifndef LP_LIST_H
#define LP_LIST_H

#include "image/local.h"

#define LP_LIST_MAX ((size_t)16 << 20)	/* bytes of text, ours */

struct lp_list {
	struct lp_run *run;	/* [n] in order; a run may repeat another */
	size_t n;
	size_t missed;		/* lines that name no regular file of the image */
};

/*
 * lp_list_resolve - turn the @bytes at @text into runs of @l's devices.
 *
 * LP_EFORMAT  image.list.line: an offset or a length that is no number
 * LP_ELIMIT   more than LP_LIST_MAX bytes
 */
LP_MUST_CHECK enum lp_code lp_list_resolve(const struct lp_local *l, const char *text,
					   size_t bytes, struct lp_list *out,
					   struct lp_err *err);
void lp_list_free(struct lp_list *l);

/* The paths alone, clean, in order: what a writer is given (it takes each once). */
struct lp_list_paths {
	const char **path;	/* [n] */
	size_t n;
	struct lp_buf text;
};

LP_MUST_CHECK enum lp_code lp_list_paths(const char *text, size_t bytes,
					 struct lp_list_paths *out, struct lp_err *err);
void lp_list_paths_free(struct lp_list_paths *p);

#endif
