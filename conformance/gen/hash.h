/* SPDX-License-Identifier: MIT */
/*
 * hash - the checksums of formats: BLAKE3, CRC32, CRC32C, Adler-32, XXH64.
 *
 * Specification: BLAKE3, one function of hash mode; RFC 1952, 8; RFC 3720, B.4; RFC 1950, 9;
 * XXH64 as RFC 8878, 3.1.1 has it: seed 0
 */
#ifndef GEN_HASH_H
#define GEN_HASH_H

#include <stddef.h>
#include <stdint.h>

void gen_blake3(const uint8_t *p, size_t n, uint8_t out[32]);
uint32_t gen_crc32(const uint8_t *p, size_t n);
uint32_t gen_crc32c(const uint8_t *p, size_t n);
uint32_t gen_adler32(const uint8_t *p, size_t n);
uint64_t gen_xxh64(const uint8_t *p, size_t n);

#endif
