// SPDX-License-Identifier: MIT
#include "layer/layer.h"

#include <string.h>

#define RULE_FRAME_ORDER "layer.frame.order"
#define RULE_FRAME_RANGE "layer.frame.range"
#define RULE_FRAME_CODEC "layer.frame.codec"
#define RULE_FRAME_PLAIN "layer.frame.plain-bytes"
#define RULE_FRAME_WINDOW "layer.frame.window"
#define RULE_FRAME_RESERVED "layer.frame.reserved"
#define RULE_CHUNK_FRAME "layer.chunk.frame"
#define RULE_CHUNK_RANGE "layer.chunk.range"
#define RULE_CHUNK_OVERLAP "layer.chunk.overlap"
#define RULE_CHUNK_ALGORITHM "layer.chunk.algorithm"
#define RULE_CHUNK_RESERVED "layer.chunk.reserved"
#define RULE_CHUNK_COUNT "layer.chunk.count"
#define RULE_DEVICE_BYTES "layer.device.bytes"
#define RULE_DEVICE_BLOCK "layer.device.block"
#define RULE_DEVICE_COLUMN "layer.device.digest-column"

/* Is [@off, @off + @bytes) not empty and inside [0, @whole)? */
static bool inside(uint64_t off, uint64_t bytes, uint64_t whole)
{
	return bytes && off < whole && bytes <= whole - off;
}

static enum lp_code refuse_frame(uint32_t i, const struct lp_frame *f, const char *rule,
				 const char *why, struct lp_err *err)
{
	return lp_fail(err, LP_EFORMAT, f->off, rule, "frame %u, [%llu, +%llu) of the blob, %s", i,
		       (unsigned long long)f->off, (unsigned long long)f->stored_bytes, why);
}

static enum lp_code check_frame(const struct lp_layer *l, uint32_t i, struct lp_err *err)
{
	const struct lp_frame *f = &l->frame[i], *before = i ? f - 1 : NULL;

	if (!inside(f->off, f->stored_bytes, l->blob_bytes))
		return refuse_frame(i, f, RULE_FRAME_RANGE, "is empty or not inside it", err);
	if (before && (f->off < before->off || (f->off == before->off &&
						f->stored_bytes < before->stored_bytes)))
		return refuse_frame(i, f, RULE_FRAME_ORDER, "lies before the last one", err);
	if (!lp_codec_number(f->codec))
		return refuse_frame(i, f, RULE_FRAME_CODEC, "has a codec we do not know", err);
	if (!f->plain_bytes || f->plain_bytes > LP_DEVICE_BYTES_MAX ||
	    (f->codec == LP_CODEC_NONE && f->plain_bytes > f->stored_bytes))
		return refuse_frame(i, f, RULE_FRAME_PLAIN, "cannot have that many plain bytes",
				    err);
	if (f->window > l->nwindow || f->bit > 7 || (f->bit && !f->window) ||
	    (f->window && !lp_codec_number(f->codec)->resume))
		return refuse_frame(i, f, RULE_FRAME_WINDOW, "cannot start in the middle", err);
	if (f->pad[0] || f->pad[1])
		return refuse_frame(i, f, RULE_FRAME_RESERVED, "sets a reserved field", err);
	return LP_OK;
}

static enum lp_code refuse_chunk(uint32_t i, const struct lp_chunk *c, const char *rule,
				 const char *why, struct lp_err *err)
{
	return lp_fail(err, LP_EFORMAT, c->device_off, rule,
		       "chunk %u, [%llu, +%llu) of the device, %s", i,
		       (unsigned long long)c->device_off, (unsigned long long)c->bytes, why);
}

static enum lp_code check_chunk(const struct lp_layer *l, uint32_t i, struct lp_err *err)
{
	const struct lp_chunk *c = &l->chunk[i], *before = i ? c - 1 : NULL;
	size_t width = lp_alg_bytes((enum lp_alg)c->alg);

