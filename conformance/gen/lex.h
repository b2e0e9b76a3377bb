/* SPDX-License-Identifier: MIT */
/*
 * lex - a recipe's text as tokens, its braces matched.
 *
 *	"a${n + 1}b"   GEN_TEMPLATE GEN_LITERAL(a) n + 1 GEN_PART GEN_LITERAL(b) GEN_TEMPLATE_END
 *
 * A line break is a token, but not inside of parentheses nor behind a comma.
 */
#ifndef GEN_LEX_H
#define GEN_LEX_H

#include "gen/run.h"

enum gen_kind {
	GEN_EOF,
	GEN_LINE,
	GEN_WORD,
	GEN_NUMBER,
	GEN_STRING,
	GEN_TEMPLATE,
	GEN_LITERAL,
	GEN_PART,
	GEN_TEMPLATE_END,
	GEN_OP,		/* .op: the character, or two of them: first << 8 | second */
};

#define GEN_OP2(a, b) ((unsigned)(a) << 8 | (unsigned)(b))

struct gen_token {
	enum gen_kind kind;
	unsigned op, line;
	size_t at;			/* where it begins in the text */
	size_t match;			/* of { : the index of its } */
	struct gen_name *name;		/* of a word */
	const uint8_t *p;		/* of a string, a literal, a number */
	size_t n;
};

struct gen_source {
	const char *file;
	const char *text;		/* a NUL behind it */
	size_t n;
	struct gen_token *tok;		/* the last one is GEN_EOF */
	size_t ntok;
};

/* gen_lex - fill in @s->tok. */
int gen_lex(struct gen_run *r, struct gen_source *s);

/* gen_name - the one name with this text; NULL: no memory, and @r has failed. */
struct gen_name *gen_name(struct gen_run *r, const char *p, size_t n);

#endif
