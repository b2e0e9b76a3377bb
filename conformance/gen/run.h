/* SPDX-License-Identifier: MIT */
/*
 * run - the state while one recipe is loaded.
 *
 * A value is an integer or bytes; bytes are never changed once they are a value, so values share
 * them.  A scope is a block: names are looked for outwards, and last among the recipe's own
 * (gen_name.global).
 */
#ifndef GEN_RUN_H
#define GEN_RUN_H

#include "gen/arena.h"
#include "gen/gen.h"

#define GEN_DEPTH 200		/* blocks, calls and parentheses in one another: ours */
#define GEN_STEPS 20000000	/* of a vector; 64 bytes of anything are one: ours */
#define GEN_NAMES 1024		/* buckets */

struct gen_value {
	bool bytes;
	uint64_t i;
	const uint8_t *p;
	size_t n;
};

struct gen_name {
	struct gen_name *next;
	struct gen_macro *macro;	/* or NULL */
	struct gen_value *global;	/* or NULL */
	const struct gen_statement *statement;
	const struct gen_function *function;
	size_t n;
	char text[];
};

struct gen_var {
	struct gen_var *next;
	const struct gen_name *name;
	struct gen_value value;
};

struct gen_scope {
	struct gen_scope *outer;	/* where names are looked for next, or NULL */
	struct gen_scope *caller;	/* where `export` puts its values */
	bool frame;			/* of a call or of a block of bytes: `export` ends here */
	struct gen_var *var;
};

/* Bytes as a value; its p is never NULL. */
static inline struct gen_value gen_value_of(const void *p, size_t n)
{
	return (struct gen_value){.bytes = true, .p = n ? p : (const void *)"", .n = n};
}

/* Where the recipe is being read. */
struct gen_at {
	struct gen_source *src;
	size_t i;		/* of a token */
};

struct gen_run {
	char *error;
	size_t room;
	bool failed;
	const char *directory;		/* of recipes, or NULL: no includes */
	const char *only;		/* id of the only vector to make, or NULL */
	struct gen_set *set;
	struct gen_arena keep;		/* text, tokens, names, what stands outside of vectors */
	struct gen_arena work;		/* of the vector that is being made */
	struct gen_arena *arena;	/* one of the two */
	struct gen_name *bucket[GEN_NAMES];
	struct gen_source **source;	/* those included */
	size_t nsource;
	struct gen_scope *scope;	/* NULL: outside of blocks */
	struct gen_out *out;		/* where bytes go, or NULL */
	struct gen_vector *draft;	/* the vector that is being made, or NULL */
	unsigned depth, mute;		/* mute: what is read has no effect */
	uint64_t steps;
};

/* gen_fail - the first failure's text is kept; returns -1. */
__attribute__((format(printf, 3, 4), cold))
int gen_fail(struct gen_run *r, const struct gen_at *at, const char *fmt, ...);

/* The same for a line that is known. */
__attribute__((format(printf, 4, 5), cold))
int gen_fail_line(struct gen_run *r, const char *file, unsigned line, const char *fmt, ...);

/* gen_step - count 1 + @bytes / 64 steps; fails when there were too many. */
int gen_step(struct gen_run *r, const struct gen_at *at, size_t bytes);

/* gen_get - @n bytes of the arena in use; NULL: @r has failed. */
void *gen_get(struct gen_run *r, const struct gen_at *at, size_t n);

/* gen_var_find - the value of @name; NULL: there is none. */
struct gen_value *gen_var_find(const struct gen_run *r, const struct gen_name *name);

/* gen_var_put - define @name in @scope, or anew; in none: among the recipe's own. */
int gen_var_put(struct gen_run *r, const struct gen_at *at, struct gen_scope *scope,
		struct gen_name *name, const struct gen_value *v);

/* gen_var_set - change the value that @name has in @scope or around it; false: it has none. */
bool gen_var_set(struct gen_scope *scope, const struct gen_name *name, const struct gen_value *v);

#endif
