// SPDX-License-Identifier: MIT
#include "gen/field.h"

#include "gen/block.h"

#include <string.h>

static const char *const formats[] = {
	"oci", "estargz", "zstdchunked", "rafs5", "rafs6", "erofs", "gzip", "zstd", "manifest",
	"index", "config", "layout", "descriptor", "http", NULL,
};
static const char *const ops[] = {"verify", "unpack", "read", "fetch", NULL};
static const char *const verdicts[] = {"accept", "reject", "either", NULL};
static const char *const phases[] = {
	"transport", "container", "footer", "toc-parse", "toc-digest", "structure", "path-policy",
	"chunk-digest", "decompress", "apply", "limits", "document", NULL,
};
static const char *const limits[] = {"cpu_ms", "rss_kib", "out_bytes", NULL};

static char *copy(struct gen_run *r, const struct gen_at *at, const void *p, size_t n)
{
	char *s = gen_arena_copy(r->set->memory, p, n);

	if (!s)
		gen_fail(r, at, "no memory");
	return s;
}

char *gen_word(struct gen_run *r, struct gen_at *at)
{
	const struct gen_token *t = gen_token(at);
	const char *text = at->src->text;
	struct gen_at here = *at;
	struct gen_value v;
	size_t end;

	if (t->kind == GEN_STRING || t->kind == GEN_TEMPLATE) {
		if (gen_expr_bytes(r, at, &v))
			return NULL;
		for (size_t i = 0; i < v.n; i++)
			if (v.p[i] < ' ' || v.p[i] == 0x7f) {
				gen_fail(r, &here, "a field with control characters");
				return NULL;
			}
		return copy(r, &here, v.p, v.n);
	}
	end = t->at + strcspn(text + t->at, " \t\r\n,{}#");
	if (t->kind == GEN_LINE || end == t->at) {
		gen_fail(r, at, "a word expected");
		return NULL;
	}
	while (gen_token(at)->kind != GEN_LINE && gen_token(at)->at < end)
		at->i++;
	return copy(r, &here, text + t->at, end - t->at);
}

static int known(struct gen_run *r, const struct gen_at *at, const char *const *table,
		 const char *word)
{
	for (size_t i = 0; table[i]; i++)
		if (!strcmp(table[i], word))
			return 0;
	return gen_fail(r, at, "unknown word \"%s\"", word);
}

/* A field that stands once. */
static int once(struct gen_run *r, struct gen_at *at, char **field, const char *const *table)
{
	struct gen_at here = *at;

	if (*field)
		return gen_fail(r, at, "the field stands twice");
	*field = gen_word(r, at);
	if (!*field)
		return -1;
	return table ? known(r, &here, table, *field) : 0;
}

static bool at_end(const struct gen_at *at)
{
	return gen_token(at)->kind == GEN_LINE || gen_at_op(at, '}');
}

/* Words up to the end of the line, more of what @list has. */
static int words(struct gen_run *r, struct gen_at *at, char ***list, size_t *n)
{
	struct gen_at here = *at;

	do {
		*list = gen_arena_grow(r->set->memory, *list, *n, sizeof(**list));
		if (!*list)
			return gen_fail(r, &here, "no memory");
		(*list)[*n] = gen_word(r, at);
		if (!(*list)[(*n)++])
			return -1;
		at->i += gen_at_op(at, ',');
	} while (!at_end(at));
	return 0;
}

/* Words up to the end of the line as one text. */
static int joined(struct gen_run *r, struct gen_at *at, char **field, char between,
		  const char *const *table)
{
	struct gen_at here = *at;
	struct gen_out text = {0};
	char **list = NULL;
	size_t n = 0, bytes;
	uint8_t *p;

	if (*field)
		return gen_fail(r, at, "the field stands twice");
	if (words(r, at, &list, &n))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (table && known(r, &here, table, list[i]))
			return -1;
		bytes = strlen(list[i]);
		p = gen_out_room(r->set->memory, &text, bytes + 1);
		if (!p)
			return gen_fail(r, &here, "no memory");
		memcpy(p, list[i], bytes);
		p[bytes] = (uint8_t)(i + 1 < n ? between : '\0');
	}
	*field = (char *)text.p;
	return 0;
}

int gen_field_title(struct gen_run *r, struct gen_at *at)
{
	return once(r, at, &r->draft->title, NULL);
}

int gen_field_format(struct gen_run *r, struct gen_at *at)
{
	return once(r, at, &r->draft->format, formats);
}

int gen_field_op(struct gen_run *r, struct gen_at *at)
{
	return once(r, at, &r->draft->op, ops);
}

int gen_field_clause(struct gen_run *r, struct gen_at *at)
{
	return words(r, at, &r->draft->clause, &r->draft->nclause);
}

