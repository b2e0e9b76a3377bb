// SPDX-License-Identifier: MIT
/*
 * The first byte: codec, and how many bytes are fed at a time; the second: plain bytes
 * wanted of a frame.  Input and output end at a guard page, since sanitizers do not see into
 * ISA-L's assembly.  What zlib reads, the gzip stream must read alike.
 */
#include "codec/codec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#define ROOM ((size_t)1 << 20)
#define PAGE ((size_t)4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct drip {
	struct lp_reader reader;
	const uint8_t *p;
	size_t left, most;
};

static enum lp_code drip_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct drip *d = (struct drip *)r;

	(void)err;
	*got = n < d->most ? n : d->most;
	*got = *got < d->left ? *got : d->left;
	memcpy(p, d->p, *got);
	d->p += *got;
	d->left -= *got;
	return LP_OK;
}

/* ROOM bytes with an inaccessible page behind them. */
static uint8_t *guard(void)
{
	uint8_t *p = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + ROOM, PAGE, PROT_NONE))
		abort();
	return p;
}

/* What zlib makes of the first member; -1: it refuses. */
static ssize_t inflate_member(const uint8_t *p, size_t n, uint8_t *out)
{
	z_stream z = {.next_out = out, .avail_out = ROOM, .avail_in = (uInt)n};
	union {
		const uint8_t *p;
		uint8_t *mutable;
	} u = {.p = p};
	int rc;

	z.next_in = u.mutable;
	if (inflateInit2(&z, 31) != Z_OK)
		abort();
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END ? (ssize_t)z.total_out : -1;
}

static size_t read_stream(const struct lp_codec *codec, const uint8_t *p, size_t n, size_t most,
			  uint8_t *out)
{
	struct drip d = {.reader = {drip_read}, .p = p, .left = n, .most = most};
	struct lp_decoder dec = {0};
	struct lp_err err = {0};
	size_t done = 0, got = 1;

	if (lp_decoder_open(&dec, codec, &d.reader, &err) == LP_OK)
		while (done < ROOM && got && !lp_read(&dec.reader, out + done, ROOM - done, &got,
						     &err))
			done += got;
	if (err.code && err.code != LP_ESYSTEM && !err.rule)
		abort();
	lp_decoder_free(&dec);
	return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t *in, *out, *other;
	const struct lp_codec *codec;
	struct lp_err err = {0};
	size_t most, want, done;
	ssize_t plain;

	if (!in) {
		in = guard();
		out = guard();
		other = guard();
	}
	if (n < 2 || n > ROOM)
		return 0;
	codec = lp_codec_number(data[0] & 3);
	most = data[0] & 128 ? ROOM : ((size_t)data[0] >> 2) + 1;
	want = (size_t)data[1] << (data[1] < 128 ? 0 : 10);
	n -= 2;
	memcpy(in + ROOM - n, data + 2, n);
	if (codec->decode(in + ROOM - n, n, out + ROOM - want, want, &err) && !err.rule)
		abort();
	done = read_stream(codec, in + ROOM - n, n, most, out);
	if (codec != &lp_codec_gzip)
		return 0;
	plain = inflate_member(in + ROOM - n, n, other);
	if (plain > 0 && ((size_t)plain > done || memcmp(out, other, (size_t)plain)))
		abort();
	return 0;
}
