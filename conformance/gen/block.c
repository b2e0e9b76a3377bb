// SPDX-License-Identifier: MIT
#include "gen/block.h"

#include "gen/statement.h"

static int statements(struct gen_run *r, struct gen_at *at)
{
	while (!gen_at_op(at, '}')) {
		if (gen_token(at)->kind == GEN_LINE)
			at->i++;
		else if (gen_statement(r, at))
			return -1;
	}
	at->i++;
	return 0;
}

int gen_block(struct gen_run *r, struct gen_at *at, struct gen_scope *scope)
{
	struct gen_scope *outer = r->scope;
	int rc;

	if (gen_take_op(r, at, '{'))
		return -1;
	if (++r->depth > GEN_DEPTH)
		return gen_fail(r, at, "too deep");
	r->scope = scope;
	rc = statements(r, at);
	r->scope = outer;
	r->depth--;
	return rc;
}

int gen_block_bytes(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	struct gen_scope scope = {.outer = r->scope, .caller = r->scope, .frame = true};
	struct gen_out bytes = {0}, *outer = r->out;
	int rc;

	r->out = &bytes;
	rc = gen_block(r, at, &scope);
	r->out = outer;
	*out = gen_value_of(bytes.p, bytes.n);
	return rc;
}

int gen_let(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_name *name = gen_take_name(r, at);
	struct gen_value v;

	if (!name || gen_take_op(r, at, '=') || gen_expr(r, at, &v))
		return -1;
	return gen_var_put(r, &here, r->scope, name, &v);
}

int gen_set_value(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_name *name = gen_take_name(r, at);
	struct gen_value v;

	if (!name || gen_take_op(r, at, '=') || gen_expr(r, at, &v))
		return -1;
	if (!gen_var_set(r->scope, name, &v))
		return gen_fail(r, &here, "set: no block around has %s", name->text);
	return 0;
}

int gen_export(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_name *name = gen_take_name(r, at);
	struct gen_scope *scope = r->scope;
	struct gen_value v;

	if (!name || gen_take_op(r, at, '=') || gen_expr(r, at, &v))
		return -1;
	while (scope && !scope->frame)
		scope = scope->outer;
	if (!scope)
		return gen_fail(r, &here, "export: there is no block around to export to");
	if (gen_var_set(scope->caller, name, &v))
		return 0;
	return gen_var_put(r, &here, scope->caller, name, &v);
}

int gen_bytes_named(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_name *name = gen_take_name(r, at);
	struct gen_value v;

	if (!name || gen_block_bytes(r, at, &v))
		return -1;
	return gen_var_put(r, &here, r->scope, name, &v);
}

/* Go behind a block without running it. */
static int skip(struct gen_run *r, struct gen_at *at)
{
	if (!gen_at_op(at, '{'))
		return gen_take_op(r, at, '{');
	at->i = gen_token(at)->match + 1;
	return 0;
}

int gen_if(struct gen_run *r, struct gen_at *at)
{
	struct gen_scope scope = {.outer = r->scope};
	bool done = false;
	uint64_t yes;

	for (;;) {
		r->mute += done;
		if (gen_expr_int(r, at, &yes))
			return -1;
		r->mute -= done;
		if (!done && yes ? gen_block(r, at, &scope) : skip(r, at))
			return -1;
		done |= yes != 0;
		if (!gen_at_word(at, "else"))
			return 0;
		at->i++;
		if (!gen_at_word(at, "if"))
			return done ? skip(r, at) : gen_block(r, at, &scope);
		at->i++;
	}
}

static int range(struct gen_run *r, struct gen_at *at, struct gen_loop *l)
{
	uint64_t to;

	at->i++;
	if (gen_expr_int(r, at, &l->from))
		return -1;
	if (!gen_at_word(at, "to"))
		return gen_fail(r, at, "for NAME = FROM to LAST");
	at->i++;
	if (gen_expr_int(r, at, &to))
		return -1;
	/* signed, so that "0 to n - 1" is nothing where n is 0 */
	l->n = (int64_t)to < (int64_t)l->from ? 0 : to - l->from + 1;
	return 0;
}

int gen_loop_head(struct gen_run *r, struct gen_at *at, struct gen_loop *l)
{
	struct gen_at here = *at;

	*l = (struct gen_loop){.name = gen_take_name(r, at)};
	if (!l->name)
		return -1;
	if (gen_at_op(at, '='))
		return range(r, at, l);
	if (!gen_at_word(at, "in"))
		return gen_fail(r, at, "for NAME in VALUE, VALUE or for NAME = FROM to LAST");
	do {
		at->i++;
		l->list = gen_arena_grow(r->arena, l->list, l->n, sizeof(*l->list));
		if (!l->list)
			return gen_fail(r, &here, "no memory");
		if (gen_expr(r, at, &l->list[l->n++]))
			return -1;
	} while (gen_at_op(at, ','));
	return 0;
}

struct gen_value gen_loop_value(const struct gen_loop *l, uint64_t i)
{
	return l->list ? l->list[i] : (struct gen_value){.i = l->from + i};
}

int gen_for(struct gen_run *r, struct gen_at *at)
{
	struct gen_scope scope;
	struct gen_loop l;
	struct gen_var v;
	struct gen_at body;

	if (gen_loop_head(r, at, &l))
		return -1;
	body = *at;
	if (skip(r, at))
		return -1;
	for (uint64_t i = 0; i < l.n; i++) {
		struct gen_at again = body;

		v = (struct gen_var){.name = l.name, .value = gen_loop_value(&l, i)};
		scope = (struct gen_scope){.outer = r->scope, .var = &v};
		if (gen_step(r, &body, 0) || gen_block(r, &again, &scope))
			return -1;
	}
	return 0;
}

int gen_fail_asked(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_value v;

	if (gen_expr_bytes(r, at, &v))
		return -1;
	return gen_fail(r, &here, "%.*s", (int)(v.n < 200 ? v.n : 200), (const char *)v.p);
}
