// SPDX-License-Identifier: MIT
/*
 * gzip - RFC 1952: ISA-L inflates (2.4 times as fast as zlib, and it stops at any plain
 * byte), libdeflate deflates; headers and trailers are read here, so that they are strict.
 */
#include "codec/codec.h"

#include "base/cursor.h"
#include "codec/input.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#define RULE_HEADER "codec.gzip.header"
#define RULE_DEFLATE "codec.gzip.deflate"
#define RULE_CHECKSUM "codec.gzip.checksum"
#define RULE_LENGTH "codec.gzip.length"
#define RULE_TRUNCATED "codec.gzip.truncated"
#define RULE_TRAILING "codec.gzip.trailing"
#define RULE_SHORT "codec.decode.short"

enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, FRESERVED = 0xe0 };

/*
 * ISA-L does not stop between blocks.  But while it waits for the rest of a block's header it
 * has given all that is before it; so, fed in portions shorter than most headers, it shows
 * where blocks begin.
 */
#define PORTION 32
#define PORTIONS_MAX 8192	/* ours, in vain: then the next try is after the next distance */

#define HEADER_BYTES 10
#define TRAILER_BYTES 8

/* Skip @n bytes; @crc goes over them. */
static enum lp_code skip(struct lp_input *in, size_t n, uint32_t *crc, struct lp_err *err)
{
	if (lp_input_fill(in, n, err))
		return err->code;
	if (in->left < n)
		return lp_fail(err, LP_EFORMAT, in->at + in->left, RULE_TRUNCATED,
			       "the stream ends inside a gzip header");
	*crc = libdeflate_crc32(*crc, in->p, n);
	lp_input_skip(in, n);
	return LP_OK;
}

/* A name or a comment, with the NUL that ends it. */
static enum lp_code skip_text(struct lp_input *in, uint32_t *crc, struct lp_err *err)
{
	const uint8_t *nul;

	do {
		if (lp_input_fill(in, 1, err))
			return err->code;
		nul = in->left ? memchr(in->p, 0, in->left) : NULL;
		if (skip(in, nul ? (size_t)(nul - in->p) + 1 : in->left + !in->left, crc, err))
			return err->code;
	} while (!nul);
	return LP_OK;
}

static enum lp_code skip_optional(struct lp_input *in, uint8_t flags, uint32_t *crc,
				  struct lp_err *err)
{
	struct lp_cursor c = {.p = in->p, .left = 2};

	if (flags & FEXTRA) {
		if (skip(in, 2, crc, err))
			return err->code;
		c.p = in->p - 2;
		if (skip(in, lp_le16(&c), crc, err))
			return err->code;
	}
	if (flags & FNAME && skip_text(in, crc, err))
		return err->code;
	if (flags & FCOMMENT && skip_text(in, crc, err))
		return err->code;
	if (flags & FHCRC) {
		uint16_t want = (uint16_t)*crc;

		if (skip(in, 2, crc, err))
			return err->code;
		c = (struct lp_cursor){.p = in->p - 2, .left = 2};
		if (lp_le16(&c) != want)
			return lp_fail(err, LP_EFORMAT, in->at - 2, RULE_HEADER,
				       "the checksum of a gzip header differs");
	}
	return LP_OK;
}

static enum lp_code read_header(struct lp_input *in, struct lp_err *err)
{
	uint64_t at = in->at;
	uint32_t crc = 0;
	uint8_t flags;

	if (skip(in, HEADER_BYTES, &crc, err))
		return err->code;
	flags = in->p[3 - HEADER_BYTES];
	if (memcmp(in->p - HEADER_BYTES, "\x1f\x8b\x08", 3) || flags & FRESERVED)
		return lp_fail(err, LP_EFORMAT, at, RULE_HEADER, "not a gzip header");
	return skip_optional(in, flags, &crc, err);
}

/* RFC 1952, 2.3.1: CRC32 and ISIZE of the member's @plain bytes. */
static enum lp_code check_trailer(struct lp_input *in, uint32_t crc, uint64_t plain,
				  struct lp_err *err)
{
	struct lp_cursor c;

