// SPDX-License-Identifier: MIT
#include "base/blake3.h"

#include <string.h>

#define CHUNK ((size_t)1024)
#define BLOCKS (CHUNK / LP_BLAKE3_BLOCK)
#define LANES 8 /* chunks that are compressed side by side: 256 bits of 32 */

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

/* One word of each lane.  Without AVX2 the compiler makes two halves of it. */
typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

static const uint32_t iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Which word of the message each step of each round takes. */
static const uint8_t order[7][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
	{3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
	{10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
	{12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
	{9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
	{11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/* Both for one word and for one of each lane. */
#define TURN(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define MIX(v, a, b, c, d, x, y)                                                               \
	do {                                                                                   \
		v[a] += v[b] + (x);                                                            \
		v[d] = TURN(v[d] ^ v[a], 16);                                                  \
		v[c] += v[d];                                                                  \
		v[b] = TURN(v[b] ^ v[c], 12);                                                  \
		v[a] += v[b] + (y);                                                            \
		v[d] = TURN(v[d] ^ v[a], 8);                                                   \
		v[c] += v[d];                                                                  \
		v[b] = TURN(v[b] ^ v[c], 7);                                                   \
	} while (0)
#define ROUNDS(v, m)                                                                           \
	for (int r_ = 0; r_ < 7; r_++) {                                                       \
		const uint8_t *o_ = order[r_];                                                 \
		MIX(v, 0, 4, 8, 12, m[o_[0]], m[o_[1]]);                                       \
		MIX(v, 1, 5, 9, 13, m[o_[2]], m[o_[3]]);                                       \
		MIX(v, 2, 6, 10, 14, m[o_[4]], m[o_[5]]);                                      \
		MIX(v, 3, 7, 11, 15, m[o_[6]], m[o_[7]]);                                      \
		MIX(v, 0, 5, 10, 15, m[o_[8]], m[o_[9]]);                                      \
		MIX(v, 1, 6, 11, 12, m[o_[10]], m[o_[11]]);                                    \
		MIX(v, 2, 7, 8, 13, m[o_[12]], m[o_[13]]);                                     \
		MIX(v, 3, 4, 9, 14, m[o_[14]], m[o_[15]]);                                     \
	}

static uint32_t load(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store(uint8_t *p, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(x >> 8 * i);
}

/* @cv and a block of 16 words to the next chaining value, in place. */
static void compress(uint32_t cv[8], const uint32_t m[16], uint64_t counter, size_t bytes,
		     unsigned flags)
{
	uint32_t v[16];

	memcpy(v, cv, 8 * sizeof(*v));
	memcpy(v + 8, iv, 4 * sizeof(*v));
	v[12] = (uint32_t)counter;
	v[13] = (uint32_t)(counter >> 32);
	v[14] = (uint32_t)bytes;
	v[15] = flags;
	ROUNDS(v, m)
	for (int i = 0; i < 8; i++)
		cv[i] = v[i] ^ v[i + 8];
}

static void compress_block(uint32_t cv[8], const uint8_t *block, uint64_t counter, size_t bytes,
			   unsigned flags)
{
	uint32_t m[16];

	for (size_t i = 0; i < 16; i++)
		m[i] = load(block + 4 * i);
	compress(cv, m, counter, bytes, flags);
}

/* @right becomes the parent of @left and itself. */
static void join(const uint32_t left[8], uint32_t right[8], unsigned flags)
{
	uint32_t m[16];

	memcpy(m, left, 8 * sizeof(*m));
	memcpy(m + 8, right, 8 * sizeof(*m));
	memcpy(right, iv, sizeof(iv));
	compress(right, m, 0, LP_BLAKE3_BLOCK, PARENT | flags);
}

/* compress() of each lane, whose counters are @counter, @counter + 1, ... or all 0 */
#define COMPRESS_LANES(cv, m, counter, step, flags)                                            \
	do {                                                                                   \
		lanes v_[16];                                                                  \
		for (int i_ = 0; i_ < 8; i_++)                                                 \
			v_[i_] = cv[i_];                                                       \
		for (int i_ = 0; i_ < 4; i_++)                                                 \
			v_[i_ + 8] = (lanes){0} + iv[i_];                                      \
		for (int l_ = 0; l_ < LANES; l_++) {                                           \
			uint64_t n_ = (counter) + (step) * (uint64_t)l_;                       \
			v_[12][l_] = (uint32_t)n_;                                             \
			v_[13][l_] = (uint32_t)(n_ >> 32);                                     \
		}                                                                              \
		v_[14] = (lanes){0} + LP_BLAKE3_BLOCK;                                         \
		v_[15] = (lanes){0} + (flags);                                                 \
		ROUNDS(v_, m)                                                                  \
		for (int i_ = 0; i_ < 8; i_++)                                                 \
			cv[i_] = v_[i_] ^ v_[i_ + 8];                                          \
	} while (0)

/* The chaining value of LANES whole chunks, the first of them number @counter, as one subtree. */
LP_BLAKE3_CLONES static void compress_chunks(const uint8_t *p, uint64_t counter, uint32_t out[8])
{
	lanes cv[8], m[16];

	for (int i = 0; i < 8; i++)
		cv[i] = (lanes){0} + iv[i];
	for (size_t b = 0; b < BLOCKS; b++) {
		uint32_t flags = (b ? 0 : CHUNK_START) | (b < BLOCKS - 1 ? 0 : CHUNK_END);

		for (size_t i = 0; i < 16; i++)
			for (size_t l = 0; l < LANES; l++)
				m[i][l] = load(p + l * CHUNK + b * LP_BLAKE3_BLOCK + 4 * i);
		COMPRESS_LANES(cv, m, counter, 1, flags);
	}
	/* Lanes 2k and 2k + 1 become lane k, until one is left. */
	for (size_t n = LANES / 2; n; n /= 2) {
		memset(m, 0, sizeof(m));
		for (size_t i = 0; i < 8; i++)
			for (size_t l = 0; l < n; l++) {
				m[i][l] = cv[i][2 * l];
				m[i + 8][l] = cv[i][2 * l + 1];
			}
		for (int i = 0; i < 8; i++)
			cv[i] = (lanes){0} + iv[i];
		COMPRESS_LANES(cv, m, 0, 0, PARENT);
	}
	for (int i = 0; i < 8; i++)
		out[i] = cv[i][0];
}

/* A subtree of @size chunks, a power of two, stands behind the ones on the stack. */
static void push(struct lp_blake3 *h, uint32_t cv[8], uint64_t size)
{
	h->chunks += size;
	for (uint64_t n = h->chunks / size; !(n & 1); n >>= 1)
		join(h->stack[--h->depth], cv, 0);
	memcpy(h->stack[h->depth++], cv, sizeof(h->cv));
}

static void start_chunk(struct lp_blake3 *h)
{
	memcpy(h->cv, iv, sizeof(iv));
	h->in_block = h->blocks = 0;
}

void lp_blake3_begin(struct lp_blake3 *h)
{
	h->depth = 0;
	h->chunks = 0;
	start_chunk(h);
}

/* The block is full, and more comes. */
static void end_block(struct lp_blake3 *h)
{
	unsigned flags = (h->blocks ? 0 : CHUNK_START) | (h->blocks < BLOCKS - 1 ? 0 : CHUNK_END);

	compress_block(h->cv, h->block, h->chunks, LP_BLAKE3_BLOCK, flags);
	h->in_block = 0;
	if (++h->blocks == BLOCKS) {
		push(h, h->cv, 1);
		start_chunk(h);
	}
}

void lp_blake3_add(struct lp_blake3 *h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n) {
		size_t take = LP_BLAKE3_BLOCK - h->in_block;

		if (!take) {
			end_block(h);
			continue;
		}
		/* The last chunk stays open: it may turn out to be the root. */
		if (!h->blocks && !h->in_block && !(h->chunks % LANES) && n > LANES * CHUNK) {
			uint32_t cv[8];

			compress_chunks(p, h->chunks, cv);
			push(h, cv, LANES);
			take = LANES * CHUNK;
		} else {
			take = take < n ? take : n;
			memcpy(h->block + h->in_block, p, take);
			h->in_block += take;
		}
		p += take;
		n -= take;
	}
}

void lp_blake3_end(const struct lp_blake3 *h, uint8_t out[static LP_BLAKE3_BYTES])
{
	unsigned flags = CHUNK_END | (h->blocks ? 0 : CHUNK_START) | (h->depth ? 0 : ROOT);
	uint8_t block[LP_BLAKE3_BLOCK] = {0};
	uint32_t cv[8];

	memcpy(cv, h->cv, sizeof(cv));
	memcpy(block, h->block, h->in_block);
	compress_block(cv, block, h->chunks, h->in_block, flags);
	for (size_t i = h->depth; i-- > 0;)
		join(h->stack[i], cv, i ? 0 : ROOT);
	for (size_t i = 0; i < 8; i++)
		store(out + 4 * i, cv[i]);
}
