// SPDX-License-Identifier: MIT
/* Every range of a layer is what its device would be, and no chunk passes with another digest. */
#include "layer/plain.h"

#include "testing/sample.h"
#include "testing/test.h"

#define MIB (1u << 20)

/* Is [@off, +@n) what the device would have? */
static bool copies(struct lp_plain *p, const struct sample *s, uint64_t off, uint64_t n,
		   struct lp_err *err)
{
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer got = LP_BUF_WRITER(SIZE_MAX / 2);

	return !lp_plain_copy(p, off, n, &got.writer, err) && got.buf.len == n &&
	       (!n || !memcmp(got.buf.p, s->plain.p + off, n));
}

static void check_ranges(const char *name, struct lp_plain *p, const struct sample *s)
{
	uint64_t whole = s->plain.len, bad = 0;
	struct lp_err err = {0};
	uint32_t state = 7;

	for (int i = 0; i < 40; i++) {
		uint64_t off = sample_random(&state) % whole, n = sample_random(&state) % 20000;

		bad += !copies(p, s, off, n < whole - off ? n : whole - off, &err);
	}
	CHECK(!bad, "%s: ranges in any order %s", name, err.msg);
	CHECK(copies(p, s, 0, whole, &err), "%s: all of it %s", name, err.msg);
	CHECK(copies(p, s, whole / 2, 0, &err), "%s: nothing %s", name, err.msg);
}

/* Flip a plain byte behind the back of a codec that has no checksum, or the blob's middle. */
static void check_damage(const char *name, const struct lp_layer *l, const struct sample *s)
{
	const struct lp_chunk *c = &l->chunk[l->nchunk / 2];
	const struct lp_frame *f = &l->frame[c->frame];
	LP_AUTO(lp_buf_free) struct lp_buf blob = {.p = NULL};
	LP_AUTO(lp_plain_free) struct lp_plain p = {.seen = NULL};
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer got = LP_BUF_WRITER(SIZE_MAX / 2);
	struct lp_err err = {0};
	enum lp_code code;

	if (!CHECK(!lp_buf_add(&blob, s->blob.p, s->blob.len, SIZE_MAX, &err) &&
		   !lp_plain_open(&p, l, blob.p, &err), "%s: a copy %s", name, err.msg))
		return;
	blob.p[f->off + (f->codec ? f->stored_bytes / 2 : c->frame_off)] ^= 1;
	code = lp_plain_copy(&p, c->device_off, c->bytes, &got.writer, &err);
	if (code == LP_OK) /* a byte of another chunk of the frame */
		code = lp_plain_check(&p, &err);
	CHECK((code == LP_EDIGEST || code == LP_EFORMAT) && err.rule, "%s: damage is found %s", name,
	      err.msg);
	CHECK(lp_plain_check(&p, &err) == code, "%s: and found again %s", name, err.msg);
}

static void check_shape(const char *name, const struct sample_shape *shape)
{
	LP_AUTO(sample_free) struct sample s = {.table = -1};
	LP_AUTO(lp_table_free) struct lp_table t = {.map = {.bytes = 0}};
	LP_AUTO(lp_plain_free) struct lp_plain p = {.seen = NULL}, again = {.seen = NULL};
	struct lp_err err = {0};

	if (!CHECK(!sample_make(&s, shape, &err) &&
		   !lp_table_open(&t, s.table, &s.table_digest, &err) &&
		   !lp_plain_open(&p, &t.layer, s.blob.p, &err) &&
		   !lp_plain_open(&again, &t.layer, s.blob.p, &err), "%s %s", name, err.msg))
		return;
	CHECK(!lp_plain_check(&again, &err), "%s: every chunk is right %s", name, err.msg);
	check_ranges(name, &p, &s);
	check_damage(name, &t.layer, &s);
}

int main(void)
{
	static const struct {
		const char *name;
		struct sample_shape shape;
	} shapes[] = {
		{"plain chunks", {1, 30, 9000, 1, 100, NULL}},
		{"gzip, a frame each", {2, 30, 9000, 1, 0, &lp_codec_gzip}},
		{"gzip, frames shared", {3, 30, 9000, 7, 13, &lp_codec_gzip}},
		{"zstd, frames shared", {4, 30, 9000, 7, 13, &lp_codec_zstd}},
		{"lz4, a frame each", {5, 30, 9000, 1, 0, &lp_codec_lz4}},
		{"gzip, above the limit", {6, 12, 3 * MIB, 12, 0, &lp_codec_gzip}},
		{"plain, above the limit", {7, 12, 3 * MIB, 12, 5, NULL}},
	};

	for (size_t i = 0; i < (test_tortured() ? 3 : sizeof(shapes) / sizeof(shapes[0])); i++)
		check_shape(shapes[i].name, &shapes[i].shape);
	return test_done();
}
