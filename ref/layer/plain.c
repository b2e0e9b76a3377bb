// SPDX-License-Identifier: MIT
#include "layer/plain.h"

#include <stdlib.h>

#define RULE_CHUNK "layer.chunk.digest"
#define RULE_SHORT "codec.decode.short"
#define NONE UINT32_MAX
#define STEP_BYTES ((size_t)64 << 10)	/* ours: plain bytes moved at a time */

enum lp_code lp_plain_open(struct lp_plain *p, const struct lp_layer *l, const void *blob,
			   struct lp_err *err)
{
	*p = (struct lp_plain){.layer = l, .blob = blob, .number = NONE};
	p->seen = calloc((size_t)l->nchunk / 8 + 1, 1);
	return p->seen ? LP_OK : lp_fail_errno(err, "%u chunks", l->nchunk);
}

void lp_plain_free(struct lp_plain *p)
{
	free(p->seen);
	p->seen = NULL;
	lp_buf_free(&p->frame);
	lp_decoder_free(&p->decoder);
}

static bool is_seen(const struct lp_plain *p, uint32_t i)
{
	return p->seen[i / 8] >> i % 8 & 1;
}

static const struct lp_frame *frame_of(const struct lp_plain *p, uint32_t i)
{
	return &p->layer->frame[p->layer->chunk[i].frame];
}

/* A stream over frame @number, from its first byte. */
static enum lp_code open_stream(struct lp_plain *p, uint32_t number, struct lp_err *err)
{
	const struct lp_frame *f = &p->layer->frame[number];

	lp_decoder_free(&p->decoder);
	p->number = NONE;
	p->at = 0;
	lp_mem_reader_open(&p->stored, p->blob + f->off, (size_t)f->stored_bytes);
	if (lp_decoder_resume(&p->decoder, lp_codec_number(f->codec), &p->stored.reader, f->bit,
			      lp_layer_window(p->layer, number), err))
		return err->code;
	p->number = number;
	return LP_OK;
}

/* Exactly @n bytes of the stream. */
static enum lp_code take(struct lp_plain *p, void *to, size_t n, struct lp_err *err)
{
	enum lp_code code = lp_read_full(&p->decoder.reader, to, n, err);

	if (!code) {
		p->at += n;
		return LP_OK;
	}
	p->number = NONE; /* nobody knows where it stands */
	return code != LP_ESHORT ? code
				 : lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_SHORT,
					   "the plain bytes end before %llu",
					   (unsigned long long)(p->at + n));
}

/* All of a frame of at most LP_FRAME_MAX. */
static enum lp_code load(struct lp_plain *p, uint32_t number, struct lp_err *err)
{
	const struct lp_frame *f = &p->layer->frame[number];
	size_t want = (size_t)f->plain_bytes;

	if (p->number == number)
		return LP_OK;
	p->number = NONE;
	p->frame.len = 0;
	if (lp_buf_reserve(&p->frame, want, LP_FRAME_MAX, err))
		return err->code;
	if (f->window ? open_stream(p, number, err) || take(p, p->frame.p, want, err)
		      : lp_codec_number(f->codec)->decode(p->blob + f->off, (size_t)f->stored_bytes,
							  p->frame.p, want, err))
		return err->code;
	p->number = number;
	return LP_OK;
}

static enum lp_code judge(struct lp_plain *p, uint32_t i, const struct lp_digest *got,
			  struct lp_err *err)
{
	struct lp_digest want;

	lp_layer_digest(p->layer, i, &want);
	if (lp_digest_check(got, &want, p->layer->chunk[i].device_off, RULE_CHUNK, "the chunk", err))
		return lp_within(err, "chunk %u", i);
	p->seen[i / 8] |= (uint8_t)(1 << i % 8);
	return LP_OK;
}

/* Bytes [@off, @off + @n) of chunk @i to @out, verified; NULL: verified only. */
static enum lp_code pass_loaded(struct lp_plain *p, uint32_t i, uint64_t off, uint64_t n,
				struct lp_writer *out, struct lp_err *err)
{
	const struct lp_chunk *c = &p->layer->chunk[i];
	struct lp_digest got;

