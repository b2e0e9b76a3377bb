/* SPDX-License-Identifier: MIT */
/*
 * sample - a layer made of pseudo-random bytes: blob, table, and what the device must become.
 */
#ifndef LP_TESTING_SAMPLE_H
#define LP_TESTING_SAMPLE_H

#include "layer/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct sample_shape {
	uint32_t seed, nchunk;
	uint32_t bytes_max;		/* of a chunk */
	uint32_t per_frame;		/* chunks that share a frame */
	uint32_t gap;			/* bytes of the blob between frames */
	const struct lp_codec *codec;	/* NULL: none */
};

struct sample {
	struct lp_buf blob;
	struct lp_buf plain;		/* the complete device */
	struct lp_digest digest;	/* of the blob */
	struct lp_digest table_digest;
	int table;			/* the table's file */
};

static inline uint32_t sample_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Half random, half runs: codecs find something to do. */
static inline void sample_fill(uint8_t *p, size_t n, uint32_t *state)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i % 64 < 32 ? sample_random(state) : 'a' + i / 64 % 26);
}

/* End the frame at @from of @plain: encode it into the blob, add it to the table. */
static inline enum lp_code sample_frame(struct sample *s, struct lp_table_build *b,
					const struct sample_shape *shape, struct lp_buf *plain,
					struct lp_err *err)
{
	struct lp_frame f = {.off = s->blob.len + shape->gap, .plain_bytes = plain->len,
			     .codec = shape->codec ? (uint8_t)shape->codec->id : LP_CODEC_NONE};
	static const uint8_t gap[65536];

	if (lp_buf_add(&s->blob, gap, shape->gap, SIZE_MAX / 2, err))
		return err->code;
	if (shape->codec ? shape->codec->encode(plain->p, plain->len, 1, &s->blob, err)
			 : lp_buf_add(&s->blob, plain->p, plain->len, SIZE_MAX / 2, err))
		return err->code;
	f.stored_bytes = s->blob.len - f.off;
	plain->len = 0;
	return lp_table_add_frame(b, &f, NULL, NULL, err);
}

static inline enum lp_code sample_chunk(struct sample *s, struct lp_table_build *b,
					const struct lp_chunk *c, uint32_t *state,
					struct lp_err *err)
{
	struct lp_digest digest;
	size_t end = (size_t)(c->device_off + c->bytes);
	size_t whole = (end + LP_BLOCK - 1) / LP_BLOCK * LP_BLOCK;

	if (whole > s->plain.len) {
		if (lp_buf_reserve(&s->plain, whole - s->plain.len, SIZE_MAX / 2, err))
			return err->code;
		memset(s->plain.p + s->plain.len, 0, whole - s->plain.len);
		s->plain.len = whole;
	}
	sample_fill(s->plain.p + c->device_off, (size_t)c->bytes, state);
	lp_digest_of(LP_SHA256, s->plain.p + c->device_off, (size_t)c->bytes, &digest);
	return lp_table_add_chunk(b, c, &digest, err);
}

/* Every fifth chunk follows the one before without a break, as in one file. */
static inline enum lp_code sample_make(struct sample *s, const struct sample_shape *shape,
				       struct lp_err *err)
{
	LP_AUTO(lp_table_build_free) struct lp_table_build b = {0};
	LP_AUTO(lp_buf_free) struct lp_buf plain = {0};
	uint32_t state = shape->seed, frame = 0;
	uint64_t off = 0;

	*s = (struct sample){.table = memfd_create("table", MFD_CLOEXEC)};
	for (uint32_t i = 0; i < shape->nchunk; i++) {
		struct lp_chunk c = {.frame = frame, .frame_off = plain.len,
				     .bytes = sample_random(&state) % shape->bytes_max + 1};

		c.device_off = i % 5 == 4 ? off : (off + LP_BLOCK - 1) / LP_BLOCK * LP_BLOCK;
		off = c.device_off + c.bytes;
		if (sample_chunk(s, &b, &c, &state, err) ||
		    lp_buf_add(&plain, s->plain.p + c.device_off, (size_t)c.bytes, SIZE_MAX / 2,
			       err))
			return err->code;
		if ((i + 1) % shape->per_frame && i + 1 < shape->nchunk)
			continue;
		frame++;
		if (sample_frame(s, &b, shape, &plain, err))
			return err->code;
	}
	lp_digest_of(LP_SHA256, s->blob.p, s->blob.len, &s->digest);
	return lp_table_write(&b, s->table, &s->digest, s->blob.len, s->plain.len,
			      &s->table_digest, err);
}

static inline void sample_free(struct sample *s)
{
	lp_buf_free(&s->blob);
	lp_buf_free(&s->plain);
	if (s->table >= 0)
		close(s->table);
	s->table = -1;
}

#endif
