/* SPDX-License-Identifier: MIT */
/*
 * pack - bytes with long runs made short, without a compressor whose next version differs.
 *
 * Tar headers are mostly zeros: runs become copies of the byte before, or RLE blocks, and nothing
 * else is ever compressed, so the result is the same for ever.
 */
#ifndef GEN_PACK_H
#define GEN_PACK_H

#include <stddef.h>
#include <stdint.h>

/* Room that gen_pack_deflate() and gen_pack_zstd() need for @n bytes. */
size_t gen_pack_room(size_t n);

/* gen_pack_deflate - one final block of fixed codes; copies have distance 1.  RFC 1951, 3.2.6 */
size_t gen_pack_deflate(const uint8_t *p, size_t n, uint8_t *out);

/* gen_pack_zstd - raw and RLE blocks, the last one marked.  RFC 8878, 3.1.1.2 */
size_t gen_pack_zstd(const uint8_t *p, size_t n, uint8_t *out);

#endif
