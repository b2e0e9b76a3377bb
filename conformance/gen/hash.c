// SPDX-License-Identifier: MIT
#include "gen/hash.h"

#include <string.h>

#define CHUNK 1024
#define BLOCK 64
#define CHUNK_START 1u
#define CHUNK_END 2u
#define PARENT 4u
#define ROOT 8u

static const uint32_t iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
static const uint8_t shuffle[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

/* What a compression is asked for; its flags and the root's come last. */
struct node {
	uint32_t cv[8];
	uint8_t block[BLOCK];
	uint64_t counter;
	uint32_t bytes, flags;
};

static uint32_t load(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t rotate(uint32_t v, int n)
{
	return v >> n | v << (32 - n);
}

/* A quarter round on the words of @s that @at names, two words of the message in. */
static void mix(uint32_t s[16], const uint8_t at[4], uint32_t x, uint32_t y)
{
	uint32_t a = s[at[0]], b = s[at[1]], c = s[at[2]], d = s[at[3]];

	a += b + x;
	d = rotate(d ^ a, 16);
	c += d;
	b = rotate(b ^ c, 12);
	a += b + y;
	d = rotate(d ^ a, 8);
	c += d;
	b = rotate(b ^ c, 7);
	s[at[0]] = a, s[at[1]] = b, s[at[2]] = c, s[at[3]] = d;
}

static void compress(const struct node *n, uint32_t flags, uint32_t cv[8])
{
	static const uint8_t at[8][4] = {
		{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15}, /* columns */
		{0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14}, /* diagonals */
	};
	uint32_t s[16], m[16], was[16];

	memcpy(s, n->cv, 32);
	memcpy(s + 8, iv, 16);
	s[12] = (uint32_t)n->counter;
	s[13] = (uint32_t)(n->counter >> 32);
	s[14] = n->bytes;
	s[15] = n->flags | flags;
	for (int i = 0; i < 16; i++)
		m[i] = load(n->block + 4 * i);
	for (int round = 0; round < 7; round++) {
		for (int i = 0; i < 8; i++)
			mix(s, at[i], m[2 * i], m[2 * i + 1]);
		memcpy(was, m, sizeof(m));
		for (int i = 0; i < 16; i++)
			m[i] = was[shuffle[i]];
	}
	for (int i = 0; i < 8; i++)
		cv[i] = s[i] ^ s[i + 8];
}

/* The last block of a chunk of @n bytes, not yet compressed: it may be the root. */
static struct node chunk(const uint8_t *p, size_t n, uint64_t counter)
{
	struct node node = {.counter = counter, .flags = CHUNK_START};

	memcpy(node.cv, iv, 32);
	for (; n > BLOCK; p += BLOCK, n -= BLOCK) {
		memcpy(node.block, p, BLOCK);
		node.bytes = BLOCK;
		compress(&node, 0, node.cv);
		node.flags = 0;
	}
	memset(node.block, 0, BLOCK);
	if (n)
		memcpy(node.block, p, n);
	node.bytes = (uint32_t)n;
	node.flags |= CHUNK_END;
	return node;
}

static struct node parent(const uint32_t left[8], const uint32_t right[8])
{
	struct node node = {.bytes = BLOCK, .flags = PARENT};

	memcpy(node.cv, iv, 32);
	for (int i = 0; i < 8; i++) {
		store(node.block + 4 * i, left[i]);
		store(node.block + 32 + 4 * i, right[i]);
	}
	return node;
}

void gen_blake3(const uint8_t *p, size_t n, uint8_t out[32])
{
	uint32_t stack[54][8], cv[8]; /* left subtrees that wait for their right ones */
	uint64_t done = 0;
	struct node node;
	size_t depth = 0;

	for (; n > CHUNK; p += CHUNK, n -= CHUNK) {
		node = chunk(p, CHUNK, done++);
		compress(&node, 0, cv);
		for (uint64_t full = done; !(full & 1); full >>= 1) {
			node = parent(stack[--depth], cv);
			compress(&node, 0, cv);
		}
		memcpy(stack[depth++], cv, sizeof(cv));
	}
	node = chunk(p, n, done);
	while (depth) {
		compress(&node, 0, cv);
		node = parent(stack[--depth], cv);
	}
	compress(&node, ROOT, cv);
	for (int i = 0; i < 8; i++)
		store(out + 4 * i, cv[i]);
}

/* Bit by bit would do: a byte at a time with a table of 16 is five times as fast. */
static uint32_t crc(uint32_t polynomial, const uint8_t *p, size_t n)
{
	uint32_t table[16], c = UINT32_MAX;

	for (uint32_t i = 0; i < 16; i++) {
		table[i] = i;
		for (int bit = 0; bit < 4; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? polynomial : 0);
	}
	for (size_t i = 0; i < n; i++) {
		c ^= p[i];
		c = c >> 4 ^ table[c & 15];
		c = c >> 4 ^ table[c & 15];
	}
	return ~c;
}

uint32_t gen_crc32(const uint8_t *p, size_t n)
{
	return crc(0xedb88320, p, n);
}

uint32_t gen_crc32c(const uint8_t *p, size_t n)
{
	return crc(0x82f63b78, p, n);
}

uint32_t gen_adler32(const uint8_t *p, size_t n)
{
	uint32_t a = 1, b = 0;

	for (size_t i = 0; i < n; i++) {
		a = (a + p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

#define P1 0x9e3779b185ebca87u
#define P2 0xc2b2ae3d27d4eb4fu
#define P3 0x165667b19e3779f9u
#define P4 0x85ebca77c2b2ae63u
#define P5 0x27d4eb2f165667c5u

static uint64_t left(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static uint64_t load64(const uint8_t *p)
{
	return load(p) | (uint64_t)load(p + 4) << 32;
}

static uint64_t turn(uint64_t lane, uint64_t input)
{
	return left(lane + input * P2, 31) * P1;
}

/* The last 31 bytes at most, and the avalanche. */
static uint64_t finish(uint64_t h, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8)
		h = left(h ^ turn(0, load64(p)), 27) * P1 + P4;
	if (n >= 4) {
		h = left(h ^ load(p) * P1, 23) * P2 + P3;
		p += 4, n -= 4;
	}
	for (; n; p++, n--)
		h = left(h ^ *p * P5, 11) * P1;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}

uint64_t gen_xxh64(const uint8_t *p, size_t n)
{
	static const int turns[4] = {1, 7, 12, 18};
	uint64_t lane[4] = {P1 + P2, P2, 0, -P1}, h = P5, bytes = n;

	if (n >= 32) {
		for (; n >= 32; p += 32, n -= 32)
			for (int i = 0; i < 4; i++)
				lane[i] = turn(lane[i], load64(p + 8 * i));
		h = 0;
		for (int i = 0; i < 4; i++)
			h += left(lane[i], turns[i]);
		for (int i = 0; i < 4; i++)
			h = (h ^ turn(0, lane[i])) * P1 + P4;
	}
	return finish(h + bytes, p, n);
}
