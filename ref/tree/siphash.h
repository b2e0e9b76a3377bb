/* SPDX-License-Identifier: MIT */
/*
 * siphash - a keyed hash of short names: nobody outside can choose names that collide.
 *
 * SipHash-1-3.  The key is the process's own (AT_RANDOM), so it costs no system call and
 * works in a sandbox; nothing that is written depends on it.
 *
 * Specification: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012
 */
#ifndef LP_SIPHASH_H
#define LP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct lp_siphash_key {
	uint64_t k[2];
};

void lp_siphash_key(struct lp_siphash_key *key);

/* The hash of the 8 bytes of @word and the @n bytes at @p. */
uint64_t lp_siphash(const struct lp_siphash_key *key, uint64_t word, const void *p, size_t n);

#endif
