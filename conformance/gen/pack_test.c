// SPDX-License-Identifier: MIT
/* pack_test - zlib and libzstd take packed bytes back, around the lengths of copies and blocks. */
#include "gen/pack.h"

#include "testing/test.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

static const size_t lengths[] = {
	0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 18, 19, 258, 259, 260, 261, 262, 512, 1000, 131072, 131073,
	300000,
};

static const size_t runs[] = {1, 2, 3, 7, 8, 9, 300, 200000};

/* @n bytes: @run equal ones, then as many of another kind, and so on. */
static void fill(uint8_t *p, size_t n, size_t run)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i / run * 77);
}

/* @p in a deflate stream @packed, which zlib takes back to @back. */
static bool inflates(const uint8_t *p, size_t n, uint8_t *packed, uint8_t *back)
{
	z_stream z = {.next_in = packed, .next_out = back};
	int rc;

	z.avail_out = (uInt)n + 1;
	z.avail_in = (uInt)gen_pack_deflate(p, n, packed);
	if (z.avail_in > gen_pack_room(n) || inflateInit2(&z, -15))
		return false;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END && !z.avail_in && z.total_out == n && !memcmp(back, p, n);
}

/* The blocks in a frame with a window of 1 MiB. */
static bool decompresses(const uint8_t *p, size_t n, uint8_t *frame, uint8_t *back)
{
	size_t bytes;

	memcpy(frame, "\x28\xb5\x2f\xfd\x00\x50", 6);
	bytes = gen_pack_zstd(p, n, frame + 6);
	return bytes <= gen_pack_room(n) && ZSTD_decompress(back, n + 1, frame, bytes + 6) == n &&
	       !memcmp(back, p, n);
}

int main(void)
{
	static uint8_t plain[1 << 19], packed[1 << 20], back[1 << 19];
	static const uint8_t zeros[512];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (size_t k = 0; k < sizeof(runs) / sizeof(runs[0]); k++) {
			fill(plain, lengths[i], runs[k]);
			CHECK(inflates(plain, lengths[i], packed, back),
			      "deflate: %zu bytes in runs of %zu", lengths[i], runs[k]);
			CHECK(decompresses(plain, lengths[i], packed, back),
			      "zstd: %zu bytes in runs of %zu", lengths[i], runs[k]);
		}
	CHECK(gen_pack_deflate(zeros, sizeof(zeros), packed) < 12, "zeros become short");
	CHECK(gen_pack_zstd(zeros, sizeof(zeros), packed) == 4, "zeros are one RLE block");
	return test_done();
}
