// SPDX-License-Identifier: MIT
#include "codec/codec.h"

#include "base/cursor.h"
#include "codec/input.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define RULE_HEADER "codec.zstd.header"
#define RULE_FRAME "codec.zstd.frame"
#define RULE_WINDOW "codec.zstd.window"
#define RULE_DICTIONARY "codec.zstd.dictionary"
#define RULE_TRUNCATED "codec.zstd.truncated"
#define RULE_TRAILING "codec.zstd.trailing"
#define RULE_SHORT "codec.decode.short"

#define MAGIC_BYTES 4
#define HEADER_BYTES 18		/* at most: magic, descriptor, window, dictionary id, size */
#define WINDOW_LOG 27	/* 128 MiB, what the zstd program takes without being asked */

/* A run of frames being decoded. */
struct unzstd {
	struct lp_input in;
	bool inside;			/* a frame */
	bool any;			/* a frame ended */
	ZSTD_DCtx *z;
};

static void free_unzstd(struct unzstd *u)
{
	lp_input_free(&u->in);
	ZSTD_freeDCtx(u->z);
}

static enum lp_code open_unzstd(struct unzstd *u, struct lp_err *err)
{
	u->z = ZSTD_createDCtx();
	if (!u->z || ZSTD_isError(ZSTD_DCtx_setParameter(u->z, ZSTD_d_windowLogMax, WINDOW_LOG)))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate a decoder");
	return LP_OK;
}

/*
 * RFC 8878, 3.1.1.1: the header at @p says that 2^64 - 1 plain bytes follow.  That is the
 * library's own sign for a size that is not said, so it would not miss them.
 */
static bool says_endless(const uint8_t *p, size_t n)
{
	static const uint8_t id_bytes[] = {0, 1, 2, 4};
	uint8_t flags = n > MAGIC_BYTES ? p[MAGIC_BYTES] : 0;
	size_t at = MAGIC_BYTES + 1U + !(flags & 0x20) + id_bytes[flags & 3];

	return flags >> 6 == 3 && n >= at + 8 && !memcmp(p + at, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
}

/* RFC 8878, 3.1: a frame or a skippable one begins here; older formats are not read. */
static enum lp_code begin_frame(struct unzstd *u, struct lp_err *err)
{
	struct lp_cursor c = {.p = u->in.p, .left = MAGIC_BYTES};
	uint32_t magic;

	if (u->in.left < MAGIC_BYTES)
		return lp_fail(err, LP_EFORMAT, u->in.at, u->any ? RULE_TRAILING : RULE_TRUNCATED,
			       "the stream ends inside a zstd header");
	magic = lp_le32(&c);
	if (magic != ZSTD_MAGICNUMBER &&
	    (magic & ZSTD_MAGIC_SKIPPABLE_MASK) != ZSTD_MAGIC_SKIPPABLE_START)
		return lp_fail(err, LP_EFORMAT, u->in.at, u->any ? RULE_TRAILING : RULE_HEADER,
			       u->any ? "garbage behind the last zstd frame" : "not a zstd frame");
	if (magic == ZSTD_MAGICNUMBER && says_endless(u->in.p, u->in.left))
		return lp_fail(err, LP_EFORMAT, u->in.at, RULE_FRAME,
			       "a frame that says 2^64 - 1 plain bytes");
	u->inside = true;
	return LP_OK;
}

static enum lp_code refuse(size_t rc, uint64_t at, struct lp_err *err)
{
	switch (ZSTD_getErrorCode(rc)) {
	case ZSTD_error_memory_allocation:
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "zstd: allocate a window");
	case ZSTD_error_frameParameter_windowTooLarge:
		return lp_fail(err, LP_ELIMIT, at, RULE_WINDOW,
			       "the frame's window is above %d MiB", 1 << (WINDOW_LOG - 20));
	case ZSTD_error_dictionary_wrong:
		return lp_fail(err, LP_EUNSUP, at, RULE_DICTIONARY, "the frame has a dictionary");
	default:
		return lp_fail(err, LP_EFORMAT, at, RULE_FRAME, "zstd: %s", ZSTD_getErrorName(rc));
	}
}

