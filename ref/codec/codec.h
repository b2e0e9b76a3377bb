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

/* A streaming decoder: itself a reader of plain bytes.  {0} is valid and empty. */
struct lp_decoder {
	struct lp_reader reader;
	struct lp_reader *from;		/* stored bytes; borrowed */
	const struct lp_codec *codec;
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
 * Ask for 64 KiB or more at a time: small reads make a decoder copy its window.
 *
 * LP_EUNSUP  the codec does not stream
 */
LP_MUST_CHECK enum lp_code lp_decoder_open(struct lp_decoder *d, const struct lp_codec *codec,
					   struct lp_reader *from, struct lp_err *err);
void lp_decoder_free(struct lp_decoder *d);

#endif
