/* SPDX-License-Identifier: MIT */
/* block - what stands between braces, names that are given values, and if and for. */
#ifndef GEN_BLOCK_H
#define GEN_BLOCK_H

#include "gen/expr.h"

/* What a `for` goes through: a list, or a range of which both ends belong to it. */
struct gen_loop {
	struct gen_name *name;
	struct gen_value *list;	/* NULL: a range */
	uint64_t from, n;
};

/* gen_block - run the statements of the { } at @at in @scope, and go behind it. */
int gen_block(struct gen_run *r, struct gen_at *at, struct gen_scope *scope);

/* gen_block_bytes - the same in a scope of its own; @out is what it emits. */
int gen_block_bytes(struct gen_run *r, struct gen_at *at, struct gen_value *out);

/* gen_loop_head - read "NAME in E, E" or "NAME = E to E". */
int gen_loop_head(struct gen_run *r, struct gen_at *at, struct gen_loop *l);

/* gen_loop_value - the @i-th value of @l's n. */
struct gen_value gen_loop_value(const struct gen_loop *l, uint64_t i);

/* The statements. */
int gen_let(struct gen_run *r, struct gen_at *at);
int gen_set_value(struct gen_run *r, struct gen_at *at);
int gen_export(struct gen_run *r, struct gen_at *at);
int gen_bytes_named(struct gen_run *r, struct gen_at *at);
int gen_if(struct gen_run *r, struct gen_at *at);
int gen_for(struct gen_run *r, struct gen_at *at);
int gen_fail_asked(struct gen_run *r, struct gen_at *at);

#endif
