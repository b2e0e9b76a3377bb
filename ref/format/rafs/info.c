// SPDX-License-Identifier: MIT
#include "format/rafs/info.h"

#include "tree/erofs_layout.h"

#include <string.h>

#define MAGIC 0xb10bb10bu

void lp_rafs_info_print(const struct lp_rafs_chunk *c, uint8_t out[static LP_RAFS_INFO_ENTRY])
{
	uint64_t plain = c->plain_bytes - 1, stored = c->stored_bytes - 1;

	lp_put_le(out, 8, (plain & 0xfffff) << 44 | (c->plain_off >> 12) << 12 |
			  (plain >> 20 & 0xf) << 8);
	lp_put_le(out + 8, 8, (stored & 0xfffff) << 44 | (stored >> 20 & 0xf) << 40 | c->off);
}

void lp_rafs_info_head(const struct lp_rafs_blob *b, uint8_t out[static LP_RAFS_INFO_HEAD])
{
	static const uint8_t codec[] = {[LP_CODEC_NONE] = 0, [LP_CODEC_LZ4] = 1,
					[LP_CODEC_GZIP] = 2, [LP_CODEC_ZSTD] = 3};

	memset(out, 0, LP_RAFS_INFO_HEAD);
	lp_put_le(out, 4, MAGIC);
	lp_put_le(out + 4, 4, b->features);
	lp_put_le(out + 8, 4, codec[b->info_codec]);
	lp_put_le(out + 12, 4, b->nchunk);
	lp_put_le(out + 16, 8, b->info_off);
	lp_put_le(out + 24, 8, b->info_stored);
	lp_put_le(out + 32, 8, b->info_plain);
	lp_put_le(out + LP_RAFS_INFO_HEAD - 4, 4, MAGIC);
}
