// SPDX-License-Identifier: MIT
#include "layer/table.h"
#include "testing/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct lp_digest blob = {.alg = LP_SHA256, .b = {1, 2, 3}};

/* Frame and chunk @i of 5 in archive order; chunk 4 shares frame 3. */
static const struct lp_frame frames[4] = {
	{.off = 0, .stored_bytes = 100, .plain_bytes = 5000, .codec = LP_CODEC_GZIP},
	{.off = 100, .stored_bytes = 50, .plain_bytes = 60, .codec = LP_CODEC_GZIP},
	{.off = 150, .stored_bytes = 50, .plain_bytes = 60, .codec = LP_CODEC_ZSTD},
	{.off = 200, .stored_bytes = 50, .plain_bytes = 60, .codec = LP_CODEC_GZIP, .bit = 3,
	 .window = 1},
};

static const uint8_t window[LP_WINDOW_BYTES] = {[0] = 'w', [LP_WINDOW_BYTES - 1] = 'x'};

static const struct lp_chunk chunks[5] = {
	{.device_off = 0, .bytes = 5000, .frame = 0},
	{.device_off = 8192, .bytes = 60, .frame = 1},
	{.device_off = 12288, .bytes = 60, .frame = 2},
	{.device_off = 16384, .bytes = 20, .frame = 3},
	{.device_off = 20480, .frame_off = 20, .bytes = 40, .frame = 3},
};

static struct lp_digest digest_of(int i, enum lp_alg alg)
{
	struct lp_digest d = {.alg = alg};

	memset(d.b, 'a' + i, lp_alg_bytes(alg));
	return d;
}

/* A table of the records above, added in the order of @order (of frames, then of chunks). */
static int build(const int order[9], enum lp_alg last, struct lp_digest *digest,
		 struct lp_err *err)
{
	LP_AUTO(lp_table_build_free) struct lp_table_build b = {0};
	int fd = memfd_create("table", MFD_CLOEXEC);
	uint32_t index[4] = {0};

	for (int i = 0; i < 4; i++)
		if (lp_table_add_frame(&b, &frames[order[i]], frames[order[i]].window ? window : NULL,
				       &index[order[i]], err))
			return close(fd), -1;
	for (int i = 4; i < 9; i++) {
		struct lp_digest d = digest_of(order[i], order[i] == 4 ? last : LP_SHA256);
		struct lp_chunk c = chunks[order[i]];

		c.frame = index[c.frame];
		if (lp_table_add_chunk(&b, &c, &d, err))
			return close(fd), -1;
	}
	if (lp_table_write(&b, fd, &blob, 300, 24576, digest, err))
		return close(fd), -1;
	return fd;
}

static bool same(const struct lp_table *t, enum lp_alg last)
{
	bool ok = t->layer.nframe == 4 && t->layer.nchunk == 5 && t->layer.blob_bytes == 300 &&
		  t->layer.device_bytes == 24576 && lp_digest_equal(&t->blob, &blob);

	for (int i = 0; ok && i < 4; i++)
		ok = !memcmp(&t->layer.frame[i], &frames[i], sizeof(frames[i]));
	ok = ok && t->layer.nwindow == 1 && !lp_layer_window(&t->layer, 2) &&
	     !memcmp(lp_layer_window(&t->layer, 3), window, sizeof(window));
	for (uint32_t i = 0; ok && i < 5; i++) {
		struct lp_digest want = digest_of((int)i, i == 4 ? last : LP_SHA256), got;

		lp_layer_digest(&t->layer, i, &got);
		ok = t->layer.chunk[i].device_off == chunks[i].device_off &&
		     t->layer.chunk[i].frame == chunks[i].frame && lp_digest_equal(&got, &want);
	}
	return ok;
}

