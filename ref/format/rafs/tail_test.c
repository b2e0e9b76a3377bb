// SPDX-License-Identifier: MIT
#include "base/file.h"
#include "format/rafs/info.h"
#include "format/rafs/tail.h"
#include "testing/test.h"
#include "tree/erofs_layout.h"

#include <fcntl.h>
#include <string.h>

#define GOLDEN "ref/testing/golden/nydus-v6-toc.blob"

/* The vector of the specification, 3.8; its chunk is one of old writers, without high digits. */
static void test_info(void)
{
	struct lp_rafs_chunk c = {.plain_off = UINT64_C(0xffff1000) << 12, .plain_bytes = 0x100000,
				  .off = UINT64_C(0xffffffffff), .stored_bytes = 0x100000};
	uint8_t p[LP_RAFS_INFO_ENTRY];
	struct lp_cursor r = {.p = p, .left = sizeof(p)};

	lp_rafs_info_print(&c, p);
	CHECK(lp_le64(&r) == UINT64_C(0xfffffffff1000000), "the plain word");
	CHECK(lp_le64(&r) == UINT64_C(0xfffff0ffffffffff), "the stored word");
}

static void test_header(void)
{
	uint8_t p[LP_RAFS_HEADER_BYTES];

	lp_rafs_tail_header(LP_RAFS_TOC_NAME, 01000, p);
	CHECK(!memcmp(p + 148, "0006255", 8), "the sum of a header, as text: %s", p + 148);
}

static const struct {
	const char *name;
	size_t bytes;
} sections[] = {
	{LP_RAFS_DATA, 5366}, {LP_RAFS_INFO, 64}, {LP_RAFS_INFO_HEADER, 4096},
	{LP_RAFS_DIGESTS, 128}, {LP_RAFS_IMAGE_BOOT, 20480},
};

/* The rule that is broken by the byte @value, @at bytes before the end. */
static const struct {
	const char *rule, *name;
	uint32_t at;
	uint8_t value;
} edits[] = {
	{"rafs.tail.header", LP_RAFS_IMAGE_BOOT, 512 - 257, 'x'},	/* magic */
	{"rafs.tail.header", LP_RAFS_IMAGE_BOOT, 512 - 156, '5'},	/* type */
	{"rafs.tail.header", LP_RAFS_IMAGE_BOOT, 512 - 124, '7'},	/* length */
	{"rafs.tail.header", LP_RAFS_IMAGE_BOOT, 512 - 124, ' '},
	{"rafs.tail.header", LP_RAFS_IMAGE_BOOT, 512 - 130, 'x'},
	{"rafs.toc.entry", LP_RAFS_IMAGE_BOOT, 512 - 134, '1'},		/* 641 bytes */
	{"rafs.toc.entry", LP_RAFS_IMAGE_BOOT, 512 + 128, 8},		/* flags */
	{"rafs.toc.entry", LP_RAFS_IMAGE_BOOT, 512 + 128 - 60, 1},	/* offset */
	{"rafs.toc.entry", LP_RAFS_IMAGE_BOOT, 512 + 128 - 67, 0x40},	/* stored bytes */
	{"rafs.tail.size", LP_RAFS_IMAGE_BOOT, 512 + 128 - 76, 1},	/* plain bytes */
	{"rafs.toc.digest", LP_RAFS_IMAGE_BOOT, 512 + 128 - 24, 1},
	{"rafs.toc.digest", LP_RAFS_DIGESTS, 512 + 2 * 128 - 24, 1},
};

static enum lp_code load(struct lp_buf *blob, const char *name, struct lp_buf *out,
			 struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};

	if (lp_source_mem(&source, blob->p, blob->len, err))
		return err->code;
	return lp_rafs_tail_load(&source, name, 1 << 20, out, err);
}

static void test_load(struct lp_buf *blob)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
	struct lp_err err = {.rule = NULL};

	for (size_t i = 1; i < sizeof(sections) / sizeof(sections[0]); i++)
		CHECK(!load(blob, sections[i].name, &out, &err) && out.len == sections[i].bytes,
		      "%s has %zu bytes: %s", sections[i].name, out.len, err.msg);
	CHECK(load(blob, "other", &out, &err) == LP_EMISSING, "there is no other: %s", err.msg);
}

static void test_edits(struct lp_buf *blob)
{
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
		uint8_t *at = blob->p + blob->len - edits[i].at, kept = *at;
		struct lp_err err = {.rule = NULL};

		*at = edits[i].value;
		CHECK(load(blob, edits[i].name, &out, &err) && err.rule &&
		      !strcmp(err.rule, edits[i].rule), "%s: %s", edits[i].rule, err.msg);
		*at = kept;
	}
}

static void test_truncated(struct lp_buf *blob)
{
	size_t all = blob->len, taken = 0;

	for (size_t n = 1; n < all; n += test_tortured() ? 997 : 1) {
		LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
		struct lp_err err;

		blob->len = n;
		taken += !load(blob, LP_RAFS_IMAGE_BOOT, &out, &err);
	}
	blob->len = all;
	/* Without its TOC, and without the TOC's header, the bootstrap's own header is the last. */
	CHECK(taken <= 1, "%zu shorter blobs have a bootstrap", taken);
}

int main(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf blob = {.p = NULL};
	struct lp_err err;

	test_info();
	test_header();
	if (CHECK(!lp_file_load(AT_FDCWD, GOLDEN, 1 << 20, &blob, &err), "the blob is there")) {
		test_load(&blob);
		test_edits(&blob);
		test_truncated(&blob);
	}
	return test_done();
}
