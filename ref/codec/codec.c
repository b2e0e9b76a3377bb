// SPDX-License-Identifier: MIT
#include "codec/codec.h"

#include <string.h>

#define RULE_STREAM "codec.decode.stream"

static const struct lp_codec *const codecs[] = {
	[LP_CODEC_NONE] = &lp_codec_none,
	[LP_CODEC_GZIP] = &lp_codec_gzip,
	[LP_CODEC_ZSTD] = &lp_codec_zstd,
	[LP_CODEC_LZ4] = &lp_codec_lz4,
};

#define NCODECS (sizeof(codecs) / sizeof(codecs[0]))

const struct lp_codec *lp_codec_number(uint8_t id)
{
	return id < NCODECS ? codecs[id] : NULL;
}

const struct lp_codec *lp_codec_named(const char *name)
{
	for (size_t i = 0; i < NCODECS; i++)
		if (!strcmp(codecs[i]->name, name))
			return codecs[i];
	return NULL;
}

const struct lp_codec *lp_codec_guess(const void *p, size_t n)
{
	if (n >= 3 && !memcmp(p, "\x1f\x8b\x08", 3))
		return &lp_codec_gzip;
	if (n >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4))
		return &lp_codec_zstd;
	return &lp_codec_none;
}

enum lp_code lp_decoder_open(struct lp_decoder *d, const struct lp_codec *codec,
			     struct lp_reader *from, struct lp_err *err)
{
	*d = (struct lp_decoder){0};
	if (!codec->open)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_STREAM,
			       "%s has no stream form", codec->name);
	*d = (struct lp_decoder){.from = from, .codec = codec};
	return codec->open(d, err);
}

enum lp_code lp_decoder_resume(struct lp_decoder *d, const struct lp_codec *codec,
			       struct lp_reader *from, unsigned bit, const uint8_t *window,
			       struct lp_err *err)
{
	if (lp_decoder_open(d, codec, from, err))
		return err->code;
	if (!window)
		return LP_OK;
	if (!codec->resume)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_STREAM,
			       "%s does not start in the middle", codec->name);
	return codec->resume(d, bit, window, err);
}

enum lp_code lp_decoder_mark(struct lp_decoder *d, uint64_t stored_off, unsigned bit,
			     const uint8_t *window, struct lp_err *err)
{
	struct lp_checkpoint at = {stored_off, d->plain, bit, window};

	d->marked = d->plain;
	return d->marker->mark(d->marker, &at, err);
}

void lp_decoder_free(struct lp_decoder *d)
{
	if (d->codec)
		d->codec->close(d);
	*d = (struct lp_decoder){0};
}