static void check_round_trip(void)
{
	static const int orders[][9] = {{0, 1, 2, 3, 0, 1, 2, 3, 4}, {3, 2, 1, 0, 0, 1, 2, 3, 4},
					{0, 1, 2, 3, 4, 3, 2, 1, 0}, {2, 0, 3, 1, 1, 4, 0, 3, 2}};
	struct lp_digest first = {0};
	struct lp_err err = {0};

	for (size_t i = 0; i < 4; i++) {
		LP_AUTO(lp_table_free) struct lp_table t = {0};
		LP_AUTO(lp_fd_close) int fd = -1;
		struct lp_digest digest = {0};

		fd = build(orders[i], LP_SHA256, &digest, &err);
		if (!i)
			first = digest;
		CHECK(fd >= 0 && !lp_table_open(&t, fd, &digest, &err) && same(&t, LP_SHA256),
		      "order %zu comes back sorted", i);
		CHECK(lp_digest_equal(&digest, &first), "order %zu makes the same file", i);
	}
}

static void check_wide(void)
{
	static const int order[9] = {0, 1, 2, 3, 4, 3, 2, 1, 0};
	LP_AUTO(lp_table_free) struct lp_table t = {0};
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_digest digest, other = blob;
	struct lp_err err = {0};

	fd = build(order, LP_SHA512, &digest, &err);
	CHECK(fd >= 0 && !lp_table_open(&t, fd, NULL, &err) && same(&t, LP_SHA512) &&
	      t.layer.digest_bytes == 64, "one sha512 widens the column");
	lp_table_free(&t);
	CHECK(fd < 0 || (lp_table_open(&t, fd, &other, &err) == LP_EDIGEST &&
			 !strcmp(err.rule, "store.table.digest") && !t.map.p),
	      "a whole table that is not the wanted one is refused");
}

static void check_empty(void)
{
	LP_AUTO(lp_table_build_free) struct lp_table_build b = {0};
	LP_AUTO(lp_table_free) struct lp_table t = {0};
	LP_AUTO(lp_fd_close) int fd = memfd_create("table", MFD_CLOEXEC);
	struct lp_digest digest;
	struct lp_err err = {0};

	CHECK(!lp_table_write(&b, fd, &blob, 0, 0, &digest, &err) &&
	      !lp_table_open(&t, fd, &digest, &err) && !t.layer.nchunk && t.map.bytes == 160,
	      "a layer without data");
}

/* Does @p, with a trailer that fits unless @torn, open? */
static bool opens(const uint8_t *p, size_t n, bool torn, struct lp_err *err)
{
	LP_AUTO(lp_table_free) struct lp_table t = {0};
	LP_AUTO(lp_fd_close) int fd = memfd_create("table", MFD_CLOEXEC);
	struct lp_digest digest;
	struct lp_err ignored;

	*err = (struct lp_err){0};
	if (lp_file_write(fd, p, n, &ignored))
		return false;
	lp_digest_of(LP_SHA256, p, n > 32 ? n - 32 : 0, &digest);
	if (!torn && n > 32 && lp_file_pwrite(fd, n - 32, digest.b, 32, &ignored))
		return false;
	return !lp_table_open(&t, fd, NULL, err);
}

/* The bytes of build()'s table; where its window begins. */
#define WINDOW_AT (128 + 9 * 32 + 5 * 32)
#define ALL_BYTES (WINDOW_AT + LP_WINDOW_BYTES + 32)

/* Damage is tried at every byte but those in the middle of the window. */
static size_t next(size_t i)
{
	return i == WINDOW_AT + 100 ? ALL_BYTES - 132 : i + 1;
}

