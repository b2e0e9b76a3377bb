// SPDX-License-Identifier: MIT
#include "codec/codec.h"

#include <lz4.h>
#include <limits.h>

#define RULE_BLOCK "codec.lz4.block"
#define RULE_SHORT "codec.decode.short"

static enum lp_code decode(const void *in, size_t n, void *out, size_t want, struct lp_err *err)
{
	int rc;

	if (n > INT_MAX || want > INT_MAX)
		return lp_fail(err, LP_ELIMIT, 0, RULE_BLOCK, "%zu bytes in, %zu out", n, want);
	if (!want)
		return LP_OK;
	rc = LZ4_decompress_safe_partial(in, out, (int)n, (int)want, (int)want);
	if (rc < 0)
		return lp_fail(err, LP_EFORMAT, 0, RULE_BLOCK, "not an LZ4 block of %zu bytes", n);
	if ((size_t)rc < want)
		return lp_fail(err, LP_EFORMAT, 0, RULE_SHORT, "%d plain bytes, want %zu", rc,
			       want);
	return LP_OK;
}

static enum lp_code encode(const void *in, size_t n, int level, struct lp_buf *out,
			   struct lp_err *err)
{
	int bound, rc;

	(void)level;
	if (n > LZ4_MAX_INPUT_SIZE)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_BLOCK,
			       "a block of %zu bytes", n);
	bound = LZ4_compressBound((int)n);
	if (lp_buf_reserve(out, (size_t)bound, SIZE_MAX, err))
		return err->code;
	rc = LZ4_compress_default(in, (char *)out->p + out->len, (int)n, bound);
	if (rc <= 0) /* the space is enough: only its own allocation can fail */
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "lz4: encode %zu bytes", n);
	out->len += (size_t)rc;
	return LP_OK;
}

const struct lp_codec lp_codec_lz4 = {
	.id = LP_CODEC_LZ4,
	.name = "lz4",
	.decode = decode,
	.encode = encode,
};
