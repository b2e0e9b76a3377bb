/* SPDX-License-Identifier: MIT */
/*
 * input - the stored bytes of a stream, seen through a window that slides over it.
 *
 * A frame in memory is the same with all of it in view and nothing behind it, so that one
 * parser of headers serves both.  The last bytes that were taken stay in view: a decoder
 * that read ahead gives them back with lp_input_back().
 */
#ifndef LP_INPUT_H
#define LP_INPUT_H

#include "base/stream.h"

#include <stdlib.h>

#define LP_INPUT_BACK 16		/* ours: a 64-bit bit buffer, twice */
#define LP_INPUT_BYTES ((size_t)128 << 10)	/* ours: 64 KiB was 3 % slower, 1 MiB no faster */

/* {0} is valid and empty. */
struct lp_input {
	const uint8_t *p;	/* the next byte */
	size_t left;		/* bytes in view from p on */
	uint64_t at;		/* offset of p in the stream */
	struct lp_reader *from;	/* NULL: nothing is behind what is in view; borrowed */
	uint8_t *window;	/* LP_INPUT_BACK + LP_INPUT_BYTES bytes; NULL: a frame */
};

LP_MUST_CHECK enum lp_code lp_input_open(struct lp_input *in, struct lp_reader *from,
					 struct lp_err *err);
void lp_input_open_frame(struct lp_input *in, const void *p, size_t n);
void lp_input_free(struct lp_input *in);

/*
 * lp_input_fill - bring @least bytes (<= LP_INPUT_BYTES) into view.
 *
 * in->left < @least afterwards says that the stream ends there.
 */
LP_MUST_CHECK enum lp_code lp_input_fill(struct lp_input *in, size_t least, struct lp_err *err);

/*
 * lp_input_read - take 1 to @n bytes to @p, past the window where that saves a copy.
 *
 * As lp_read(): *@got is 0 at the end of the stream.
 */
LP_MUST_CHECK enum lp_code lp_input_read(struct lp_input *in, void *p, size_t n, size_t *got,
					 struct lp_err *err);

/* Go over @n bytes that are in view. */
static inline void lp_input_skip(struct lp_input *in, size_t n)
{
	in->p += n;
	in->left -= n;
	in->at += n;
}

/* Take back the last @n bytes, at most LP_INPUT_BACK, that were skipped. */
static inline void lp_input_back(struct lp_input *in, size_t n)
{
	in->p -= n;
	in->left += n;
	in->at -= n;
}

#endif
