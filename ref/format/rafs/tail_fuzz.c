// SPDX-License-Identifier: MIT
/*
 * tail_fuzz - any bytes as a blob whose sections are read from its end.
 *
 * The first byte: even, the rest is the blob; odd, edits of a blob by nydus-image, which with
 * bit 1 has no table of contents.
 */
#include "format/rafs/tail.h"
#include "testing/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN "ref/testing/golden/nydus-v6-toc.blob"
#define TOC_BYTES (5 * LP_RAFS_TOC_ENTRY + LP_RAFS_HEADER_BYTES)
#define MAX 32768u

static void load_all(const uint8_t *p, size_t n)
{
	static const char *const names[] = {LP_RAFS_INFO, LP_RAFS_INFO_HEADER, LP_RAFS_DIGESTS,
					    LP_RAFS_IMAGE_BOOT, LP_RAFS_DATA};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
		LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
		struct lp_err err = {.rule = NULL};

		edit_must(!lp_source_mem(&source, p, n, &err));
		if (!lp_rafs_tail_load(&source, names[i], MAX, &out, &err))
			edit_must(out.len <= MAX);
		else
			edit_must(err.code != LP_OK && err.rule);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lp_buf golden;
	LP_AUTO(lp_buf_free) struct lp_buf blob = {.p = NULL};
	struct lp_buf whole;
	uint8_t *exact;

	edit_load(GOLDEN, &golden);
	if (!n)
		return 0;
	whole = golden;
	whole.len -= data[0] & 2 ? TOC_BYTES : 0;
	if (data[0] & 1)
		edit_copy(&whole, 1, (struct lp_cursor){.p = data + 1, .left = n - 1}, &blob);
	exact = data[0] & 1 ? edit_exact(blob.p, blob.len) : edit_exact(data + 1, n - 1);
	load_all(exact, data[0] & 1 ? blob.len : n - 1);
	free(exact);
	return 0;
}
