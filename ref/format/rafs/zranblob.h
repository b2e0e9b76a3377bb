/* SPDX-License-Identifier: MIT */
/*
 * zranblob - for tests and fuzz targets: contexts of four chunks in two contexts, stored as they
 * are, of a layer of ZRANBLOB_LAYER bytes.
 */
#ifndef LP_ZRANBLOB_H
#define LP_ZRANBLOB_H

#include "format/rafs/info.h"
#include "format/rafs/zran.h"

#include <string.h>

#define ZRANBLOB_LAYER 100000u

enum {
	ZRANBLOB_CHUNKS = 4,
	ZRANBLOB_CONTEXTS = 96,			/* behind four entries of 24 bytes */
	ZRANBLOB_DICTIONARIES = 96 + 80,
	ZRANBLOB_HEAD = 96 + 80 + 1000,
	ZRANBLOB_END = ZRANBLOB_HEAD + 4096,
};

static inline void zranblob_put(uint8_t *p, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline void zranblob_context(uint8_t *p, uint64_t in, uint32_t in_bytes, uint32_t bits,
				    uint32_t dictionary)
{
	zranblob_put(p, in, 8);
	zranblob_put(p + 24, in_bytes, 4);
	zranblob_put(p + 28, 20000, 4);
	zranblob_put(p + 32, dictionary, 4);
	p[37] = (uint8_t)bits;
}

static inline void zranblob_make(uint8_t p[static ZRANBLOB_END], struct lp_rafs_blob *b)
{
	memset(p, 0, ZRANBLOB_END);
	for (uint32_t i = 0; i < ZRANBLOB_CHUNKS; i++) {
		zranblob_put(p + i * 24, UINT64_C(3) << 56 | i, 8);
		zranblob_put(p + i * 24 + 16, (uint64_t)(i / 2) << 32 | i % 2 * 10000, 8);
	}
	zranblob_context(p + ZRANBLOB_CONTEXTS, 10, 50000, 0, 0);
	zranblob_context(p + ZRANBLOB_CONTEXTS + 40, 60010, 39990, 3, 1000);
	memset(p + ZRANBLOB_DICTIONARIES, 'd', 1000);
	zranblob_put(p + ZRANBLOB_HEAD, 0xb10bb10b, 4);
	zranblob_put(p + ZRANBLOB_HEAD + 12, ZRANBLOB_CHUNKS, 4);
	zranblob_put(p + ZRANBLOB_HEAD + 40, ZRANBLOB_CONTEXTS, 8);
	zranblob_put(p + ZRANBLOB_HEAD + 48, ZRANBLOB_HEAD - ZRANBLOB_CONTEXTS, 8);
	zranblob_put(p + ZRANBLOB_HEAD + 56, 2, 4);
	zranblob_put(p + ZRANBLOB_END - 4, 0xb10bb10b, 4);
	*b = (struct lp_rafs_blob){.nchunk = ZRANBLOB_CHUNKS, .info_stored = ZRANBLOB_HEAD,
				   .info_plain = ZRANBLOB_HEAD, .info_codec = LP_CODEC_NONE};
}

/* A sink that counts frames, and what it is told of them. */
struct zranblob_sink {
	struct lp_sink sink;
	uint32_t frames;
	struct lp_frame last;
	uint8_t first, end;		/* bytes of the last window */
};

static inline enum lp_code zranblob_frame(struct lp_sink *s, const struct lp_frame *f,
					  const uint8_t *window, uint32_t *index,
					  struct lp_err *err)
{
	struct zranblob_sink *z = (struct zranblob_sink *)(void *)s;

	(void)err;
	z->last = *f;
	z->first = window[0];
	z->end = window[LP_WINDOW_BYTES - 1];
	*index = z->frames++;
	return LP_OK;
}

#endif
