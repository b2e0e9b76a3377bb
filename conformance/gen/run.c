// SPDX-License-Identifier: MIT
#include "gen/run.h"

#include "gen/lex.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 0)))
static int fail(struct gen_run *r, const char *file, unsigned line, const char *fmt, va_list ap)
{
	int n;

	if (r->failed)
		return -1;
	r->failed = true;
	n = snprintf(r->error, r->room, "%s:%u: ", file, line);
	if (n > 0 && (size_t)n < r->room)
		vsnprintf(r->error + n, r->room - (size_t)n, fmt, ap);
	return -1;
}

int gen_fail_line(struct gen_run *r, const char *file, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(r, file, line, fmt, ap);
	va_end(ap);
	return -1;
}

int gen_fail(struct gen_run *r, const struct gen_at *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(r, at->src->file, at->src->tok[at->i].line, fmt, ap);
	va_end(ap);
	return -1;
}

int gen_step(struct gen_run *r, const struct gen_at *at, size_t bytes)
{
	r->steps += 1 + bytes / 64;
	if (r->steps > GEN_STEPS)
		return gen_fail(r, at, "more than %d steps", GEN_STEPS);
	return 0;
}

void *gen_get(struct gen_run *r, const struct gen_at *at, size_t n)
{
	void *p = gen_arena_get(r->arena, n);

	if (!p)
		gen_fail(r, at, "no memory for %zu bytes more", n);
	return p;
}

static struct gen_var *find(struct gen_scope *scope, const struct gen_name *name)
{
	for (; scope; scope = scope->outer)
		for (struct gen_var *v = scope->var; v; v = v->next)
			if (v->name == name)
				return v;
	return NULL;
}

struct gen_value *gen_var_find(const struct gen_run *r, const struct gen_name *name)
{
	struct gen_var *v = find(r->scope, name);

	return v ? &v->value : name->global;
}

bool gen_var_set(struct gen_scope *scope, const struct gen_name *name, const struct gen_value *v)
{
	struct gen_var *var = find(scope, name);

	if (var)
		var->value = *v;
	return var != NULL;
}

int gen_var_put(struct gen_run *r, const struct gen_at *at, struct gen_scope *scope,
		struct gen_name *name, const struct gen_value *v)
{
	struct gen_var *var;

	if (!scope) {
		name->global = gen_get(r, at, sizeof(*v));
		if (!name->global)
			return -1;
		*name->global = *v;
		return 0;
	}
	for (var = scope->var; var && var->name != name;)
		var = var->next;
	if (!var) {
		var = gen_get(r, at, sizeof(*var));
		if (!var)
			return -1;
		var->name = name;
		var->next = scope->var;
		scope->var = var;
	}
	var->value = *v;
	return 0;
}
