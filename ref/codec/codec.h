/* SPDX-License-Identifier: MIT */
/*
 * codec - stored bytes to plain bytes and back.  One file per codec, one table row each.
 *
 * Decoding comes in two shapes.  Whole: a frame in memory, of which exactly so many plain
 * bytes are wanted; never one byte more is produced, so that bytes nobody has vouched for
 * yet cannot fill the memory.  Streaming: a layer of any size, pulled through a small window.
 */
#ifndef LP_CODEC_H
#define LP_CODEC_H

#include "base/buf.h"
#include "base/stream.h"

#define LP_FRAME_MAX ((size_t)8 << 20)	/* bytes, design.md "Limits": plain, held in memory */

/* Numbers are stored in layer.table: never renumber. */
enum lp_codec_id { LP_CODEC_NONE = 0, LP_CODEC_GZIP = 1, LP_CODEC_ZSTD = 2, LP_CODEC_LZ4 = 3 };

#define LP_WINDOW_BYTES 32768u	/* RFC 1951, 2: how far back deflate refers */

/*
 * A place where decoding can start again: between gzip members, zstd frames, or two blocks
 * of deflate, which need the plain bytes before them.
 */
struct lp_checkpoint {
	uint64_t stored_off;	/* in the stream; the byte with the first bit */
	uint64_t plain_off;
	unsigned bit;		/* so many bits of that byte belong to what is before */
	const uint8_t *window;	/* [LP_WINDOW_BYTES]; NULL: none needed; borrowed for the call */
};

/* Who is told about checkpoints while a stream is decoded. */
struct lp_marker {
	uint64_t every;		/* plain bytes between them, at least */
	enum lp_code (*mark)(struct lp_marker *m, const struct lp_checkpoint *at,
			     struct lp_err *err);
};

/* A streaming decoder: itself a reader of plain bytes.  {0} is valid and empty. */
struct lp_decoder {
	struct lp_reader reader;
	struct lp_reader *from;		/* stored bytes; borrowed */
	const struct lp_codec *codec;
	struct lp_marker *marker;	/* borrowed; set before the first read; NULL: nobody */
	uint64_t plain;			/* bytes given */
	uint64_t marked;		/* of them, up to the last checkpoint */
	void *state;
};

struct lp_codec {
	enum lp_codec_id id;
	const char *name;		/* the word in options, JSON and media types: "gzip" */
	int level_default, level_max;	/* for encode; 0, 0: it has no levels */

	/*
	 * Put exactly @want plain bytes at @out, from the first stored bytes of the @n at
	 * @in; what follows in @in is ignored.  gzip: any number of members (RFC 1952, 2.2).
	 *
	 * LP_EFORMAT  not this codec's bytes, or fewer plain bytes than wanted
	 */
	enum lp_code (*decode)(const void *in, size_t n, void *out, size_t want,
			       struct lp_err *err);

	/* Append the plain bytes at @in, encoded, to @out; NULL: decode only. */
	enum lp_code (*encode)(const void *in, size_t n, int level, struct lp_buf *out,
			       struct lp_err *err);

	/* The state of a streaming decoder. */
	enum lp_code (*open)(struct lp_decoder *d, struct lp_err *err);
	void (*close)(struct lp_decoder *d);

	/* Before the first read: the stream begins at a checkpoint with a window; or NULL. */
	enum lp_code (*resume)(struct lp_decoder *d, unsigned bit, const uint8_t *window,
			       struct lp_err *err);
};

extern const struct lp_codec lp_codec_none; /* the stored bytes are the plain bytes */
extern const struct lp_codec lp_codec_gzip; /* RFC 1952 */
extern const struct lp_codec lp_codec_zstd; /* RFC 8878 */
extern const struct lp_codec lp_codec_lz4;  /* LZ4 blocks; no streams */

/* By number (from a table, so perhaps nonsense), by name; NULL if there is none. */
const struct lp_codec *lp_codec_number(uint8_t id);
const struct lp_codec *lp_codec_named(const char *name);

/* What the first @n (4 are enough) bytes of a layer look like: gzip, zstd, else none. */
const struct lp_codec *lp_codec_guess(const void *p, size_t n);

/*
 * lp_decoder_open - decode the stream @from.
 *
 * Reads of @d->reader give plain bytes; the end of the stored stream inside a member or a
 * frame is LP_EFORMAT, garbage behind the last one too (zero bytes behind gzip are none).
 * Ask for 64 KiB or more at a time: small reads make a decoder copy its window.  A marker is
 * told a checkpoint before any byte behind it is given.
 *
 * LP_EUNSUP  the codec does not stream
 */
LP_MUST_CHECK enum lp_code lp_decoder_open(struct lp_decoder *d, const struct lp_codec *codec,
					   struct lp_reader *from, struct lp_err *err);
void lp_decoder_free(struct lp_decoder *d);

/*
 * lp_decoder_resume - the same from the middle: stored byte 0 is that of a checkpoint.
 *
 * @window   [LP_WINDOW_BYTES], or NULL: then this is lp_decoder_open()
 *
 * The checksum of the member in whose middle it starts cannot be compared, and is not.
 */
LP_MUST_CHECK enum lp_code lp_decoder_resume(struct lp_decoder *d, const struct lp_codec *codec,
					     struct lp_reader *from, unsigned bit,
					     const uint8_t *window, struct lp_err *err);

/* For codecs: is it time for a checkpoint?  Tell it. */
static inline bool lp_decoder_due(const struct lp_decoder *d)
{
	return d->marker && d->plain - d->marked >= d->marker->every;
}
LP_MUST_CHECK enum lp_code lp_decoder_mark(struct lp_decoder *d, uint64_t stored_off,
					   unsigned bit, const uint8_t *window,
					   struct lp_err *err);

#endif
