// SPDX-License-Identifier: MIT
#include "layer/layer.h"
#include "testing/test.h"

#include <string.h>

#define F(o, n, p) {.off = (o), .stored_bytes = (n), .plain_bytes = (p), .codec = LP_CODEC_GZIP}
#define C(d, o, n, f)                                                                              \
	{.device_off = (d), .frame_off = (o), .bytes = (n), .frame = (f), .alg = LP_SHA256}

static const uint8_t digests[3 * 64];

/* At most two frames and three chunks over a blob of 100 bytes and a device of 3 blocks. */
static const struct {
	const char *name, *rule;
	uint32_t nframe, nchunk;
	struct lp_frame frame[2];
	struct lp_chunk chunk[3];
	uint32_t column;	/* 0: 32 */
	uint64_t device_bytes;	/* 0: 12288 */
} cases[] = {
	{"the layer without data", NULL, 0, 0, {{0}}, {{0}}, 0, 0},
	{"two frames, three chunks", NULL, 2, 3, {F(0, 50, 5000), F(50, 50, 10)},
	 {C(0, 0, 4096, 0), C(4096, 4096, 904, 0), C(8192, 0, 10, 1)}, 0, 0},
	{"chunks in another order than frames", NULL, 2, 2, {F(0, 50, 100), F(50, 50, 10)},
	 {C(0, 0, 10, 1), C(4096, 50, 50, 0)}, 0, 0},
	{"frames that overlap", NULL, 2, 1, {F(0, 50, 10), F(10, 50, 10)}, {C(0, 0, 10, 1)}, 0, 0},
	{"up to the last byte", NULL, 1, 1, {F(99, 1, 4096)}, {C(8192, 0, 4096, 0)}, 0, 0},
	{"a column of 64", NULL, 1, 1, {F(0, 1, 1)}, {C(0, 0, 1, 0)}, 64, 0},
	{"frame behind the blob", "layer.frame.range", 1, 0, {F(100, 1, 1)}, {{0}}, 0, 0},
	{"frame across the end", "layer.frame.range", 1, 0, {F(99, 2, 1)}, {{0}}, 0, 0},
	{"frame that wraps", "layer.frame.range", 1, 0, {F(99, UINT64_MAX, 1)}, {{0}}, 0, 0},
	{"frame at the end of numbers", "layer.frame.range", 1, 0, {F(UINT64_MAX, 1, 1)}, {{0}},
	 0, 0},
	{"frame of 0 stored bytes", "layer.frame.range", 1, 0, {F(5, 0, 1)}, {{0}}, 0, 0},
	{"frames not sorted", "layer.frame.order", 2, 0, {F(5, 5, 1), F(4, 9, 1)}, {{0}}, 0, 0},
	{"frames at one place not sorted", "layer.frame.order", 2, 0, {F(5, 5, 1), F(5, 4, 1)},
	 {{0}}, 0, 0},
	{"frame of 0 plain bytes", "layer.frame.plain-bytes", 1, 0, {F(5, 1, 0)}, {{0}}, 0, 0},
	{"frame larger than a device", "layer.frame.plain-bytes", 1, 0,
	 {F(5, 1, LP_DEVICE_BYTES_MAX + 1)}, {{0}}, 0, 0},
	{"plain frame that grows", "layer.frame.plain-bytes", 1, 0,
	 {{.stored_bytes = 5, .plain_bytes = 6}}, {{0}}, 0, 0},
	{"codec 4", "layer.frame.codec", 1, 0, {{.stored_bytes = 5, .plain_bytes = 5, .codec = 4}},
	 {{0}}, 0, 0},
	{"start bit without a window", "layer.frame.window", 1, 0,
	 {{.stored_bytes = 5, .plain_bytes = 5, .codec = 1, .bit = 3}}, {{0}}, 0, 0},
	{"start bit 7", NULL, 1, 0,
	 {{.stored_bytes = 5, .plain_bytes = 5, .codec = 1, .bit = 7, .window = 2}}, {{0}}, 0, 0},
	{"start bit 8", "layer.frame.window", 1, 0,
	 {{.stored_bytes = 5, .plain_bytes = 5, .codec = 1, .bit = 8, .window = 2}}, {{0}}, 0, 0},
	{"window 3 of 2", "layer.frame.window", 1, 0,
	 {{.stored_bytes = 5, .plain_bytes = 5, .codec = 1, .window = 3}}, {{0}}, 0, 0},
	{"window of zstd", "layer.frame.window", 1, 0,
	 {{.stored_bytes = 5, .plain_bytes = 5, .codec = 2, .window = 1}}, {{0}}, 0, 0},
	{"frame's pad", "layer.frame.reserved", 1, 0,
	 {{.stored_bytes = 5, .plain_bytes = 5, .codec = 1, .pad = {0, 1}}}, {{0}}, 0, 0},
	{"chunk of 0 bytes", "layer.chunk.range", 1, 1, {F(0, 9, 9)}, {C(0, 0, 0, 0)}, 0, 0},
	{"chunk behind the device", "layer.chunk.range", 1, 1, {F(0, 9, 9)}, {C(12288, 0, 1, 0)},
	 0, 0},
	{"chunk across the end", "layer.chunk.range", 1, 1, {F(0, 9, 9)}, {C(12287, 0, 2, 0)},
	 0, 0},
	{"chunk that wraps", "layer.chunk.range", 1, 1, {F(0, 9, 9)},
	 {C(8, 0, UINT64_MAX - 4, 0)}, 0, 0},
	{"chunk of a frame that is not there", "layer.chunk.frame", 1, 1, {F(0, 9, 9)},
	 {C(0, 0, 1, 1)}, 0, 0},
	{"chunk of no frame", "layer.chunk.frame", 0, 1, {{0}}, {C(0, 0, 1, 0)}, 0, 0},
	{"chunk across its frame's end", "layer.chunk.frame", 1, 1, {F(0, 9, 9)},
	 {C(0, 8, 2, 0)}, 0, 0},
	{"chunk whose place in the frame wraps", "layer.chunk.frame", 1, 1, {F(0, 9, 9)},
	 {C(0, UINT64_MAX, 2, 0)}, 0, 0},
	{"chunks that overlap by a byte", "layer.chunk.overlap", 1, 2, {F(0, 9, 9)},
	 {C(0, 0, 9, 0), C(8, 0, 9, 0)}, 0, 0},
	{"a chunk twice", "layer.chunk.overlap", 1, 2, {F(0, 9, 9)},
	 {C(0, 0, 9, 0), C(0, 0, 9, 0)}, 0, 0},
	{"chunks not sorted", "layer.chunk.overlap", 1, 2, {F(0, 9, 9)},
	 {C(100, 0, 9, 0), C(0, 0, 9, 0)}, 0, 0},
	{"chunk without a digest", "layer.chunk.algorithm", 1, 1, {F(0, 9, 9)},
	 {{.bytes = 1}}, 0, 0},
	{"chunk of algorithm 5", "layer.chunk.algorithm", 1, 1, {F(0, 9, 9)},
	 {{.bytes = 1, .alg = 5}}, 0, 0},
	{"sha512 in a column of 32", "layer.chunk.algorithm", 1, 1, {F(0, 9, 9)},
	 {{.bytes = 1, .alg = LP_SHA512}}, 0, 0},
	{"chunk's pad", "layer.chunk.reserved", 1, 1, {F(0, 9, 9)},
	 {{.bytes = 1, .alg = LP_SHA256, .pad = {0, 0, 1}}}, 0, 0},
	{"a column of 33", "layer.device.digest-column", 1, 1, {F(0, 9, 9)}, {C(0, 0, 9, 0)},
	 33, 0},
	{"a device of half a block", "layer.device.block", 1, 1, {F(0, 9, 9)}, {C(0, 0, 9, 0)}, 0,
	 2048},
	{"a device above the limit", "layer.device.bytes", 1, 1, {F(0, 9, 9)}, {C(0, 0, 9, 0)}, 0,
	 LP_DEVICE_BYTES_MAX + LP_BLOCK},
	{"too many chunks", "layer.chunk.count", 0, LP_CHUNKS_MAX + 1, {{0}}, {{0}}, 0, 0},
	{"too many frames", "layer.chunk.count", LP_CHUNKS_MAX + 1, 0, {{0}}, {{0}}, 0, 0},
};