/* Up to @n plain bytes to @p; 0 only at the end, behind a whole frame. */
static enum lp_code decode_some(struct unzstd *u, void *p, size_t n, size_t *got,
				struct lp_err *err)
{
	ZSTD_outBuffer out = {.dst = p, .size = n};

	while (!out.pos) {
		ZSTD_inBuffer in;
		size_t rc;

		if (lp_input_fill(&u->in, u->inside ? 1 : HEADER_BYTES, err))
			return err->code;
		if (!u->inside && !u->in.left && u->any)
			break;
		if (!u->inside && begin_frame(u, err))
			return err->code;
		in = (ZSTD_inBuffer){.src = u->in.p, .size = u->in.left};
		rc = ZSTD_decompressStream(u->z, &out, &in);
		if (ZSTD_isError(rc))
			return refuse(rc, u->in.at + in.pos, err);
		if (!u->in.left && rc && !out.pos)
			return lp_fail(err, LP_EFORMAT, u->in.at, RULE_TRUNCATED,
				       "the stream ends inside a zstd frame");
		lp_input_skip(&u->in, in.pos);
		u->any = u->any || !rc;
		u->inside = rc;
	}
	*got = out.pos;
	return LP_OK;
}

static enum lp_code decode(const void *in, size_t n, void *out, size_t want, struct lp_err *err)
{
	LP_AUTO(free_unzstd) struct unzstd u = {0};
	size_t done = 0, got = 0;

	if (open_unzstd(&u, err))
		return err->code;
	lp_input_open_frame(&u.in, in, n);
	while (done < want) {
		if (decode_some(&u, (uint8_t *)out + done, want - done, &got, err))
			return err->code;
		if (!got)
			return lp_fail(err, LP_EFORMAT, n, RULE_SHORT,
				       "%zu plain bytes, want %zu", done, want);
		done += got;
	}
	return LP_OK;
}

static enum lp_code encode(const void *in, size_t n, int level, struct lp_buf *out,
			   struct lp_err *err)
{
	size_t rc;

	if (lp_buf_reserve(out, ZSTD_compressBound(n), SIZE_MAX, err))
		return err->code;
	rc = ZSTD_compress(out->p + out->len, out->cap - out->len, in, n, level);
	if (ZSTD_isError(rc)) /* the space is enough: only its own allocation can fail */
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "zstd: %s",
			       ZSTD_getErrorName(rc));
	out->len += rc;
	return LP_OK;
}

static enum lp_code read_stream(struct lp_reader *r, void *p, size_t n, size_t *got,
				struct lp_err *err)
{
	struct lp_decoder *d = (struct lp_decoder *)r;
	struct unzstd *u = d->state;

	*got = 0;
	if (!u->inside && u->any && lp_decoder_due(d) &&
	    lp_decoder_mark(d, u->in.at, 0, NULL, err))
		return err->code;
	if (decode_some(u, p, n, got, err))
		return err->code;
	d->plain += *got;
	return LP_OK;
}

static void close_stream(struct lp_decoder *d)
{
	if (d->state)
		free_unzstd(d->state);
	free(d->state);
	d->state = NULL;
}

static enum lp_code open_stream(struct lp_decoder *d, struct lp_err *err)
{
	struct unzstd *u = calloc(1, sizeof(*u));

	if (!u)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate a decoder");
	d->state = u;
	d->reader.read = read_stream;
	if (open_unzstd(u, err))
		return err->code;
	return lp_input_open(&u->in, d->from, err);
}

const struct lp_codec lp_codec_zstd = {
	.id = LP_CODEC_ZSTD,
	.name = "zstd",
	.level_default = 3,
	.level_max = 19,
	.decode = decode,
	.encode = encode,
	.open = open_stream,
	.close = close_stream,
};