	if (lp_input_fill(in, TRAILER_BYTES, err))
		return err->code;
	if (in->left < TRAILER_BYTES)
		return lp_fail(err, LP_EFORMAT, in->at + in->left, RULE_TRUNCATED,
			       "the stream ends inside a gzip trailer");
	c = (struct lp_cursor){.p = in->p, .left = TRAILER_BYTES};
	if (lp_le32(&c) != crc)
		return lp_fail(err, LP_EFORMAT, in->at, RULE_CHECKSUM,
			       "the CRC32 of a gzip member differs");
	if (lp_le32(&c) != (uint32_t)plain)
		return lp_fail(err, LP_EFORMAT, in->at + 4, RULE_LENGTH,
			       "the length of a gzip member differs");
	lp_input_skip(in, TRAILER_BYTES);
	return LP_OK;
}

/* ISA-L takes its input without const, and only reads it. */
static void lend(struct inflate_state *z, const struct lp_input *in)
{
	union {
		const uint8_t *p;
		uint8_t *mutable;
	} u = {.p = in->p};

	z->next_in = u.mutable;
	z->avail_in = in->left < UINT32_MAX ? (uint32_t)in->left : UINT32_MAX;
}

/* One member of a frame; *@out and *@want move over what it gave. */
static enum lp_code decode_member(struct inflate_state *z, struct lp_input *in, uint8_t **out,
				  size_t *want, struct lp_err *err)
{
	uint32_t room = *want < UINT32_MAX ? (uint32_t)*want : UINT32_MAX;
	uint32_t plain;
	int rc;

	if (read_header(in, err))
		return err->code;
	isal_inflate_init(z);
	lend(z, in);
	z->next_out = *out;
	z->avail_out = room;
	rc = isal_inflate_stateless(z);
	plain = room - z->avail_out;
	lp_input_skip(in, (size_t)(z->next_in - in->p));
	*want -= plain;
	*out += plain;
	/* Behind the last byte wanted, nothing counts: neither errors nor the trailer. */
	if (!*want)
		return LP_OK;
	if (rc == ISAL_END_INPUT)
		return lp_fail(err, LP_EFORMAT, in->at, RULE_TRUNCATED,
			       "the stored bytes end, %zu plain bytes are missing", *want);
	if (rc != ISAL_DECOMP_OK)
		return lp_fail(err, LP_EFORMAT, in->at, RULE_DEFLATE, "not deflate data");
	return check_trailer(in, libdeflate_crc32(0, *out - plain, plain), plain, err);
}

static enum lp_code decode(const void *p, size_t n, void *out, size_t want, struct lp_err *err)
{
	struct inflate_state *z = malloc(sizeof(*z));
	enum lp_code code = LP_OK;
	struct lp_input in;
	uint8_t *to = out;
	size_t left = want;

	if (!z)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate a decoder");
	lp_input_open_frame(&in, p, n);
	while (left && in.left && !code)
		code = decode_member(z, &in, &to, &left, err);
	if (left && !code)
		code = lp_fail(err, LP_EFORMAT, n, RULE_SHORT, "%zu plain bytes, want %zu",
			       want - left, want);
	free(z);
	return code;
}

/*
 * The library's effort for a level.  Its 8 and 9 cost much for little: python's 240 MB take
 * 2.7 s at 7, 4.8 s at 8, 6.6 s at 9, and become 103.0, 102.6 and 102.6 MB; Go's level 9 makes
 * 105.9 MB of them.
 */
static int effort(int level)
{
	return level == 8 ? 7 : level == 9 ? 8 : level;
}

static enum lp_code encode(const void *in, size_t n, int level, struct lp_buf *out,
			   struct lp_err *err)
{
	/* Allocating it anew costs less than can be measured, at any size and level. */
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(effort(level));
	enum lp_code code;
	uint8_t *start;
	size_t got;

	if (!c)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "gzip: level %d", level);
	code = lp_buf_reserve(out, libdeflate_gzip_compress_bound(c, n), SIZE_MAX, err);
	if (!code) {
		start = out->p + out->len;
		got = libdeflate_gzip_compress(c, in, n, start, out->cap - out->len);
		/* RFC 1952, 2.3: XFL and OS as Go writes them, whose levels end at 9 */
		start[8] = level >= 9 ? 2 : level == 1 ? 4 : 0;
		start[9] = 255;
		out->len += got;
	}
	libdeflate_free_compressor(c);
	return code;
}

