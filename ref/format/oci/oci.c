// SPDX-License-Identifier: MIT
/*
 * oci - a legacy layer: a tar, plain or as one gzip or zstd stream, read from end to end.
 *
 *	blob --> peek --> decoder --> hash (diffID) --> tar --> entries, bodies
 *
 * Which codec it is, the first bytes say, as in containerd; the media type may be wrong.
 *
 * Specification: OCI image-spec v1.1, layer.md
 */
#include "codec/peek.h"
#include "format/format.h"
#include "format/oci/write.h"
#include "tree/tar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_BYTES "oci.layer.bytes"

#define PEEK 4				/* what lp_codec_guess() wants to see */
#define PIECE ((size_t)256 << 10)	/* ours: of a body, handed to the sink at once */
#define FRAME_BYTES ((uint64_t)4 << 20)	/* ours: two of them are decoded in memory at most */
#define FRAMES_WIDER 256		/* so many, and frames are twice as long: windows cost */

/* One call of open(). */
struct opening {
	struct lp_marker marker;	/* first */
	struct lp_sink *sink;
	struct lp_peek peek;
	struct lp_decoder decoder;
	struct lp_hash_reader plain;
	struct lp_tar tar;
	uint8_t *piece;			/* [PIECE] */
	struct lp_buf start;		/* of uint64_t: where frames begin in the plain stream */
	struct lp_checkpoint last;	/* where the last of them begins */
	uint8_t *window;		/* [LP_WINDOW_BYTES] before it */
	uint64_t device_bytes;		/* so far */
};

static void opening_free(struct opening *o)
{
	lp_tar_free(&o->tar);
	lp_hash_reader_free(&o->plain);
	lp_decoder_free(&o->decoder);
	free(o->piece);
	free(o->window);
	lp_buf_free(&o->start);
}

/* The frame from the last checkpoint is @plain bytes long, and ends before byte @stored. */
static enum lp_code tell_frame(struct opening *o, uint64_t stored, uint64_t plain,
			       struct lp_err *err)
{
	const struct lp_checkpoint *at = &o->last;
	struct lp_frame f = {
		.off = at->stored_off, .stored_bytes = stored - at->stored_off,
		.plain_bytes = plain - at->plain_off, .bit = (uint8_t)at->bit,
		.codec = (uint8_t)o->decoder.codec->id,
	};
	uint32_t number;

	/* A frame has some bytes: an empty blob is a layer without entries. */
	if (!o->sink->frame || !f.plain_bytes)
		return LP_OK;
	return o->sink->frame(o->sink, &f, at->window, &number, err);
}

/* The stream can be decoded from @at: a frame ends, the next one begins. */
static enum lp_code take_mark(struct lp_marker *m, const struct lp_checkpoint *at,
			      struct lp_err *err)
{
	struct opening *o = (struct opening *)m;

	if (tell_frame(o, at->stored_off + (at->bit > 0), at->plain_off, err) ||
	    lp_buf_add(&o->start, &at->plain_off, sizeof(at->plain_off), SIZE_MAX, err))
		return err->code;
	if (!o->window && !(o->window = malloc(LP_WINDOW_BYTES)))
		return lp_fail_errno(err, "malloc");
	o->last = *at;
	if (at->window)
		o->last.window = memcpy(o->window, at->window, LP_WINDOW_BYTES);
	if (o->start.len / sizeof(at->plain_off) % FRAMES_WIDER == 0)
		m->every *= 2;
	return LP_OK;
}

/* Tell the sink in which frame @plain lies; the bytes up to the next one, at most @n. */
static size_t place_piece(struct opening *o, uint64_t plain, size_t n)
{
	const uint64_t *start = (const uint64_t *)(const void *)o->start.p;
	uint32_t frames = (uint32_t)(o->start.len / sizeof(*start));
	struct lp_sink *s = o->sink;

	while (s->in_frame < frames && start[s->in_frame] <= plain)
		s->in_frame++;
	s->frame_off = plain - (s->in_frame ? start[s->in_frame - 1] : 0);
	return s->in_frame < frames && start[s->in_frame] - plain < n
		       ? (size_t)(start[s->in_frame] - plain) : n;
}

static enum lp_code begin(struct opening *o, struct lp_source *source, struct lp_err *err)
{
	struct lp_reader *stored;

