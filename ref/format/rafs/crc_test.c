// SPDX-License-Identifier: MIT
#include "format/rafs/crc.h"

#include "base/cursor.h"
#include "base/file.h"
#include "format/rafs/v6.h"
#include "testing/test.h"

#include <fcntl.h>

#define GOLDEN "ref/testing/golden/nydus-v6."
#define TABLE_AT (1152 + 24) /* of the superblocks: where the chunk table is */

struct image {
	struct lp_buf boot, blob;
	struct lp_rafs_v6 v;
};

static void image_free(struct image *i)
{
	lp_rafs_v6_free(&i->v);
	lp_buf_free(&i->boot);
	lp_buf_free(&i->blob);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Give the records of the bootstrap sums: the true ones, where @plain says what chunks hold. */
static enum lp_code add_sums(struct image *i, uint32_t wrong, struct lp_err *err)
{
	struct lp_cursor c = {.p = i->boot.p + TABLE_AT, .left = 16};
	uint64_t off = lp_le64(&c), bytes = lp_le64(&c);

	for (uint64_t at = off; at < off + bytes; at += LP_RAFS_CHUNK_BYTES) {
		LP_AUTO(lp_buf_free) struct lp_buf plain = {.p = NULL};
		struct lp_rafs_chunk k;
		const struct lp_codec *codec;

		lp_rafs_chunk_read(i->boot.p + at, &k);
		codec = lp_codec_number(k.flags & LP_RAFS_COMPRESSED ? LP_CODEC_ZSTD
								     : LP_CODEC_NONE);
		if (lp_buf_reserve(&plain, k.plain_bytes, SIZE_MAX, err) ||
		    codec->decode(i->blob.p + k.off, k.stored_bytes, plain.p, k.plain_bytes, err))
			return err->code;
		put32(i->boot.p + at + 36, k.flags | LP_RAFS_CRC);
		put32(i->boot.p + at + 76, lp_rafs_crc(plain.p, k.plain_bytes) ^ wrong);
	}
	return LP_OK;
}

/* Check the image with sums that are wrong by @wrong. */
static enum lp_code check_sums(uint32_t wrong, struct lp_err *err)
{
	LP_AUTO(image_free) struct image i = {.boot = {.p = NULL}};
	LP_AUTO(lp_source_free) struct lp_source blob = {.ops = NULL};

	*err = (struct lp_err){.rule = ""};
	if (lp_file_load(AT_FDCWD, GOLDEN "boot", 1 << 20, &i.boot, err) ||
	    lp_file_load(AT_FDCWD, GOLDEN "blob", 1 << 20, &i.blob, err) ||
	    lp_source_mem(&blob, i.blob.p, i.blob.len, err) || add_sums(&i, wrong, err) ||
	    lp_rafs_v6_open(&i.v, i.boot.p, i.boot.len, err))
		return err->code;
	return lp_rafs_crc_check(&i.v.plan, 0, &blob, err);
}

int main(void)
{
	struct lp_err err;

	CHECK(lp_rafs_crc((const uint8_t *)"123456789", 9) == 0xe3069283, "spec/rafs.md, vectors");
	CHECK(!lp_rafs_crc(NULL, 0), "of nothing");
	CHECK(!check_sums(0, &err), "true sums: %s", err.msg);
	CHECK(check_sums(0x100, &err) == LP_EDIGEST && !strcmp(err.rule, "rafs.chunk.crc"),
	      "wrong sums: %s", err.msg);
	return test_done();
}
