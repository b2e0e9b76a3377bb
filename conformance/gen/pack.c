// SPDX-License-Identifier: MIT
#include "gen/pack.h"

#include <string.h>

#define COPY_MIN 3		/* RFC 1951: bytes of a copy */
#define COPY_MAX 258
#define COPY_MAX_SYMBOL 285
#define BLOCK ((size_t)128 << 10) /* RFC 8878: bytes of a block */
#define RLE_MIN 8		/* ours: a shorter run stays in its raw block */

/* Bits, the lowest first. */
struct bits {
	uint8_t *p;
	size_t n;
	uint32_t held;
	unsigned count;
};

size_t gen_pack_room(size_t n)
{
	return n + n / 2 + 16;
}

static void put(struct bits *b, uint32_t v, unsigned n)
{
	b->held |= v << b->count;
	b->count += n;
	for (; b->count >= 8; b->count -= 8, b->held >>= 8)
		b->p[b->n++] = (uint8_t)b->held;
}

/* A Huffman code: its highest bit first. */
static void put_code(struct bits *b, uint32_t code, unsigned n)
{
	while (n-- > 0)
		put(b, code >> n & 1, 1);
}

static void put_symbol(struct bits *b, uint32_t symbol)
{
	if (symbol < 144)
		put_code(b, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(b, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(b, symbol - 256, 7);
	else
		put_code(b, 0xc0 + symbol - 280, 8);
}

/* @n times the byte before. */
static void put_copy(struct bits *b, uint32_t n)
{
	uint32_t over = n - COPY_MIN, extra = 0;

	if (n == COPY_MAX) {
		put_symbol(b, COPY_MAX_SYMBOL);
	} else {
		while (over >> extra >= 8)
			extra++;
		put_symbol(b, 257 + 4 * extra + (over >> extra));
		put(b, over & ((1u << extra) - 1), extra);
	}
	put_code(b, 0, 5);
}

/* How often the first of @n bytes is repeated from there on, at most @most times. */
static size_t run(const uint8_t *p, size_t n, size_t most)
{
	size_t i = 0;

	while (i < n && i < most && p[i] == p[0])
		i++;
	return i;
}

size_t gen_pack_deflate(const uint8_t *p, size_t n, uint8_t *out)
{
	struct bits b = {.p = out};
	size_t same;

	put(&b, 1 | 1 << 1, 3); /* final, fixed codes */
	for (size_t i = 0; i < n; i += same) {
		same = i && p[i] == p[i - 1] ? run(p + i, n - i, COPY_MAX) : 1;
		if (same >= COPY_MIN) {
			put_copy(&b, (uint32_t)same);
		} else {
			same = 1;
			put_symbol(&b, p[i]);
		}
	}
	put_symbol(&b, 256);
	put(&b, 0, 7);
	return b.n;
}

static uint8_t *put_block(uint8_t *w, size_t n, unsigned type, int last)
{
	size_t header = n << 3 | type << 1 | (unsigned)last;

	w[0] = (uint8_t)header;
	w[1] = (uint8_t)(header >> 8);
	w[2] = (uint8_t)(header >> 16);
	return w + 3;
}

size_t gen_pack_zstd(const uint8_t *p, size_t n, uint8_t *out)
{
	uint8_t *w = out;
	size_t i = 0, same, raw;

	do {
		same = run(p + i, n - i, BLOCK);
		raw = 0;
		while (same < RLE_MIN && i + raw < n && raw + same <= BLOCK) {
			raw += same;
			same = run(p + i + raw, n - i - raw, BLOCK);
			if (!same)
				break;
		}
		if (same >= RLE_MIN && !raw) {
			w = put_block(w, same, 1, i + same == n);
			*w++ = p[i];
			i += same;
			continue;
		}
		w = put_block(w, raw, 0, i + raw == n);
		if (raw)
			memcpy(w, p + i, raw);
		w += raw;
		i += raw;
	} while (i < n);
	return (size_t)(w - out);
}
