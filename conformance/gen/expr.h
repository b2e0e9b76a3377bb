/* SPDX-License-Identifier: MIT */
/*
 * expr - expressions, computed as they are read.
 *
 * Each function begins at the token of @at and leaves it behind what it took.  Integers have
 * 64 bits and wrap; / % < and the others are unsigned.
 */
#ifndef GEN_EXPR_H
#define GEN_EXPR_H

#include "gen/lex.h"

int gen_expr(struct gen_run *r, struct gen_at *at, struct gen_value *out);
int gen_expr_int(struct gen_run *r, struct gen_at *at, uint64_t *out);
int gen_expr_bytes(struct gen_run *r, struct gen_at *at, struct gen_value *out);

/* gen_as_text - an integer becomes its decimal digits, bytes stay. */
int gen_as_text(struct gen_run *r, const struct gen_at *at, struct gen_value *v);

static inline const struct gen_token *gen_token(const struct gen_at *at)
{
	return &at->src->tok[at->i];
}

static inline bool gen_at_op(const struct gen_at *at, unsigned op)
{
	return gen_token(at)->kind == GEN_OP && gen_token(at)->op == op;
}

/* gen_at_word - is it the word @text? */
bool gen_at_word(const struct gen_at *at, const char *text);

/* gen_take_op - go behind the operator @op; or fail. */
int gen_take_op(struct gen_run *r, struct gen_at *at, unsigned op);

/* gen_take_name - go behind a word; NULL: @r has failed. */
struct gen_name *gen_take_name(struct gen_run *r, struct gen_at *at);

#endif
