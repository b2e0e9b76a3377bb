// SPDX-License-Identifier: MIT
#include "gen/expr.h"

#include "gen/function.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int binary(struct gen_run *r, struct gen_at *at, unsigned least, struct gen_value *out);

bool gen_at_word(const struct gen_at *at, const char *text)
{
	return gen_token(at)->kind == GEN_WORD && !strcmp(gen_token(at)->name->text, text);
}

static int unexpected(struct gen_run *r, const struct gen_at *at, const char *want)
{
	const struct gen_token *t = gen_token(at);
	const char *text = at->src->text + t->at;
	int n = (int)strnlen(text, 40);

	if (t->kind == GEN_LINE || t->kind == GEN_EOF)
		return gen_fail(r, at, "%s expected, not the end of the line", want);
	for (int i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] == 0x7f)
			n = i;
	return gen_fail(r, at, "%s expected at \"%.*s\"", want, n, text);
}

int gen_take_op(struct gen_run *r, struct gen_at *at, unsigned op)
{
	char want[2] = {(char)op, '\0'};

	if (!gen_at_op(at, op))
		return unexpected(r, at, want);
	at->i++;
	return 0;
}

struct gen_name *gen_take_name(struct gen_run *r, struct gen_at *at)
{
	if (gen_token(at)->kind != GEN_WORD) {
		unexpected(r, at, "a name");
		return NULL;
	}
	return at->src->tok[at->i++].name;
}

int gen_as_text(struct gen_run *r, const struct gen_at *at, struct gen_value *v)
{
	char *p;

	if (v->bytes)
		return 0;
	p = gen_get(r, at, 24);
	if (!p)
		return -1;
	snprintf(p, 24, "%" PRIu64, v->i);
	*v = gen_value_of(p, strlen(p));
	return 0;
}

/* From GEN_TEMPLATE to behind GEN_TEMPLATE_END. */
static int template(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	struct gen_out text = {0};
	struct gen_value v;
	uint8_t *p;

	for (at->i++; gen_token(at)->kind != GEN_TEMPLATE_END;) {
		if (gen_token(at)->kind == GEN_LITERAL) {
			v = gen_value_of(gen_token(at)->p, gen_token(at)->n);
		} else {
			if (gen_expr(r, at, &v) || gen_as_text(r, at, &v))
				return -1;
			if (gen_token(at)->kind != GEN_PART)
				return unexpected(r, at, "}");
		}
		at->i++;
		if (gen_step(r, at, v.n))
			return -1;
		p = gen_out_room(r->arena, &text, v.n);
		if (!p || text.n > GEN_MAX)
			return gen_fail(r, at, "a string of more than %zu bytes", GEN_MAX);
		memcpy(p, v.p, v.n);
	}
	at->i++;
	*out = gen_value_of(text.p, text.n);
	return 0;
}

static int number(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	const struct gen_token *t = gen_token(at);
	const char *p = (const char *)t->p, *end = p + t->n;
	unsigned base = 10;
	uint64_t v = 0, digit;

	if (t->n > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'o')) {
		base = p[1] == 'x' ? 16 : 8;
		p += 2;
	} else if (t->n > 1 && p[0] == '0') {
		return gen_fail(r, at, "a number with a leading zero: octal is 0o17");
	}
	for (; p < end; p++) {
		digit = (uint64_t)(*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10);
		if (digit >= base || *p == '_')
			return gen_fail(r, at, "not a number: %.*s", (int)t->n, (const char *)t->p);
		if (v > (UINT64_MAX - digit) / base)
			return gen_fail(r, at, "above 64 bits: %.*s", (int)t->n, (const char *)t->p);
		v = v * base + digit;
	}
	at->i++;
	*out = (struct gen_value){.i = v};
	return 0;
}

