// SPDX-License-Identifier: MIT
#include "gen/lex.h"

#include "gen/function.h"
#include "gen/statement.h"

#include <string.h>

struct lexer {
	struct gen_run *r;
	struct gen_source *s;
	size_t i;			/* in the text */
	unsigned line, parens;
	size_t brace[GEN_DEPTH], nbrace; /* tokens: { without a } so far */
};

static int token(struct lexer *l);

static int fail(struct lexer *l, const char *what)
{
	return gen_fail_line(l->r, l->s->file, l->line, "%s", what);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct gen_name *gen_name(struct gen_run *r, const char *p, size_t n)
{
	struct gen_name **at, *name;
	size_t h = 5381;

	for (size_t i = 0; i < n; i++)
		h = h * 33 + (uint8_t)p[i];
	for (at = &r->bucket[h % GEN_NAMES]; *at; at = &(*at)->next)
		if ((*at)->n == n && !memcmp((*at)->text, p, n))
			return *at;
	name = gen_arena_get(&r->keep, sizeof(*name) + n + 1);
	if (!name) {
		gen_fail_line(r, "recipe", 0, "no memory");
		return NULL;
	}
	memcpy(name->text, p, n);
	name->n = n;
	name->statement = gen_statement_find(name->text);
	name->function = gen_function_find(name->text);
	*at = name;
	return name;
}

static struct gen_token *add(struct lexer *l, enum gen_kind kind)
{
	struct gen_source *s = l->s;

	s->tok = gen_arena_grow(&l->r->keep, s->tok, s->ntok, sizeof(*s->tok));
	if (!s->tok) {
		fail(l, "no memory");
		return NULL;
	}
	s->tok[s->ntok] = (struct gen_token){.kind = kind, .line = l->line, .at = l->i};
	return &s->tok[s->ntok++];
}

static int add_text(struct lexer *l, enum gen_kind kind, const struct gen_out *text)
{
	struct gen_token *t = add(l, kind);

	if (!t)
		return -1;
	t->p = text->p;
	t->n = text->n;
	return 0;
}

static int put(struct lexer *l, struct gen_out *text, char c)
{
	uint8_t *p = gen_out_room(&l->r->keep, text, 1);

	if (!p)
		return fail(l, "no memory");
	*p = (uint8_t)c;
	return 0;
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at && (is_digit(c) || is_word(c)) ? (int)(at - digits) : -1;
}

static int escape(struct lexer *l, struct gen_out *text)
{
	static const char from[] = "ntr0\\\"'$", to[] = "\n\t\r\0\\\"'$";
	const char *p = l->s->text + l->i + 1;
	const char *at = *p ? strchr(from, *p) : NULL;

	if (at) {
		l->i += 2;
		return put(l, text, to[at - from]);
	}
	if (*p != 'x' || nibble(p[1]) < 0 || nibble(p[2]) < 0)
		return fail(l, "unknown escape in a string");
	l->i += 4;
	return put(l, text, (char)(nibble(p[1]) << 4 | nibble(p[2])));
}

static void skip_blanks(struct lexer *l)
{
	while (l->s->text[l->i] == ' ' || l->s->text[l->i] == '\t')
		l->i++;
}

/* What stands in ${ }, the text before it being @text so far. */
static int part(struct lexer *l, struct gen_out *text)
{
	if (++l->r->depth > GEN_DEPTH)
		return fail(l, "too deep");
	if (add_text(l, GEN_LITERAL, text))
		return -1;
	*text = (struct gen_out){0};
	l->i += 2;
	for (skip_blanks(l); l->s->text[l->i] != '}'; skip_blanks(l)) {
		if (l->s->text[l->i] == '\n' || l->s->text[l->i] == '{' || l->i >= l->s->n)
			return fail(l, "${ without a }");
		if (token(l))
			return -1;
	}
	l->i++;
	l->r->depth--;
	return add(l, GEN_PART) ? 0 : -1;
}

/* The token at @first becomes the string, or the beginning of a template, that ends here. */
static int finish(struct lexer *l, size_t first, const struct gen_out *text)
{
	if (l->s->ntok == first + 1) {
		l->s->tok[first].kind = GEN_STRING;
		l->s->tok[first].p = text->p;
		l->s->tok[first].n = text->n;
		return 0;
	}
	return add_text(l, GEN_LITERAL, text) || !add(l, GEN_TEMPLATE_END) ? -1 : 0;
}

/* "..." with escapes, '...' without; ${ } in both. */
static int string(struct lexer *l)
{
	const char *text = l->s->text;
	char quote = text[l->i];
	struct gen_out out = {0};
	size_t first = l->s->ntok;
	int rc;

	if (!add(l, GEN_TEMPLATE))
		return -1;
	for (l->i++; text[l->i] != quote;) {
		if (text[l->i] == '\n' || l->i >= l->s->n)
			return fail(l, "a string without an end");
		if (text[l->i] == '$' && text[l->i + 1] == '{')
			rc = part(l, &out);
		else if (text[l->i] == '\\' && quote == '"')
			rc = escape(l, &out);
		else
			rc = put(l, &out, text[l->i++]);
		if (rc)
			return -1;
	}
	l->i++;
	return finish(l, first, &out);
}

/* Is the line at @i a } and nothing else? */
static bool closes(const char *p)
{
	p += strspn(p, " \t");
	if (*p++ != '}')
		return false;
	p += strspn(p, " \t\r");
	return !*p || *p == '\n';
}

/* Lines as they are, their indentation aside, up to the line that is a }. */
static int raw(struct lexer *l)
{
	const char *text = l->s->text;
	struct gen_out out = {0};
	size_t first = l->s->ntok;
	int rc;

	if (!add(l, GEN_TEMPLATE))
		return -1;
	l->i += strspn(text + l->i, " \t\r");
	if (text[l->i++] != '\n')
		return fail(l, "lines begin behind the line of the {");
	for (l->line++; !closes(text + l->i); l->line++) {
		skip_blanks(l);
		for (rc = 0; !rc && l->i < l->s->n && text[l->i] != '\n';) {
			if (text[l->i] == '$' && text[l->i + 1] == '{')
				rc = part(l, &out);
			else
				rc = put(l, &out, text[l->i++]);
		}
		if (!rc && l->i >= l->s->n)
			rc = fail(l, "a { without a }");
		if (rc || put(l, &out, text[l->i++]))
			return -1;
	}
	return finish(l, first, &out);
}

static bool raw_next(const struct gen_source *s)
{
	const struct gen_token *t = s->tok + s->ntok - 1; /* the { */

	return s->ntok > 1 && t[-1].kind == GEN_WORD &&
	       (s->ntok == 2 || t[-2].kind == GEN_LINE || t[-2].op == '{') &&
	       (!strcmp(t[-1].name->text, "tree") || !strcmp(t[-1].name->text, "lines"));
}

static int brace(struct lexer *l, char c)
{
	struct gen_source *s = l->s;
	size_t here = s->ntok - 1;

	if (c == '{') {
		if (l->nbrace == GEN_DEPTH)
			return fail(l, "too deep");
		l->brace[l->nbrace++] = here;
		return raw_next(s) ? raw(l) : 0;
	}
	if (!l->nbrace)
		return fail(l, "a } without a {");
	s->tok[l->brace[--l->nbrace]].match = here;
	return 0;
}

static int operator(struct lexer *l)
{
	static const char two[] = "<<>>==!=<=>=&&||";
	const char *p = l->s->text + l->i;
	struct gen_token *t = add(l, GEN_OP);

	if (!t)
		return -1;
	t->op = (uint8_t)*p;
	for (size_t i = 0; two[i]; i += 2)
		if (p[0] == two[i] && p[1] == two[i + 1])
			t->op = GEN_OP2(p[0], p[1]);
	l->i += t->op > 255 ? 2 : 1;
	if (*p == '(')
		l->parens++;
	else if (*p == ')' && l->parens)
		l->parens--;
	return *p == '{' || *p == '}' ? brace(l, *p) : 0;
}

static int line(struct lexer *l)
{
	const struct gen_token *last = l->s->ntok ? &l->s->tok[l->s->ntok - 1] : NULL;
	int rc = 0;

	if (!l->parens && last && last->kind != GEN_LINE && last->op != ',')
		rc = add(l, GEN_LINE) ? 0 : -1;
	l->i++;
	l->line++;
	return rc;
}

/* One token more; @l->i is not at a blank, nor at the end. */
static int token(struct lexer *l)
{
	const char *text = l->s->text;
	size_t from = l->i, to = from;
	struct gen_token *t;

	if (text[from] == '"' || text[from] == '\'')
		return string(l);
	if (!is_word(text[from]) && !is_digit(text[from]))
		return operator(l);
	while (is_word(text[to]) || is_digit(text[to]))
		to++;
	t = add(l, is_digit(text[from]) ? GEN_NUMBER : GEN_WORD);
	if (!t)
		return -1;
	t->p = (const uint8_t *)text + from;
	t->n = to - from;
	l->i = to;
	if (t->kind == GEN_WORD)
		t->name = gen_name(l->r, text + from, to - from);
	return l->r->failed ? -1 : 0;
}

int gen_lex(struct gen_run *r, struct gen_source *s)
{
	struct lexer l = {.r = r, .s = s, .line = 1};
	int rc = 0;

	for (skip_blanks(&l); !rc && l.i < s->n; skip_blanks(&l)) {
		if (s->text[l.i] == '#')
			l.i += strcspn(s->text + l.i, "\n");
		else if (s->text[l.i] == '\r')
			l.i++;
		else if (!s->text[l.i])
			rc = fail(&l, "a NUL byte");
		else
			rc = s->text[l.i] == '\n' ? line(&l) : token(&l);
	}
	if (!rc && l.parens)
		rc = fail(&l, "a ( without a )");
	if (!rc && l.nbrace) {
		l.line = s->tok[l.brace[l.nbrace - 1]].line;
		rc = fail(&l, "a { without a }");
	}
	return rc || !add(&l, GEN_LINE) || !add(&l, GEN_EOF) ? -1 : 0;
}
