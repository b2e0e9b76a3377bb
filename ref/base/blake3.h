/* SPDX-License-Identifier: MIT */
/*
 * blake3 - the BLAKE3 hash, 256 bits: what Nydus images digest with unless told otherwise.
 *
 *	lp_blake3_begin(&h); lp_blake3_add(&h, p, n); ... lp_blake3_end(&h, out);
 *
 * Reached through lp_hash and lp_digest_of (base/digest.h) as LP_BLAKE3.  Cannot fail.
 *
 * Specification: BLAKE3, "one function, fast everywhere" (2021-11-05), sections 2 and 5.3
 */
#ifndef LP_BLAKE3_H
#define LP_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

#define LP_BLAKE3_BYTES 32
#define LP_BLAKE3_BLOCK 64
#define LP_BLAKE3_DEEP 54	/* chaining values on the way: 2^64 bytes are 2^54 chunks */

/* One copy of a function for CPUs with AVX2, one for all.  Sanitizers cannot choose that early. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define LP_BLAKE3_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define LP_BLAKE3_CLONES
#endif

/* A hash being computed; copyable. */
struct lp_blake3 {
	uint32_t stack[LP_BLAKE3_DEEP][8];	/* of subtrees that are whole, the largest first */
	size_t depth;
	uint64_t chunks;			/* before the current one */
	uint32_t cv[8];				/* of the current chunk */
	uint8_t block[LP_BLAKE3_BLOCK];		/* its last block, not compressed yet */
	size_t in_block;			/* bytes of it */
	size_t blocks;				/* of the chunk, compressed */
};

void lp_blake3_begin(struct lp_blake3 *h);
void lp_blake3_add(struct lp_blake3 *h, const void *p, size_t n);
void lp_blake3_end(const struct lp_blake3 *h, uint8_t out[static LP_BLAKE3_BYTES]);

#endif
