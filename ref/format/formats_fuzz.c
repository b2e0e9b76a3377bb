// SPDX-License-Identifier: MIT
/*
 * formats_fuzz - any bytes as a layer of any format; what open() tells must make sense.
 *
 * The first byte says how the rest is used: 0 to 0x7f, as the blob of each format; above, as
 * the JSON of an eStargz TOC, which is put in a blob first so that it gets past the gzip.
 */
#include "format/estargz/footer.h"
#include "format/estargz/toc.h"
#include "format/mustsink.h"
#include "tree/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define BLOB_MAX ((size_t)64 << 20)
#define DATA_BYTES 64	/* before the wrapped TOC: what offsets may name */

static void open_as(const struct lp_format *f, const uint8_t *p, size_t n)
{
	static const struct lp_open_options lenient = {.allow_unverified = true};
	LP_AUTO(must_free) struct mustsink c;
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	struct lp_descriptor d = {.bytes = n};
	struct lp_err err;

	must_open(&c, 0, n, f->stream);
	if (!lp_source_mem(&source, p, n, &err) &&
	    f->open(&d, &source, 1, &lenient, &c.sink, &err) && err.code == LP_OK)
		abort();
}

/* A blob around the TOC @json. */
static enum lp_code wrap(const uint8_t *json, size_t n, struct lp_buf *out, struct lp_err *err)
{
	static const uint8_t zero[512];
	LP_AUTO(lp_buf_free) struct lp_buf tar = {0};
	struct lp_entry toc = {.path = LP_TOC_NAME, .mode = S_IFREG, .size = n};
	uint8_t footer[LP_FOOTER_BYTES];
	size_t toc_off;

	if (lp_codec_gzip.encode(zero, DATA_BYTES, 1, out, err))
		return err->code;
	toc_off = out->len;
	lp_footer_print(toc_off, footer);
	if (lp_tar_header(&toc, &tar, err) || lp_buf_add(&tar, json, n, BLOB_MAX, err) ||
	    lp_codec_gzip.encode(tar.p, tar.len, 1, out, err))
		return err->code;
	return lp_buf_add(out, footer, sizeof(footer), BLOB_MAX, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf blob = {0};
	struct lp_err err;

	if (!n)
		return 0;
	if (data[0] < 0x80) {
		for (size_t i = 0; lp_formats[i]; i++)
			if (!lp_formats[i]->image)
				open_as(lp_formats[i], data + 1, n - 1);
		return 0;
	}
	if (!wrap(data + 1, n - 1, &blob, &err))
		open_as(lp_format_named("estargz"), blob.p, blob.len);
	return 0;
}