static void check_rules(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lp_layer l = {
			.frame = cases[i].frame, .chunk = cases[i].chunk, .digest = digests,
			.nframe = cases[i].nframe, .nchunk = cases[i].nchunk, .nwindow = 2,
			.digest_bytes = cases[i].column ? cases[i].column : 32,
			.device_bytes = cases[i].device_bytes ? cases[i].device_bytes : 12288,
			.blob_bytes = 100};
		struct lp_err err = {0};
		enum lp_code code = lp_layer_check(&l, &err);

		if (!cases[i].rule)
			CHECK(!code, "%s: accepted", cases[i].name);
		else
			CHECK(code && err.code == code && err.rule &&
			      !strcmp(err.rule, cases[i].rule), "%s: %s, got %s", cases[i].name,
			      cases[i].rule, err.rule ? err.rule : "none");
	}
}

/* [10, 20) [20, 30) hole [4096, 4106) */
static const struct {
	uint64_t off, bytes;
	uint32_t first, end;
} ranges[] = {
	{0, 10, 0, 0}, {0, 11, 0, 1}, {10, 1, 0, 1}, {19, 1, 0, 1}, {19, 2, 0, 2}, {20, 1, 1, 2},
	{29, 1, 1, 2}, {30, 4066, 2, 2}, {30, 4067, 2, 3}, {0, UINT64_MAX, 0, 3}, {4105, 1, 2, 3},
	{4106, 1, 3, 3}, {UINT64_MAX, UINT64_MAX, 3, 3}, {10, 0, 0, 0}, {15, UINT64_MAX, 0, 3},
};

static void check_ranges(void)
{
	static const struct lp_chunk chunk[] = {C(10, 0, 10, 0), C(20, 0, 10, 0), C(4096, 0, 10, 0)};
	struct lp_layer l = {.chunk = chunk, .nchunk = 3, .device_bytes = 8192};
	uint32_t first, end;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		lp_layer_range(&l, ranges[i].off, ranges[i].bytes, &first, &end);
		CHECK(first == ranges[i].first && end == ranges[i].end,
		      "[%llu, +%llu) touches chunks [%u, %u), got [%u, %u)",
		      (unsigned long long)ranges[i].off, (unsigned long long)ranges[i].bytes,
		      ranges[i].first, ranges[i].end, first, end);
	}
}

int main(void)
{
	check_rules();
	check_ranges();
	return test_done();
}
