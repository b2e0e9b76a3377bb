/* SPDX-License-Identifier: MIT */
/*
 * pack - a plain stream, cut into members that are encoded by all cores and written in order.
 *
 *	add, spool -> members -> batch --pool: read, digest, encode--> in order: diffID, out
 *
 * What comes out depends on what was put in alone: not on threads, not on timing.  Batches
 * in flight are bounded by their plain bytes, so memory does not grow with the stream.
 *
 * Concatenated members are one stream: RFC 1952, 2.2; RFC 8878, 3.1.  With @chunks they are
 * chunks of a blob instead, found by a table: some may be left out, or stored as they are.
 */
#ifndef LP_PACK_H
#define LP_PACK_H

#include "codec/gzip_writer.h"
#include "format/format.h"

/* A member that is written; told in order. */
struct lp_packed {
	uint64_t off;			/* first stored byte, from the start of the blob */
	size_t stored_bytes;
	const uint8_t *body;		/* its first body_bytes plain bytes, borrowed */
	size_t body_bytes;
	struct lp_digest digest;	/* of them */
	bool raw;			/* chunks: stored as it is */
	bool drop;			/* chunks, set by who is told: it is not written */
};

struct lp_pack_batch;

struct lp_pack {
	/* Called by whoever cuts or ends, for members with a body; NULL: nobody asks. */
	enum lp_code (*written)(struct lp_pack *p, struct lp_packed *m, struct lp_err *err);
	size_t member_max;		/* cut after so many plain bytes; 0: never by itself */
	enum lp_alg alg;		/* of the members' digests */
	bool chunks;			/* what does not shrink is stored raw; there is no diffID */

	const struct lp_spool *in;	/* borrowed */
	const struct lp_codec *codec;
	int level;
	struct lp_pool *pool;		/* borrowed; NULL: no threads */
	struct lp_writer *out;		/* borrowed */
	struct lp_hash plain;		/* of what was written */
	uint64_t plain_bytes, stored_bytes; /* of what was written */
	struct lp_pack_batch *filling, *oldest, **newest, *spare;
	size_t flying;			/* bytes of buffers of batches that were handed over */
	struct lp_gzip_writer wide;	/* the member that is streamed */
};

/*
 * lp_pack_open - begin, with @options' codec or @codec, pool and level.
 *
 * @written, @member_max, @alg (SHA-256 at first), @chunks of @p may be set afterwards.
 *
 * LP_EUSAGE  the codec does not encode, or not at this level
 */
LP_MUST_CHECK enum lp_code lp_pack_open(struct lp_pack *p, const struct lp_spool *in,
					const struct lp_build_options *options,
					const struct lp_codec *codec, struct lp_writer *out,
					struct lp_err *err);
void lp_pack_free(struct lp_pack *p);

/* End the member, if it has bytes; the next one's first @body_bytes are its body. */
LP_MUST_CHECK enum lp_code lp_pack_cut(struct lp_pack *p, size_t body_bytes, struct lp_err *err);

/* Append @n bytes at @bytes. */
LP_MUST_CHECK enum lp_code lp_pack_add(struct lp_pack *p, const void *bytes, size_t n,
				       struct lp_err *err);

/* Append the @n bytes at @off of the spool's file. */
LP_MUST_CHECK enum lp_code lp_pack_spool(struct lp_pack *p, uint64_t off, uint64_t n,
					 struct lp_err *err);

/* Plain bytes of the member so far. */
size_t lp_pack_member_bytes(const struct lp_pack *p);

/* Write all that was put in so far. */
LP_MUST_CHECK enum lp_code lp_pack_flush(struct lp_pack *p, struct lp_err *err);

/*
 * lp_pack_widen - write all that was put in so far; what is added from here on is one gzip
 * member, encoded as a stream and so in little memory, whatever its length.
 */
LP_MUST_CHECK enum lp_code lp_pack_widen(struct lp_pack *p, struct lp_err *err);

/* Write what is left.  @diffid: of all plain bytes, SHA-256; not of chunks. */
LP_MUST_CHECK enum lp_code lp_pack_end(struct lp_pack *p, struct lp_digest *diffid,
				       struct lp_err *err);

#endif
