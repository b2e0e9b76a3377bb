// SPDX-License-Identifier: MIT
/*
 * zran_fuzz - hostile contexts of a gzip stream: edits (testing/edit.h) of right ones.
 *
 * What is told of them lies in the layer, and chunks in their frames.
 */
#include "format/mustsink.h"
#include "format/rafs/zranblob.h"
#include "testing/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void tell(struct lp_rafs_zran *z, struct zranblob_sink *s, uint32_t number)
{
	struct lp_rafs_chunk c = {.number = number, .plain_bytes = 10000};
	uint64_t off;
	uint32_t frame;
	struct lp_err err = {.rule = NULL};

	if (lp_rafs_zran_tell(z, &c, ZRANBLOB_LAYER, &s->sink, &frame, &off, &err)) {
		must(err.code != LP_OK && err.rule);
		return;
	}
	must(frame < s->frames && s->frames <= z->ncontext);
	must(s->last.off < ZRANBLOB_LAYER && s->last.stored_bytes <= ZRANBLOB_LAYER - s->last.off);
	must(s->last.bit < 8 && s->last.plain_bytes <= LP_RAFS_ZRAN_PLAIN_MAX);
	must(off + c.plain_bytes <= LP_RAFS_ZRAN_PLAIN_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct zranblob_sink s = {.sink = {.frame = zranblob_frame}};
	LP_AUTO(lp_rafs_zran_free) struct lp_rafs_zran z = {.nchunk = 0};
	LP_AUTO(lp_source_free) struct lp_source meta = {.ops = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf edited = {.p = NULL};
	uint8_t right[ZRANBLOB_END], *exact;
	struct lp_buf golden = {.p = right, .len = sizeof(right)};
	struct lp_rafs_blob b;
	struct lp_err err;

	zranblob_make(right, &b);
	edit_copy(&golden, 1, (struct lp_cursor){.p = data, .left = n}, &edited);
	exact = edit_exact(edited.p, edited.len);
	must(!lp_source_mem(&meta, exact, edited.len, &err));
	if (!lp_rafs_zran_load(&z, &b, &meta, &err))
		for (uint32_t i = 0; i <= ZRANBLOB_CHUNKS; i++)
			tell(&z, &s, i);
	free(exact);
	return 0;
}