static void check_damage(void)
{
	static const int order[9] = {0, 1, 2, 3, 0, 1, 2, 3, 4};
	static uint8_t p[ALL_BYTES];
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_digest digest;
	struct lp_err err = {0};
	size_t refused = 0, shorter = 0, ruled = 0, tried = 0;

	fd = build(order, LP_SHA256, &digest, &err);
	if (!CHECK(fd >= 0 && !lp_file_pread(fd, 0, p, sizeof(p), &err), "a table to damage"))
		return;
	for (size_t i = 0; i < sizeof(p); i = next(i), tried++) {
		p[i] ^= 0x40;
		refused += !opens(p, sizeof(p), true, &err) && err.rule;
		p[i] ^= 0x40;
		shorter += !opens(p, i, false, &err) && (err.rule || !i);
	}
	CHECK(refused == tried, "a flipped bit in any of %zu bytes is refused, %zu are", tried,
	      refused);
	CHECK(shorter == tried, "each of %zu shorter files is refused, %zu are", tried, shorter);
	for (size_t i = 0; i < sizeof(p); i = next(i)) {
		uint8_t keep = p[i];

		p[i] = 0xff;
		ruled += opens(p, sizeof(p), false, &err) || err.rule;
		p[i] = keep;
	}
	CHECK(ruled == tried, "with a trailer that fits it opens or says which rule");
}

static const struct {
	const char *name, *rule;
	size_t at;
	uint8_t byte;
} edits[] = {
	{"magic", "store.table.magic", 7, '2'},
	{"one frame more", "store.table.bytes", 8, 5},
	{"2^30 frames more", "store.table.bytes", 11, 0x40},
	{"one chunk less", "store.table.bytes", 12, 4},
	{"a column of 31", "store.table.bytes", 16, 31},
	{"a column of 2^24 + 32", "store.table.bytes", 19, 1},
	{"a blob without digest", "store.table.blob", 20, 0},
	{"a blob with digest 5", "store.table.blob", 20, 5},
	{"a device of no block", "layer.device.block", 24, 1},
	{"a reserved field", "store.table.reserved", 127, 1},
	{"one window more", "store.table.bytes", 104, 2},
	{"no window", "store.table.bytes", 104, 0},
	{"frame 3 has window 2", "layer.frame.window", 128 + 3 * 32 + 28, 2},
	{"frame 0 has codec 9", "layer.frame.codec", 128 + 24, 9},
	{"chunk 0 without algorithm", "layer.chunk.algorithm", 128 + 128 + 28, 0},
};

static void check_edits(void)
{
	static const int order[9] = {0, 1, 2, 3, 0, 1, 2, 3, 4};
	static uint8_t p[ALL_BYTES];
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_digest digest;
	struct lp_err err = {0};

	fd = build(order, LP_SHA256, &digest, &err);
	if (!CHECK(fd >= 0 && !lp_file_pread(fd, 0, p, sizeof(p), &err), "a table to edit"))
		return;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		uint8_t keep = p[edits[i].at];

		p[edits[i].at] = edits[i].byte;
		CHECK(!opens(p, sizeof(p), false, &err) && err.rule &&
		      !strcmp(err.rule, edits[i].rule), "%s: %s, got %s", edits[i].name,
		      edits[i].rule, err.rule ? err.rule : "none");
		p[edits[i].at] = keep;
	}
}

static void check_refused_when_written(void)
{
	LP_AUTO(lp_table_build_free) struct lp_table_build b = {0};
	LP_AUTO(lp_fd_close) int fd = memfd_create("table", MFD_CLOEXEC);
	struct lp_digest digest, d = digest_of(0, LP_SHA256);
	struct lp_chunk c = chunks[0];
	struct lp_err err = {0};
	bool added;

	c.frame = 77;
	added = !lp_table_add_frame(&b, &frames[0], NULL, NULL, &err) &&
		!lp_table_add_chunk(&b, &chunks[1], &d, &err) &&
		!lp_table_add_chunk(&b, &c, &d, &err);
	CHECK(!added || (lp_table_write(&b, fd, &blob, 300, 24576, &digest, &err) &&
			 err.rule && !strcmp(err.rule, "layer.chunk.frame")),
	      "a chunk of a frame that was never added is not written");
	CHECK(lseek(fd, 0, SEEK_END) == 0, "nothing was");
}

int main(void)
{
	check_round_trip();
	check_wide();
	check_empty();
	check_damage();
	check_edits();
	check_refused_when_written();
	return test_done();
}