	o->piece = malloc(PIECE);
	if (!o->piece)
		return lp_fail_errno(err, "malloc");
	if (lp_source_stream(source, &stored, err) || lp_peek_open(&o->peek, stored, PEEK, err) ||
	    lp_decoder_open(&o->decoder, lp_codec_guess(o->peek.p, o->peek.bytes),
			    &o->peek.reader, err) ||
	    lp_hash_reader_open(&o->plain, &o->decoder.reader,
				o->sink->diffid ? LP_SHA256 : LP_NO_DIGEST, err) ||
	    lp_tar_open(&o->tar, &o->plain.reader, err))
		return err->code;
	o->marker = (struct lp_marker){FRAME_BYTES, take_mark};
	if (o->sink->frame)
		o->decoder.marker = &o->marker;
	o->sink->in_frame = 0;
	return LP_OK;
}

/* A place on the device for the body of @e: from the next block, in archive order. */
static enum lp_code place(struct opening *o, struct lp_entry *e, struct lp_extent *extent,
			  struct lp_err *err)
{
	if (e->kind != LP_ENTRY_NODE || !S_ISREG(e->mode) || !e->size)
		return LP_OK;
	if (e->size > LP_DEVICE_BYTES_MAX - o->device_bytes)
		return lp_fail(err, LP_ELIMIT, o->tar.at, RULE_BYTES,
			       "more than %" PRIu64 " bytes of files", LP_DEVICE_BYTES_MAX);
	*extent = (struct lp_extent){.bytes = e->size, .device_off = o->device_bytes, .device = 1};
	e->extent = extent;
	e->nextent = 1;
	o->device_bytes = (o->device_bytes + e->size + LP_BLOCK - 1) / LP_BLOCK * LP_BLOCK;
	return LP_OK;
}

static enum lp_code tell_body(struct opening *o, uint64_t left, struct lp_err *err)
{
	while (left) {
		size_t n = left < PIECE ? (size_t)left : PIECE, part;
		uint64_t at = o->tar.at;

		/* Whether a frame begins in them is known when they are read. */
		if (lp_read_full(&o->tar.body, o->piece, n, err))
			return err->code;
		left -= n;
		for (const uint8_t *p = o->piece; n; p += part, at += part, n -= part) {
			part = place_piece(o, at, n);
			if (o->sink->body(o->sink, p, part, err))
				return err->code;
		}
	}
	return LP_OK;
}

static enum lp_code tell_entries(struct opening *o, struct lp_err *err)
{
	struct lp_extent extent;
	struct lp_entry e;
	bool more;

	for (;;) {
		if (lp_tar_next(&o->tar, &e, &more, err))
			return err->code;
		if (!more)
			return LP_OK;
		if (place(o, &e, &extent, err) || o->sink->entry(o->sink, &e, err))
			return err->code;
		if (e.nextent && o->sink->body && tell_body(o, e.size, err))
			return err->code;
	}
}

/* What is behind the archive belongs to the stream and its digest. */
static enum lp_code end(struct opening *o, uint64_t blob_bytes, struct lp_err *err)
{
	struct lp_sink *s = o->sink;
	struct lp_digest diffid;

	if (lp_read_rest(&o->plain.reader, NULL, err) ||
	    tell_frame(o, blob_bytes, o->plain.bytes, err))
		return err->code;
	if (s->diffid) {
		lp_hash_end(&o->plain.hash, &diffid);
		if (s->diffid(s, &diffid, err))
			return err->code;
	}
	return s->end_tree ? s->end_tree(s, o->device_bytes, err) : LP_OK;
}

static enum lp_code oci_open(const struct lp_descriptor *d, struct lp_source *source, size_t n,
			     const struct lp_open_options *options, struct lp_sink *sink,
			     struct lp_err *err)
{
	LP_AUTO(opening_free) struct opening o = {.sink = sink};

	(void)d, (void)options;
	if (n != 1)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a layer is one blob, not %zu",
			       n);
	if (begin(&o, source, err) || tell_entries(&o, err) || end(&o, source->bytes, err))
		return err->code;
	return LP_OK;
}

static enum lp_code oci_probe(const struct lp_descriptor *d, struct lp_source *source,
			      const struct lp_open_options *options, bool *ours,
			      struct lp_err *err)
{
	enum lp_media media = lp_media_of(d->media_type);

	(void)source, (void)options, (void)err;
	*ours = media == LP_MEDIA_LAYER || media == LP_MEDIA_LAYER_GZIP ||
		media == LP_MEDIA_LAYER_ZSTD;
	return LP_OK;
}

const struct lp_format lp_fmt_oci = {
	.name = "oci",
	.spec = "OCI image-spec v1.1 layers: tar, tar+gzip, tar+zstd; Docker's schema 2",
	.stream = true,
	.probe = oci_probe,
	.open = oci_open,
	.build_layer = lp_oci_build,
};