static int check_types(struct gen_run *r, const struct gen_at *at, const struct gen_function *f,
		       const struct gen_value *arg, size_t n)
{
	const char *type = f->types;
	size_t bytes = 0;

	if (n < f->least || n > f->most)
		return gen_fail(r, at, "%s() takes %u to %u arguments, not %zu", f->name, f->least,
				f->most, n);
	for (size_t i = 0; i < n; i++) {
		if (arg[i].bytes != (*type == 'b'))
			return gen_fail(r, at, "%s(): argument %zu is %s", f->name, i + 1,
					arg[i].bytes ? "bytes, not an integer" : "an integer, not bytes");
		bytes += arg[i].n;
		type += type[1] != '\0';
	}
	return gen_step(r, at, bytes);
}

static int call(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	const struct gen_function *f = gen_token(at)->name->function;
	struct gen_value arg[GEN_ARGS] = {0};
	struct gen_at here = *at;
	size_t n = 0;

	if (!f)
		return gen_fail(r, at, "there is no function %s", gen_token(at)->name->text);
	for (at->i += 2; !gen_at_op(at, ')'); n++) {
		if (n == GEN_ARGS)
			return gen_fail(r, at, "more than %d arguments", GEN_ARGS);
		if ((n && gen_take_op(r, at, ',')) || gen_expr(r, at, &arg[n]))
			return -1;
	}
	at->i++;
	*out = (struct gen_value){0};
	if (r->mute)
		return 0;
	return check_types(r, &here, f, arg, n) ? -1 : f->run(r, &here, arg, n, out);
}

static int variable(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	const struct gen_name *name = gen_token(at)->name;
	const struct gen_value *v = gen_var_find(r, name);

	*out = (struct gen_value){0};
	if (!r->mute && !v)
		return gen_fail(r, at, "%s is not defined", name->text);
	if (!r->mute)
		*out = *v;
	at->i++;
	return 0;
}

static int primary(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	const struct gen_token *t = gen_token(at);

	switch (t->kind) {
	case GEN_NUMBER:
		return number(r, at, out);
	case GEN_STRING:
		*out = gen_value_of(t->p, t->n);
		at->i++;
		return 0;
	case GEN_TEMPLATE:
		return template(r, at, out);
	case GEN_WORD:
		return t[1].kind == GEN_OP && t[1].op == '(' ? call(r, at, out) : variable(r, at, out);
	default:
		break;
	}
	if (!gen_at_op(at, '('))
		return unexpected(r, at, "a value");
	at->i++;
	return gen_expr(r, at, out) || gen_take_op(r, at, ')') ? -1 : 0;
}

static int unary(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	unsigned op = gen_token(at)->kind == GEN_OP ? gen_token(at)->op : 0;
	int rc;

	if (op != '-' && op != '~' && op != '!')
		return primary(r, at, out);
	if (++r->depth > GEN_DEPTH)
		return gen_fail(r, at, "too deep");
	at->i++;
	rc = unary(r, at, out);
	r->depth--;
	if (rc)
		return rc;
	if (out->bytes)
		return gen_fail(r, at, "%c takes an integer, not bytes", (char)op);
	out->i = op == '-' ? -out->i : op == '~' ? ~out->i : !out->i;
	return 0;
}

static const struct operator {
	unsigned op, rank;
} operators[] = {
	{GEN_OP2('|', '|'), 1}, {GEN_OP2('&', '&'), 2}, {'|', 3}, {'^', 4}, {'&', 5},
	{GEN_OP2('=', '='), 6}, {GEN_OP2('!', '='), 6}, {'<', 7}, {'>', 7},
	{GEN_OP2('<', '='), 7}, {GEN_OP2('>', '='), 7}, {GEN_OP2('<', '<'), 8},
	{GEN_OP2('>', '>'), 8}, {'+', 9}, {'-', 9}, {'*', 10}, {'/', 10}, {'%', 10},
};

/* 0: not a binary operator */
static unsigned rank(const struct gen_token *t)
{
	for (size_t i = 0; t->kind == GEN_OP && i < sizeof(operators) / sizeof(operators[0]); i++)
		if (operators[i].op == t->op)
			return operators[i].rank;
	return 0;
}