	if (load(p, c->frame, err))
		return err->code;
	if (!is_seen(p, i)) {
		lp_digest_of((enum lp_alg)c->alg, p->frame.p + c->frame_off, (size_t)c->bytes, &got);
		if (judge(p, i, &got, err))
			return err->code;
	}
	return out ? lp_write(out, p->frame.p + c->frame_off + off, (size_t)n, err) : LP_OK;
}

/* Go to plain byte @to of frame @number. */
static enum lp_code seek(struct lp_plain *p, uint32_t number, uint64_t to, uint8_t *step,
			 struct lp_err *err)
{
	if ((p->number != number || p->at > to) && open_stream(p, number, err))
		return err->code;
	while (p->at < to) {
		uint64_t left = to - p->at;

		if (take(p, step, left < STEP_BYTES ? (size_t)left : STEP_BYTES, err))
			return err->code;
	}
	return LP_OK;
}

/* The same from a frame that is not held in memory. */
static enum lp_code pass_stream(struct lp_plain *p, uint32_t i, struct lp_part part,
				struct lp_writer *out, struct lp_err *err)
{
	const struct lp_chunk *c = &p->layer->chunk[i];
	LP_AUTO(lp_hash_free) struct lp_hash hash = {.ctx = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf step = {.p = NULL};
	struct lp_digest got;
	size_t n;

	if (lp_buf_reserve(&step, STEP_BYTES, STEP_BYTES, err) ||
	    seek(p, c->frame, c->frame_off, step.p, err) ||
	    lp_hash_begin(&hash, (enum lp_alg)c->alg, err))
		return err->code;
	while (part.at < c->bytes) {
		n = c->bytes - part.at < STEP_BYTES ? (size_t)(c->bytes - part.at) : STEP_BYTES;
		if (take(p, step.p, n, err) || lp_part_pass(&part, step.p, n, out, err))
			return err->code;
		lp_hash_add(&hash, step.p, n);
	}
	lp_hash_end(&hash, &got);
	return judge(p, i, &got, err);
}

static enum lp_code pass(struct lp_plain *p, uint32_t i, uint64_t off, uint64_t n,
			 struct lp_writer *out, struct lp_err *err)
{
	const struct lp_part part = {.off = off, .end = off + n};
	bool large = frame_of(p, i)->plain_bytes > LP_FRAME_MAX;

	if (large ? pass_stream(p, i, part, out, err) : pass_loaded(p, i, off, n, out, err))
		return lp_within(err, "frame %u", p->layer->chunk[i].frame);
	return LP_OK;
}

static enum lp_code write_zeros(struct lp_writer *out, uint64_t n, struct lp_err *err)
{
	static const uint8_t zero[STEP_BYTES];

	for (size_t part; n; n -= part) {
		part = n < sizeof(zero) ? (size_t)n : sizeof(zero);
		if (lp_write(out, zero, part, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_plain_copy(struct lp_plain *p, uint64_t off, uint64_t n, struct lp_writer *out,
			   struct lp_err *err)
{
	uint64_t end = n < UINT64_MAX - off ? off + n : UINT64_MAX;
	uint32_t i, behind;

	for (lp_layer_range(p->layer, off, n, &i, &behind); i < behind; i++) {
		const struct lp_chunk *c = &p->layer->chunk[i];
		uint64_t from = off > c->device_off ? off - c->device_off : 0;
		uint64_t to = end - c->device_off < c->bytes ? end - c->device_off : c->bytes;

		if ((c->device_off > off && write_zeros(out, c->device_off - off, err)) ||
		    pass(p, i, from, to - from, out, err))
			return err->code;
		off = c->device_off + to;
	}
	return write_zeros(out, end - off, err);
}

enum lp_code lp_plain_check(struct lp_plain *p, struct lp_err *err)
{
	for (uint32_t i = 0; i < p->layer->nchunk; i++)
		if (!is_seen(p, i) && pass(p, i, 0, 0, NULL, err))
			return err->code;
	return LP_OK;
}
