// SPDX-License-Identifier: MIT
#include "codec/codec.h"

#include <string.h>

#define RULE_SHORT "codec.decode.short"

static enum lp_code decode(const void *in, size_t n, void *out, size_t want, struct lp_err *err)
{
	if (n < want)
		return lp_fail(err, LP_EFORMAT, n, RULE_SHORT, "%zu bytes, want %zu", n, want);
	if (want)
		memcpy(out, in, want);
	return LP_OK;
}

static enum lp_code encode(const void *in, size_t n, int level, struct lp_buf *out,
			   struct lp_err *err)
{
	(void)level;
	return lp_buf_add(out, in, n, SIZE_MAX, err);
}

static enum lp_code pass(struct lp_reader *r, void *p, size_t n, size_t *got, struct lp_err *err)
{
	struct lp_decoder *d = (struct lp_decoder *)r;

	if (lp_decoder_due(d) && lp_decoder_mark(d, d->plain, 0, NULL, err))
		return err->code;
	if (lp_read(d->from, p, n, got, err))
		return err->code;
	d->plain += *got;
	return LP_OK;
}

static enum lp_code open_stream(struct lp_decoder *d, struct lp_err *err)
{
	(void)err;
	d->reader.read = pass;
	return LP_OK;
}

static void close_stream(struct lp_decoder *d)
{
	(void)d;
}

const struct lp_codec lp_codec_none = {
	.id = LP_CODEC_NONE,
	.name = "none",
	.decode = decode,
	.encode = encode,
	.open = open_stream,
	.close = close_stream,
};