/* A stream being decoded. */
struct gunzip {
	struct lp_input in;
	uint64_t plain;			/* of this member, so far */
	bool inside;			/* between header and trailer */
	bool any;			/* a member ended */
	bool bad;			/* its deflate data, behind what was given */
	bool resumed;			/* in the middle of this member: it has no checksum */
	uint8_t *history;		/* [LP_WINDOW_BYTES] a ring, last plain bytes; NULL: no marker */
	unsigned portions;		/* since it is time for a checkpoint */
	struct inflate_state z;
};

/* Behind a member: zero bytes to the end, as tape blocks were padded, or the next one. */
static enum lp_code skip_padding(struct lp_input *in, struct lp_err *err)
{
	do {
		while (in->left && !*in->p)
			lp_input_skip(in, 1);
		if (in->left)
			return lp_fail(err, LP_EFORMAT, in->at, RULE_TRAILING,
				       "garbage behind the last gzip member");
		if (lp_input_fill(in, 1, err))
			return err->code;
	} while (in->left);
	return LP_OK;
}

static enum lp_code begin_member(struct lp_decoder *d, struct lp_err *err)
{
	struct gunzip *g = d->state;

	if (lp_input_fill(&g->in, HEADER_BYTES, err))
		return err->code;
	if (g->any && !g->in.left)
		return LP_OK;
	if (g->any && *g->in.p != 0x1f)
		return skip_padding(&g->in, err);
	if (g->any && lp_decoder_due(d) && lp_decoder_mark(d, g->in.at, 0, NULL, err))
		return err->code;
	if (read_header(&g->in, err))
		return err->code;
	isal_inflate_init(&g->z);
	g->z.crc_flag = ISAL_GZIP_NO_HDR;
	g->plain = 0;
	g->inside = true;
	return LP_OK;
}

static enum lp_code end_member(struct gunzip *g, struct lp_err *err)
{
	/* What stands in its bit buffer belongs to the trailer. */
	lp_input_back(&g->in, (size_t)g->z.read_in_length / 8);
	g->inside = false;
	g->any = true;
	if (!g->resumed)
		return check_trailer(&g->in, g->z.crc, g->plain, err);
	g->resumed = false;
	if (lp_input_fill(&g->in, TRAILER_BYTES, err))
		return err->code;
	lp_input_skip(&g->in, g->in.left < TRAILER_BYTES ? g->in.left : TRAILER_BYTES);
	return LP_OK;
}

/* Keep the last of the @n bytes at @p, which begin at @plain of the stream. */
static void remember(struct gunzip *g, uint64_t plain, const uint8_t *p, size_t n)
{
	size_t at, first;

	if (n > LP_WINDOW_BYTES) {
		p += n - LP_WINDOW_BYTES;
		plain += n - LP_WINDOW_BYTES;
		n = LP_WINDOW_BYTES;
	}
	at = (size_t)(plain % LP_WINDOW_BYTES);
	first = n < LP_WINDOW_BYTES - at ? n : LP_WINDOW_BYTES - at;
	memcpy(g->history + at, p, first);
	memcpy(g->history, p + first, n - first);
}

/* If ISA-L stands between two blocks, that is a checkpoint. */
static enum lp_code mark_block(struct lp_decoder *d, struct lp_err *err)
{
	struct gunzip *g = d->state;
	uint8_t window[LP_WINDOW_BYTES];
	size_t at = (size_t)(d->plain % LP_WINDOW_BYTES);
	uint64_t bits;

	if (g->bad || !g->z.avail_out || g->plain < LP_WINDOW_BYTES ||
	    (g->z.block_state != ISAL_BLOCK_HDR && g->z.block_state != ISAL_BLOCK_NEW_HDR)) {
		if (++g->portions >= PORTIONS_MAX) {
			g->portions = 0;
			d->marked = d->plain;
		}
		return LP_OK;
	}
	g->portions = 0;
	bits = (g->in.at - (uint64_t)g->z.tmp_in_size) * 8 - (uint64_t)g->z.read_in_length;
	memcpy(window, g->history + at, LP_WINDOW_BYTES - at);
	memcpy(window + LP_WINDOW_BYTES - at, g->history, at);
	return lp_decoder_mark(d, bits / 8, (unsigned)(bits % 8), window, err);
}