static uint64_t compute(unsigned op, uint64_t a, uint64_t b)
{
	switch (op) {
	case '*': return a * b;
	case '/': return a / b;
	case '%': return a % b;
	case '+': return a + b;
	case '-': return a - b;
	case '&': return a & b;
	case '^': return a ^ b;
	case '|': return a | b;
	case '<': return a < b;
	case '>': return a > b;
	case GEN_OP2('<', '='): return a <= b;
	case GEN_OP2('>', '='): return a >= b;
	case GEN_OP2('=', '='): return a == b;
	case GEN_OP2('!', '='): return a != b;
	case GEN_OP2('<', '<'): return b < 64 ? a << b : 0;
	case GEN_OP2('>', '>'): return b < 64 ? a >> b : 0;
	case GEN_OP2('&', '&'): return a && b;
	default: return a || b;
	}
}

static int join(struct gen_run *r, const struct gen_at *at, unsigned op,
		const struct gen_value ab[2], struct gen_value *out)
{
	bool equal;

	if (ab[0].bytes != ab[1].bytes)
		return gen_fail(r, at, "an operator between an integer and bytes");
	if (!ab[0].bytes) {
		if (!ab[1].i && (op == '/' || op == '%'))
			return gen_fail(r, at, "division by zero");
		*out = (struct gen_value){.i = compute(op, ab[0].i, ab[1].i)};
		return 0;
	}
	if (gen_step(r, at, ab[0].n + ab[1].n))
		return -1;
	if (op == GEN_OP2('=', '=') || op == GEN_OP2('!', '=')) {
		equal = ab[0].n == ab[1].n && !memcmp(ab[0].p, ab[1].p, ab[0].n);
		*out = (struct gen_value){.i = equal == (op == GEN_OP2('=', '='))};
		return 0;
	}
	if (op != '+')
		return gen_fail(r, at, "bytes can only be added or compared with == and !=");
	return gen_cat(r, at, ab, 2, out);
}

/* Operands of ranks of at least @least. */
static int binary(struct gen_run *r, struct gen_at *at, unsigned least, struct gen_value *out)
{
	struct gen_value ab[2];
	struct gen_at here;
	unsigned op, level;
	bool skip;

	if (unary(r, at, out))
		return -1;
	while ((level = rank(gen_token(at))) >= least) {
		op = gen_token(at)->op;
		here = *at;
		ab[0] = *out;
		at->i++;
		/* the right side of && and || counts only where the left one has not decided */
		skip = (level == 1 && out->i) || (level == 2 && !out->i);
		r->mute += skip;
		if (binary(r, at, level + 1, &ab[1]))
			return -1;
		r->mute -= skip;
		if (skip)
			ab[1] = (struct gen_value){.i = level == 1};
		if (r->mute)
			*out = (struct gen_value){0};
		else if (join(r, &here, op, ab, out))
			return -1;
	}
	return 0;
}

static int choice(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	struct gen_value yes, no;
	bool first = out->i != 0;

	if (out->bytes)
		return gen_fail(r, at, "? takes an integer, not bytes");
	at->i++;
	r->mute += !first;
	if (gen_expr(r, at, &yes) || gen_take_op(r, at, ':'))
		return -1;
	r->mute = r->mute - !first + first;
	if (gen_expr(r, at, &no))
		return -1;
	r->mute -= first;
	*out = first ? yes : no;
	return 0;
}

int gen_expr(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	if (++r->depth > GEN_DEPTH)
		return gen_fail(r, at, "too deep");
	if (gen_step(r, at, 0) || binary(r, at, 1, out))
		return -1;
	if (gen_at_op(at, '?') && choice(r, at, out))
		return -1;
	r->depth--;
	return 0;
}

int gen_expr_int(struct gen_run *r, struct gen_at *at, uint64_t *out)
{
	struct gen_at here = *at;
	struct gen_value v;

	if (gen_expr(r, at, &v))
		return -1;
	if (v.bytes)
		return gen_fail(r, &here, "an integer expected, not bytes");
	*out = v.i;
	return 0;
}

int gen_expr_bytes(struct gen_run *r, struct gen_at *at, struct gen_value *out)
{
	struct gen_at here = *at;

	if (gen_expr(r, at, out))
		return -1;
	if (!out->bytes)
		return gen_fail(r, &here, "bytes expected, not an integer");
	return 0;
}
