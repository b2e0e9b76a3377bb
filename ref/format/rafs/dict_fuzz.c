// SPDX-License-Identifier: MIT
/*
 * dict_fuzz - hostile bootstraps as dictionaries: what is made of one must open, and find every
 * chunk that it has.
 *
 * The first byte: odd, the rest are edits of a bootstrap of v5 by nydus-image; even, of v6.
 */
#include "format/mustsink.h"
#include "format/rafs/dict.h"
#include "testing/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN "ref/testing/golden/nydus-v"

extern const struct lp_format lp_fmt_rafs;

static void borrow_from(const uint8_t *p, size_t n, unsigned version)
{
	const struct lp_build_options o = {.digester = LP_SHA256, .chunk_bytes = 4096,
					   .version = version};
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf blobs = {.p = NULL};
	struct lp_buf_writer k = LP_BUF_WRITER(SIZE_MAX);
	struct lp_rafs_dict dict;
	struct lp_err err;

	must(!lp_source_mem(&source, p, n, &err));
	if (lp_fmt_rafs.dictionary(NULL, &source, 1, &o, &k.writer, &err)) {
		must(err.code != LP_OK);
	} else {
		must(!lp_rafs_dict_open(&dict, k.buf.p, k.buf.len, &err));
		for (uint32_t i = 0; i < dict.nchunk; i++)
			must(lp_rafs_dict_find(&dict, dict.chunk[i].digest,
					       dict.chunk[i].plain_bytes) == &dict.chunk[i]);
		must(!lp_fmt_rafs.blobs(&source, &blobs, &err));
	}
	lp_buf_free(&k.buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lp_buf golden[2];
	LP_AUTO(lp_buf_free) struct lp_buf boot = {.p = NULL};
	bool old = n && data[0] & 1;

	edit_load(GOLDEN "5.boot", &golden[0]);
	edit_load(GOLDEN "6.boot", &golden[1]);
	if (!n)
		return 0;
	edit_copy(&golden[!old], 4096, (struct lp_cursor){.p = data + 1, .left = n - 1}, &boot);
	borrow_from(boot.p, boot.len, old ? 5 : 6);
	return 0;
}