/* Inflate some of the member to @p; *@got may be 0 although more will come. */
static enum lp_code inflate_some(struct lp_decoder *d, void *p, size_t n, size_t *got,
				 struct lp_err *err)
{
	struct gunzip *g = d->state;
	uint32_t room = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	bool last;

	if (lp_input_fill(&g->in, 1, err))
		return err->code;
	last = !g->in.left;
	lend(&g->z, &g->in);
	if (g->history && lp_decoder_due(d) && g->z.avail_in > PORTION)
		g->z.avail_in = PORTION;
	g->z.next_out = p;
	g->z.avail_out = room;
	g->bad = g->bad || isal_inflate(&g->z) < 0;
	lp_input_skip(&g->in, (size_t)(g->z.next_in - g->in.p));
	*got = room - g->z.avail_out;
	if (g->history)
		remember(g, d->plain, p, *got);
	g->plain += *got;
	d->plain += *got;
	/* Some versions judge distances by it, and its 32 bits wrap at 4 GiB. */
	if (g->z.total_out > UINT32_MAX / 2)
		g->z.total_out -= UINT32_MAX / 4;
	if (g->bad && !*got)
		return lp_fail(err, LP_EFORMAT, g->in.at, RULE_DEFLATE, "not deflate data");
	if (g->z.block_state == ISAL_BLOCK_FINISH)
		return end_member(g, err);
	if (last && !*got)
		return lp_fail(err, LP_EFORMAT, g->in.at, RULE_TRUNCATED,
			       "the stream ends inside a gzip member");
	return g->history && lp_decoder_due(d) ? mark_block(d, err) : LP_OK;
}

static enum lp_code read_stream(struct lp_reader *r, void *p, size_t n, size_t *got,
				struct lp_err *err)
{
	struct lp_decoder *d = (struct lp_decoder *)r;
	struct gunzip *g = d->state;

	*got = 0;
	if (d->marker && !g->history && !(g->history = malloc(LP_WINDOW_BYTES)))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate a window");
	while (!*got) {
		if (!g->inside && begin_member(d, err))
			return err->code;
		if (!g->inside)
			return LP_OK;
		if (inflate_some(d, p, n, got, err))
			return err->code;
	}
	return LP_OK;
}

static void close_stream(struct lp_decoder *d)
{
	struct gunzip *g = d->state;

	if (g) {
		lp_input_free(&g->in);
		free(g->history);
	}
	free(g);
	d->state = NULL;
}

static enum lp_code open_stream(struct lp_decoder *d, struct lp_err *err)
{
	struct gunzip *g = malloc(sizeof(*g));

	if (!g)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate a decoder");
	d->state = g;
	d->reader.read = read_stream;
	g->inside = g->any = g->bad = g->resumed = false;
	g->history = NULL;
	g->portions = 0;
	return lp_input_open(&g->in, d->from, err);
}

static enum lp_code resume(struct lp_decoder *d, unsigned bit, const uint8_t *window,
			   struct lp_err *err)
{
	struct gunzip *g = d->state;
	union {
		const uint8_t *p;
		uint8_t *mutable;
	} u = {.p = window};

	if (lp_input_fill(&g->in, 1, err))
		return err->code;
	if (!g->in.left)
		return lp_fail(err, LP_EFORMAT, 0, RULE_TRUNCATED, "no stored bytes");
	isal_inflate_init(&g->z);
	/* The dictionary is copied. */
	if (isal_inflate_set_dict(&g->z, u.mutable, LP_WINDOW_BYTES) != COMP_OK)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "set a window");
	if (bit) {
		g->z.read_in = (uint64_t)*g->in.p >> bit;
		g->z.read_in_length = 8 - (int32_t)bit;
		lp_input_skip(&g->in, 1);
	}
	g->plain = 0;
	g->inside = g->resumed = true;
	return LP_OK;
}

const struct lp_codec lp_codec_gzip = {
	.id = LP_CODEC_GZIP,
	.name = "gzip",
	.level_default = 6,
	.level_max = 12,
	.decode = decode,
	.encode = encode,
	.open = open_stream,
	.close = close_stream,
	.resume = resume,
};
