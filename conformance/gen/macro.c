// SPDX-License-Identifier: MIT
#include "gen/macro.h"

#include "gen/block.h"
#include "gen/function.h"

#include <stdio.h>
#include <string.h>

struct param {
	struct gen_name *name;
	size_t value;		/* token where its default begins; 0: it has none */
};

struct gen_macro {
	struct gen_source *src;
	size_t body;		/* token: the { */
	struct param param[GEN_ARGS];
	size_t nparam;
};

struct arg {
	struct gen_value value;
	bool given;
};

static int param(struct gen_run *r, struct gen_at *at, struct gen_macro *m)
{
	struct param *p = &m->param[m->nparam];
	struct gen_value v;
	int rc = 0;

	if (m->nparam == GEN_ARGS)
		return gen_fail(r, at, "more than %d parameters", GEN_ARGS);
	p->name = gen_take_name(r, at);
	if (!p->name)
		return -1;
	for (size_t i = 0; i < m->nparam; i++)
		if (m->param[i].name == p->name)
			return gen_fail(r, at, "two parameters are called %s", p->name->text);
	m->nparam++;
	if (gen_at_op(at, '=')) {
		p->value = ++at->i;
		r->mute++;
		rc = gen_expr(r, at, &v);
		r->mute--;
	}
	return rc;
}

int gen_macro_def(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	struct gen_name *name = gen_take_name(r, at);
	struct gen_macro *m = name ? gen_get(r, &here, sizeof(*m)) : NULL;

	if (!m)
		return -1;
	if (name->statement || name->macro)
		return gen_fail(r, &here, "there is a statement or a macro %s already", name->text);
	m->src = at->src;
	if (gen_take_op(r, at, '('))
		return -1;
	while (!gen_at_op(at, ')'))
		if ((m->nparam && gen_take_op(r, at, ',')) || param(r, at, m))
			return -1;
	at->i++;
	m->body = at->i;
	if (!gen_at_op(at, '{'))
		return gen_take_op(r, at, '{');
	at->i = gen_token(at)->match + 1;
	name->macro = m;
	return 0;
}

/* The parameter that the argument at @at is for; nparam: there is none. */
static size_t which(struct gen_at *at, const struct gen_macro *m, size_t position)
{
	const struct gen_token *t = gen_token(at);
	size_t i = position;

	if (t->kind == GEN_WORD && t[1].kind == GEN_OP && t[1].op == '=') {
		for (i = 0; i < m->nparam && m->param[i].name != t->name;)
			i++;
		at->i += 2;
	}
	return i < m->nparam ? i : m->nparam;
}

static int arguments(struct gen_run *r, struct gen_at *at, const struct gen_macro *m,
		     struct arg *arg)
{
	struct gen_at here;

	for (size_t n = 0; !gen_at_op(at, ')'); n++) {
		if (n && gen_take_op(r, at, ','))
			return -1;
		here = *at;
		size_t i = which(at, m, n);
		if (i == m->nparam)
			return gen_fail(r, &here, "the macro has no such parameter");
		if (arg[i].given)
			return gen_fail(r, &here, "%s is given twice", m->param[i].name->text);
		arg[i].given = true;
		if (gen_expr(r, at, &arg[i].value))
			return -1;
	}
	at->i++;
	return 0;
}

/* Bind the parameters in r->scope: what is not given gets its default, which sees those before. */
static int bind(struct gen_run *r, const struct gen_at *at, const struct gen_macro *m,
		struct arg *arg)
{
	for (size_t i = 0; i < m->nparam; i++) {
		const struct param *p = &m->param[i];
		struct gen_at value = {.src = m->src, .i = p->value};

		if (!arg[i].given && !p->value)
			return gen_fail(r, at, "%s is not given", p->name->text);
		if ((!arg[i].given && gen_expr(r, &value, &arg[i].value)) ||
		    gen_var_put(r, at, r->scope, p->name, &arg[i].value))
			return -1;
	}
	return 0;
}

static int body(struct gen_run *r, const struct gen_at *at, const struct gen_macro *m,
		struct arg *arg, struct gen_value *block)
{
	struct gen_scope scope = {.caller = r->scope, .frame = true}, *outer = r->scope;
	struct gen_at inside = {.src = m->src, .i = m->body};
	struct gen_name *name = gen_name(r, "body", 4);
	int rc;

	if (!name)
		return -1;
	for (size_t i = 0; i < m->nparam; i++)
		if (m->param[i].name == name && !block->p)
			name = NULL;
		else if (m->param[i].name == name)
			arg[i] = (struct arg){.value = *block, .given = true};
	if (!block->p)
		*block = gen_value_of(NULL, 0);
	r->scope = &scope;
	rc = bind(r, at, m, arg);
	if (!rc && name)
		rc = gen_var_put(r, at, &scope, name, block);
	if (!rc)
		rc = gen_block(r, &inside, &scope);
	r->scope = outer;
	return rc;
}

int gen_macro_call(struct gen_run *r, struct gen_at *at)
{
	const struct gen_macro *m = gen_token(at)->name->macro;
	struct arg *arg = gen_get(r, at, (m->nparam + 1) * sizeof(*arg));
	struct gen_value block = {0};
	struct gen_at here = *at;
	size_t n;

	at->i += 2;
	if (!arg || arguments(r, at, m, arg))
		return -1;
	if (gen_at_op(at, '{') && gen_block_bytes(r, at, &block))
		return -1;
	if (!body(r, &here, m, arg, &block))
		return 0;
	n = strlen(r->error);
	if (n < r->room)
		snprintf(r->error + n, r->room - n, ", called from %s:%u", here.src->file,
			 gen_token(&here)->line);
	return -1;
}
