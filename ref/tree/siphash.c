// SPDX-License-Identifier: MIT
#include "tree/siphash.h"

#include <string.h>
#include <sys/auxv.h>

void lp_siphash_key(struct lp_siphash_key *key)
{
	unsigned long at = getauxval(AT_RANDOM);

	*key = (struct lp_siphash_key){{1, 2}};
	if (at)
		memcpy(key, (const void *)at, sizeof(*key));
}

static inline uint64_t rotate(uint64_t v, unsigned int n)
{
	return v << n | v >> (64 - n);
}

static inline void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v);
	v[0] ^= word;
}

uint64_t lp_siphash(const struct lp_siphash_key *key, uint64_t word, const void *p, size_t n)
{
	uint64_t v[4] = {
		key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d,
		key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573,
	};
	const uint8_t *at = p;
	uint64_t last = (uint64_t)(n + 8) << 56;

	absorb(v, word);
	for (; n >= 8; n -= 8, at += 8) {
		memcpy(&word, at, 8);
		absorb(v, word);
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)at[i] << 8 * i;
	absorb(v, last);
	v[2] ^= 0xff;
	mix(v);
	mix(v);
	mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
