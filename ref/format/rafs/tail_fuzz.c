// SPDX-License-Identifier: MIT
/*
 * tail_fuzz - any bytes as a blob whose sections are read from its end.
 *
 * The first byte: even, the rest is the blob; odd, edits (u16 offset from the end, u8 length,
 * bytes) of a blob by nydus-image.
 */
#include "base/cursor.h"
#include "base/file.h"
#include "format/rafs/tail.h"

#include <assert.h>
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN "ref/testing/golden/nydus-v6-toc.blob"
#define MAX 32768u

static void edit(struct lp_buf *b, struct lp_cursor c)
{
	while (c.left && !c.bad) {
		size_t from_end = lp_le16(&c), n = lp_u8(&c);
		const uint8_t *p;

		n = n < c.left ? n : c.left;
		p = lp_take(&c, n);
		if (p && from_end <= b->len && n <= from_end)
			memcpy(b->p + b->len - from_end, p, n);
	}
}

static void load_all(const uint8_t *p, size_t n)
{
	static const char *const names[] = {LP_RAFS_INFO, LP_RAFS_INFO_HEADER, LP_RAFS_DIGESTS,
					    LP_RAFS_IMAGE_BOOT, LP_RAFS_DATA};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
		LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
		struct lp_err err;

		if (lp_source_mem(&source, p, n, &err))
			return;
		if (!lp_rafs_tail_load(&source, names[i], MAX, &out, &err))
			assert(out.len <= MAX);
		else
			assert(err.code != LP_OK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf blob = {.p = NULL};
	struct lp_err err;

	if (!n)
		return 0;
	if (!(data[0] & 1)) {
		load_all(data + 1, n - 1);
		return 0;
	}
	if (lp_file_load(AT_FDCWD, GOLDEN, 1 << 20, &blob, &err))
		return 0;
	edit(&blob, (struct lp_cursor){.p = data + 1, .left = n - 1});
	load_all(blob.p, blob.len);
	return 0;
}
