// SPDX-License-Identifier: MIT
#include "codec/gzip_writer.h"

#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#define OUT_BYTES ((size_t)64 << 10)	/* ours */
#define GZIP 16				/* zlib: window bits, plus this for RFC 1952 */
#define MEMORY_MAX 9			/* zlib: memLevel */

struct deflater {
	z_stream z;
	uint8_t out[OUT_BYTES];
};

/* Run zlib until it wants more input, or has ended. */
static enum lp_code run(struct lp_gzip_writer *w, int flush, struct lp_err *err)
{
	struct deflater *d = w->state;
	size_t n;

	do {
		d->z.next_out = d->out;
		d->z.avail_out = OUT_BYTES;
		if (deflate(&d->z, flush) == Z_STREAM_ERROR)
			return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "zlib lost its state");
		n = OUT_BYTES - d->z.avail_out;
		if (n && lp_write(w->to, d->out, n, err))
			return err->code;
		w->stored_bytes += n;
	} while (!d->z.avail_out);
	return LP_OK;
}

static enum lp_code take(struct lp_writer *writer, const void *p, size_t n, struct lp_err *err)
{
	struct lp_gzip_writer *w = (struct lp_gzip_writer *)(void *)writer;
	struct deflater *d = w->state;
	const uint8_t *from = p;

	while (n) {
		d->z.next_in = from;
		d->z.avail_in = n < UINT32_MAX ? (uInt)n : UINT32_MAX;
		from += d->z.avail_in;
		n -= d->z.avail_in;
		if (run(w, Z_NO_FLUSH, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_gzip_writer_open(struct lp_gzip_writer *w, int level, struct lp_writer *to,
				 struct lp_err *err)
{
	struct deflater *d = calloc(1, sizeof(*d));

	*w = (struct lp_gzip_writer){.writer = {take}, .to = to};
	if (!d || deflateInit2(&d->z, level < 9 ? level : 9, Z_DEFLATED, MAX_WBITS + GZIP,
			       MEMORY_MAX, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(d);
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "gzip: level %d", level);
	}
	w->state = d;
	return LP_OK;
}

enum lp_code lp_gzip_writer_end(struct lp_gzip_writer *w, struct lp_err *err)
{
	struct deflater *d = w->state;

	d->z.avail_in = 0;
	return run(w, Z_FINISH, err);
}

void lp_gzip_writer_free(struct lp_gzip_writer *w)
{
	struct deflater *d = w->state;

	if (d)
		deflateEnd(&d->z);
	free(d);
	*w = (struct lp_gzip_writer){0};
}
