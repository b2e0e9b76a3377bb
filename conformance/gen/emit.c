// SPDX-License-Identifier: MIT
#include "gen/emit.h"

#include "gen/block.h"
#include "gen/function.h"

#include <inttypes.h>
#include <string.h>

/* Room for @n bytes more of the block; NULL: @r has failed. */
static uint8_t *room(struct gen_run *r, const struct gen_at *at, uint64_t n)
{
	uint8_t *p = NULL;

	if (n <= GEN_MAX && r->out->n + n <= GEN_MAX)
		p = gen_out_room(r->arena, r->out, n);
	if (!p)
		gen_fail(r, at, "more than %zu bytes, or no memory", GEN_MAX);
	return p && !gen_step(r, at, n) ? p : NULL;
}

static int put(struct gen_run *r, const struct gen_at *at, const struct gen_value *v)
{
	uint8_t *p = room(r, at, v->n);

	if (!p)
		return -1;
	memcpy(p, v->p, v->n);
	return 0;
}

int gen_emit_put(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_value v;

	for (;; at->i++) {
		if (gen_expr_bytes(r, at, &v) || put(r, &here, &v))
			return -1;
		if (!gen_at_op(at, ','))
			return 0;
	}
}

int gen_emit_hex(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_value text, v;

	if (gen_expr_bytes(r, at, &text) || gen_unhex(r, &here, &text, &v))
		return -1;
	return put(r, &here, &v);
}

int gen_emit_lines(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_value v;

	if (gen_take_op(r, at, '{') || gen_expr_bytes(r, at, &v) || put(r, &here, &v))
		return -1;
	return gen_take_op(r, at, '}');
}

static int integers(struct gen_run *r, struct gen_at *at, unsigned bytes, bool big)
{
	struct gen_at here = *at;
	uint64_t v;
	uint8_t *p;

	for (;; at->i++) {
		if (gen_expr_int(r, at, &v))
			return -1;
		p = room(r, &here, bytes);
		if (!p)
			return -1;
		gen_put_int(p, v, bytes, big);
		if (!gen_at_op(at, ','))
			return 0;
	}
}

int gen_emit_u8(struct gen_run *r, struct gen_at *at)
{
	return integers(r, at, 1, false);
}

int gen_emit_le16(struct gen_run *r, struct gen_at *at)
{
	return integers(r, at, 2, false);
}

int gen_emit_le32(struct gen_run *r, struct gen_at *at)
{
	return integers(r, at, 4, false);
}

int gen_emit_le64(struct gen_run *r, struct gen_at *at)
{
	return integers(r, at, 8, false);
}

int gen_emit_be16(struct gen_run *r, struct gen_at *at)
{
	return integers(r, at, 2, true);
}

int gen_emit_be32(struct gen_run *r, struct gen_at *at)
{
	return integers(r, at, 4, true);
}

int gen_emit_be64(struct gen_run *r, struct gen_at *at)
{
	return integers(r, at, 8, true);
}

static int fill(struct gen_run *r, const struct gen_at *at, uint8_t byte, uint64_t n)
{
	uint8_t *p = room(r, at, n);

	if (!p)
		return -1;
	memset(p, byte, n);
	return 0;
}

int gen_emit_zero(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	uint64_t n;

	return gen_expr_int(r, at, &n) || fill(r, &here, 0, n) ? -1 : 0;
}

int gen_emit_fill(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	uint64_t byte, n;

	if (gen_expr_int(r, at, &byte))
		return -1;
	at->i += gen_at_op(at, ',');
	if (gen_expr_int(r, at, &n))
		return -1;
	if (byte > 255)
		return gen_fail(r, &here, "fill: %" PRIu64 " is not a byte", byte);
	return fill(r, &here, (uint8_t)byte, n);
}

int gen_emit_align(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	uint64_t n;

	if (gen_expr_int(r, at, &n))
		return -1;
	if (!n)
		return gen_fail(r, &here, "align to a multiple of 0");
	return fill(r, &here, 0, (n - r->out->n % n) % n);
}

int gen_emit_patch(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_value v;
	uint64_t off;

	if (gen_expr_int(r, at, &off) || gen_block_bytes(r, at, &v))
		return -1;
	if (off > r->out->n || v.n > r->out->n - off)
		return gen_fail(r, &here, "patch: %zu bytes at %" PRIu64 " of %zu", v.n, off, r->out->n);
	if (v.n)
		memcpy(r->out->p + off, v.p, v.n);
	return 0;
}

int gen_emit_cut(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	uint64_t n;

	if (gen_expr_int(r, at, &n))
		return -1;
	if (n > r->out->n)
		return gen_fail(r, &here, "cut: %" PRIu64 " of %zu bytes", n, r->out->n);
	r->out->n -= n;
	return 0;
}

int gen_emit_keep(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	uint64_t n;

	if (gen_expr_int(r, at, &n))
		return -1;
	if (n > r->out->n)
		return gen_fail(r, &here, "keep: %" PRIu64 " of %zu bytes", n, r->out->n);
	r->out->n = n;
	return 0;
}