	if (!inside(c->device_off, c->bytes, l->device_bytes))
		return refuse_chunk(i, c, RULE_CHUNK_RANGE, "is empty or not inside it", err);
	/* The one before is inside the device, so the sum does not wrap. */
	if (before && c->device_off < before->device_off + before->bytes)
		return refuse_chunk(i, c, RULE_CHUNK_OVERLAP,
				    "overlaps the one before, or lies before it", err);
	if (c->frame >= l->nframe ||
	    !inside(c->frame_off, c->bytes, l->frame[c->frame].plain_bytes))
		return refuse_chunk(i, c, RULE_CHUNK_FRAME, "is not inside its frame", err);
	if (!width || width > l->digest_bytes)
		return refuse_chunk(i, c, RULE_CHUNK_ALGORITHM, "has no digest that fits", err);
	if (c->pad[0] || c->pad[1] || c->pad[2])
		return refuse_chunk(i, c, RULE_CHUNK_RESERVED, "sets a reserved field", err);
	return LP_OK;
}

static enum lp_code check_device(const struct lp_layer *l, struct lp_err *err)
{
	if (l->nchunk > LP_CHUNKS_MAX || l->nframe > LP_CHUNKS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_CHUNK_COUNT,
			       "%u chunks in %u frames, the limit is %u", l->nchunk, l->nframe,
			       LP_CHUNKS_MAX);
	if (l->device_bytes > LP_DEVICE_BYTES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_DEVICE_BYTES,
			       "a device of %llu bytes, the limit is %llu",
			       (unsigned long long)l->device_bytes,
			       (unsigned long long)LP_DEVICE_BYTES_MAX);
	if (l->device_bytes % LP_BLOCK)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DEVICE_BLOCK,
			       "a device of %llu bytes, which is no multiple of %u",
			       (unsigned long long)l->device_bytes, LP_BLOCK);
	if (l->nchunk && l->digest_bytes != lp_alg_bytes(LP_SHA256) &&
	    l->digest_bytes != lp_alg_bytes(LP_SHA384) &&
	    l->digest_bytes != lp_alg_bytes(LP_SHA512))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DEVICE_COLUMN,
			       "a digest column of %u bytes", l->digest_bytes);
	return LP_OK;
}

enum lp_code lp_layer_check(const struct lp_layer *l, struct lp_err *err)
{
	if (check_device(l, err))
		return err->code;
	for (uint32_t i = 0; i < l->nframe; i++)
		if (check_frame(l, i, err))
			return err->code;
	for (uint32_t i = 0; i < l->nchunk; i++)
		if (check_chunk(l, i, err))
			return err->code;
	return LP_OK;
}

/* The first chunk that begins (or, with @ends, ends) behind @off. */
static uint32_t first_behind(const struct lp_layer *l, uint64_t off, bool ends)
{
	uint32_t low = 0, high = l->nchunk;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct lp_chunk *c = &l->chunk[mid];

		if (c->device_off + (ends ? c->bytes : 0) > off)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

void lp_layer_range(const struct lp_layer *l, uint64_t off, uint64_t bytes, uint32_t *first,
		    uint32_t *end)
{
	if (bytes > UINT64_MAX - off)
		bytes = UINT64_MAX - off;
	*first = first_behind(l, off, true);
	*end = bytes ? first_behind(l, off + bytes - 1, false) : *first;
}

const uint8_t *lp_layer_window(const struct lp_layer *l, uint32_t i)
{
	uint32_t window = l->frame[i].window;

	return window ? l->window + (size_t)(window - 1) * LP_WINDOW_BYTES : NULL;
}

void lp_layer_digest(const struct lp_layer *l, uint32_t i, struct lp_digest *out)
{
	*out = (struct lp_digest){.alg = (enum lp_alg)l->chunk[i].alg};
	memcpy(out->b, l->digest + (size_t)i * l->digest_bytes, lp_alg_bytes(out->alg));
}
