/* SPDX-License-Identifier: MIT */
/*
 * gzip_writer - one gzip member of any length, written as a stream in bounded memory.
 *
 * Larger and slower than lp_codec_gzip's encode(), which needs all of it at once: for what
 * must be one member and may have 100 MiB.
 *
 * Specification: RFC 1952
 */
#ifndef LP_GZIP_WRITER_H
#define LP_GZIP_WRITER_H

#include "base/stream.h"

/* {0} is valid and empty. */
struct lp_gzip_writer {
	struct lp_writer writer;	/* takes plain bytes */
	struct lp_writer *to;		/* borrowed */
	uint64_t stored_bytes;		/* written to it so far */
	void *state;
};

/* @level is encode()'s, to which the nearest that zlib has is taken. */
LP_MUST_CHECK enum lp_code lp_gzip_writer_open(struct lp_gzip_writer *w, int level,
					       struct lp_writer *to, struct lp_err *err);

/* Write what is left of the member. */
LP_MUST_CHECK enum lp_code lp_gzip_writer_end(struct lp_gzip_writer *w, struct lp_err *err);
void lp_gzip_writer_free(struct lp_gzip_writer *w);

#endif
