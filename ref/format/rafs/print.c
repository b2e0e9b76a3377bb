// SPDX-License-Identifier: MIT
#include "format/rafs/print.h"

#include "tree/erofs_layout.h"

#include <string.h>

uint32_t lp_rafs_print_flags(const struct lp_rafs_model *m)
{
	static const uint32_t codec[] = {[LP_CODEC_NONE] = LP_RAFS_NONE,
					 [LP_CODEC_GZIP] = LP_RAFS_GZIP,
					 [LP_CODEC_ZSTD] = LP_RAFS_ZSTD,
					 [LP_CODEC_LZ4] = LP_RAFS_LZ4};

	return codec[m->kind.codec] | (m->kind.alg == LP_BLAKE3 ? LP_RAFS_BLAKE3 : LP_RAFS_SHA256) |
	       LP_RAFS_OWNERS | (m->xattrs ? LP_RAFS_XATTRS : 0);
}

void lp_rafs_print_chunk(const struct lp_rafs_chunk *c, uint8_t out[LP_RAFS_CHUNK_BYTES])
{
	memcpy(out, c->digest, LP_RAFS_DIGEST);
	lp_put_le(out + 32, 4, c->blob);
	lp_put_le(out + 36, 4, c->flags);
	lp_put_le(out + 40, 4, c->stored_bytes);
	lp_put_le(out + 44, 4, c->plain_bytes);
	lp_put_le(out + 48, 8, c->off);
	lp_put_le(out + 56, 8, c->plain_off);
	lp_put_le(out + 64, 8, c->file_off);
	lp_put_le(out + 72, 4, c->number);
	lp_put_le(out + 76, 4, c->crc);
}