int gen_field_code(struct gen_run *r, struct gen_at *at)
{
	return words(r, at, &r->draft->code, &r->draft->ncode);
}

int gen_field_base(struct gen_run *r, struct gen_at *at)
{
	return once(r, at, &r->draft->base, NULL);
}

int gen_field_delta(struct gen_run *r, struct gen_at *at)
{
	return once(r, at, &r->draft->delta, NULL);
}

int gen_field_profile(struct gen_run *r, struct gen_at *at)
{
	return joined(r, at, &r->draft->profile, ' ', NULL);
}

int gen_field_feature(struct gen_run *r, struct gen_at *at)
{
	return words(r, at, &r->draft->feature, &r->draft->nfeature);
}

int gen_field_flag(struct gen_run *r, struct gen_at *at)
{
	return words(r, at, &r->draft->flag, &r->draft->nflag);
}

static int named(struct gen_run *r, struct gen_at *at, struct gen_arg **list, size_t *n)
{
	struct gen_at here = *at;
	struct gen_value v;
	struct gen_arg *a;

	*list = gen_arena_grow(r->set->memory, *list, *n, sizeof(**list));
	if (!*list)
		return gen_fail(r, &here, "no memory");
	a = &(*list)[*n];
	a->name = gen_word(r, at);
	if (!a->name)
		return -1;
	for (size_t i = 0; i < *n; i++)
		if (!strcmp((*list)[i].name, a->name))
			return gen_fail(r, &here, "%s stands twice", a->name);
	at->i += gen_at_op(at, '=');
	if (gen_expr(r, at, &v) || gen_as_text(r, &here, &v))
		return -1;
	a->value = copy(r, &here, v.p, v.n);
	a->n = v.n;
	++*n;
	return a->value ? 0 : -1;
}

int gen_field_arg(struct gen_run *r, struct gen_at *at)
{
	return named(r, at, &r->draft->arg, &r->draft->narg);
}

int gen_field_limit(struct gen_run *r, struct gen_at *at)
{
	struct gen_at here = *at;
	const struct gen_arg *a;

	if (named(r, at, &r->draft->limit, &r->draft->nlimit))
		return -1;
	a = &r->draft->limit[r->draft->nlimit - 1];
	if (!a->n || strspn(a->value, "0123456789") != a->n)
		return gen_fail(r, &here, "limit %s is not an integer", a->name);
	return known(r, &here, limits, a->name);
}

int gen_field_input(struct gen_run *r, struct gen_at *at)
{
	struct gen_vector *d = r->draft;
	struct gen_at here = *at;
	struct gen_value v;
	char *role = gen_word(r, at);

	if (!role || gen_block_bytes(r, at, &v))
		return -1;
	if (!*role || strspn(role, "abcdefghijklmnopqrstuvwxyz-") != strlen(role))
		return gen_fail(r, &here, "a role is a word of small letters");
	d->input = gen_arena_grow(r->set->memory, d->input, d->ninput, sizeof(*d->input));
	if (!d->input)
		return gen_fail(r, &here, "no memory");
	/* the bytes stay in the arena of the work until the vector is complete */
	d->input[d->ninput++] = (struct gen_input){.role = role, .p = (uint8_t *)(uintptr_t)v.p, .n = v.n};
	return 0;
}

int gen_field_expect(struct gen_run *r, struct gen_at *at)
{
	struct gen_vector *d = r->draft;

	if (once(r, at, &d->verdict, verdicts))
		return -1;
	if (!strcmp(d->verdict, "reject"))
		return joined(r, at, &d->phase, ',', phases);
	return strcmp(d->verdict, "either") ? 0 : once(r, at, &d->policy, NULL);
}

int gen_field_tree(struct gen_run *r, struct gen_at *at)
{
	struct gen_vector *d = r->draft;
	struct gen_at here = *at;
	struct gen_value v;
	bool lines;

	if (d->tree || d->tree_of)
		return gen_fail(r, at, "the field stands twice");
	if (gen_at_word(at, "none")) {
		at->i++;
		d->tree = copy(r, &here, "", 0); /* until the vector ends */
		return d->tree ? 0 : -1;
	}
	if (gen_at_word(at, "of")) {
		at->i++;
		return once(r, at, &d->tree_of, NULL);
	}
	lines = gen_at_op(at, '{');
	at->i += lines;
	if (gen_expr_bytes(r, at, &v) || (lines && gen_take_op(r, at, '}')))
		return -1;
	if (!v.n || memchr(v.p, 0, v.n))
		return gen_fail(r, &here, "a tree that is empty, or has a NUL");
	d->tree = copy(r, &here, v.p, v.n);
	return d->tree ? 0 : -1;
}
