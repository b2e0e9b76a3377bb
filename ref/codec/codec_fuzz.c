// SPDX-License-Identifier: MIT
/*
 * The first byte: codec, and how many bytes are fed at a time; the second: plain bytes
 * wanted of a frame.  Bit 6 of the first: the rest are edits of a frame that the codec made.
 * Input and output end at a guard page, since sanitizers do not see into ISA-L's assembly.
 * What zlib reads, the gzip stream must read alike; what is decoded whole, any stream.
 */
#include "codec/codec.h"
#include "testing/edit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#define ROOM ((size_t)1 << 20)
#define PAGE ((size_t)4096)
#define TEXT 3000u		/* bytes of a frame that is edited */
#define EDITED 64

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

/* In front of a stream that starts in the middle. */
static const uint8_t window[LP_WINDOW_BYTES] = {[5] = 'w', [LP_WINDOW_BYTES - 1] = 'x'};

/* What zlib makes of the first member, or with @bit, of its rest; -1: it refuses. */
static ssize_t inflate_member(const uint8_t *p, size_t n, int bit, uint8_t *out)
{
	z_stream z = {.next_out = out, .avail_out = ROOM, .avail_in = (uInt)n - (bit > 0)};
	union {
		const uint8_t *p;
		uint8_t *mutable;
	} u = {.p = p + (bit > 0)};
	int rc;

	z.next_in = u.mutable;
	if (inflateInit2(&z, bit < 0 ? 31 : -15) != Z_OK ||
	    (bit >= 0 && inflateSetDictionary(&z, window, sizeof(window))) ||
	    (bit > 0 && inflatePrime(&z, 8 - bit, *p >> bit)))
		abort();
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END ? (ssize_t)z.total_out : -1;
}

static enum lp_code no_mark(struct lp_marker *m, const struct lp_checkpoint *at,
			    struct lp_err *err)
{
	(void)m, (void)err;
	if (at->bit > 7)
		abort();
	return LP_OK;
}

/* From the start, or with @bit >= 0, from the middle. */
static size_t read_stream(const struct lp_codec *codec, const uint8_t *p, size_t n, size_t most,
			  int bit, uint8_t *out)
{
	struct lp_marker marker = {40000, no_mark};
	struct drip d = {.reader = {drip_read}, .p = p, .left = n, .most = most};
	struct lp_decoder dec = {0};
	struct lp_err err = {0};
	size_t done = 0, got = 1;

	if (!lp_decoder_resume(&dec, codec, &d.reader, bit < 0 ? 0 : (unsigned)bit,
			       bit < 0 ? NULL : window, &err)) {
		dec.marker = &marker;
		while (done < ROOM && got && !lp_read(&dec.reader, out + done, ROOM - done, &got,
						     &err))
			done += got;
	}
	if (err.code && err.code != LP_ESYSTEM && !err.rule)
		abort();
	lp_decoder_free(&dec);
	return done;
}

static void compare_zlib(const uint8_t *p, size_t n, size_t most, int first, uint8_t *out,
			 uint8_t *other)
{
	for (int bit = -1; bit < 8 && n; bit = bit < 0 ? first : 8) {
		size_t done = read_stream(&lp_codec_gzip, p, n, most, bit, out);
		ssize_t plain = inflate_member(p, n, bit, other);

		if (plain > 0 && ((size_t)plain > done || memcmp(out, other, (size_t)plain)))
			abort();
	}
}

/* A frame of text that compresses in parts, edited; as it is, it must be read. */
static void make_frame(const struct lp_codec *codec, struct lp_cursor edits, struct lp_buf *out)
{
	uint8_t text[TEXT], plain[TEXT];
	struct lp_err err;

	for (uint32_t i = 0; i < TEXT; i++)
		text[i] = (uint8_t)(i % 1000 < 500 ? i * i * 2654435761u >> 24
						: (uint8_t)"lazy"[i % 4]);
	edit_must(!codec->encode(text, TEXT, codec->level_default, out, &err));
	if (!edits.left)
		edit_must(!codec->decode(out->p, out->len, plain, TEXT, &err) &&
			  !memcmp(plain, text, TEXT));
	edit_apply(out, 1, edits);
}

static void read_all(const struct lp_codec *codec, const uint8_t *p, size_t n, size_t most,
		     size_t want, uint8_t *room)
{
	uint8_t *out = room + ROOM - want;
	struct lp_err err = {0};
	static uint8_t *stream, *other;
	size_t done;

	if (!stream) {
		stream = guard();
		other = guard();
	}
	if (codec->decode(p, n, out, want, &err) && !err.rule)
		abort();
	if (codec != &lp_codec_lz4) {
		done = read_stream(codec, p, n, most, -1, stream);
		if (!err.code && memcmp(out, stream, done < want ? done : want))
			abort();
	}
	if (codec == &lp_codec_gzip)
		compare_zlib(p, n, most, (int)(want & 7), stream, other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf frame = {0};
	static uint8_t *in, *out;
	const struct lp_codec *codec;
	size_t most, want;

	if (!in) {
		in = guard();
		out = guard();
	}
	if (n < 2 || n > ROOM)
		return 0;
	codec = lp_codec_number(data[0] & 3);
	most = data[0] & 128 ? ROOM : ((size_t)data[0] >> 2 & 15) + 1;
	want = (size_t)data[1] << (data[1] < 128 ? 0 : 10);
	n -= 2;
	data += 2;
	if (data[-2] & EDITED && codec->encode) {
		want = TEXT - 128 + data[-1];
		make_frame(codec, (struct lp_cursor){.p = data, .left = n}, &frame);
		data = frame.p;
		n = frame.len;
	}
	if (n)
		memcpy(in + ROOM - n, data, n);
	read_all(codec, in + ROOM - n, n, most, want, out);
	return 0;
}
