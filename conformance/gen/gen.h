/* SPDX-License-Identifier: MIT */
/*
 * gen - the generator: text recipes become test vectors.
 *
 *	recipes/FORMAT/AREA.rcp --gen_load--> struct gen_set: fields, inputs, digest of each vector
 *
 * The language stands in docs/RECIPES.md.  Nothing here is shared with what is judged: no line
 * of ref/, own hashes but SHA-2.  The same recipes give the same bytes everywhere: no clock, no
 * chance, no compressor.  Functions return 0, or -1 with one line "file:line: what" in @error.
 */
#ifndef GEN_H
#define GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEN_HUGE ((size_t)1 << 20)	/* bytes of a vector: above, they are not kept */
#define GEN_MAX ((size_t)64 << 20)	/* bytes of a vector at most: ours */

struct gen_input {
	char *role;	/* layer, bootstrap, blob...; several of a name are numbered: blob1, blob2 */
	uint8_t *p;	/* NULL in a huge vector */
	size_t n;
};

struct gen_arg {
	char *name;
	char *value;	/* bytes with a NUL behind them; an integer is in decimal */
	size_t n;
};

struct gen_vector {
	char *id, *title, *format, *op;
	char *base, *delta;	/* or NULL */
	char *verdict;		/* accept, reject, either */
	char *policy;		/* of either; or NULL */
	char *phase;		/* of reject: one or more with commas between; or NULL */
	char *profile;		/* one or more with spaces between */
	char *file;		/* the recipe, below the directory: "oci/tar.rcp" */
	char *tree;		/* the canonical tree's text, or NULL: only the verdict counts */
	char *tree_of;		/* the id of the vector whose tree it is, or NULL: its own */
	unsigned line;		/* in @file: where the vector begins */
	char **clause, **code, **feature, **flag;
	size_t nclause, ncode, nfeature, nflag;
	struct gen_arg *arg, *limit;
	size_t narg, nlimit;
	struct gen_input *input;
	size_t ninput;
	char sha256[65];	/* over all inputs in order: role, NUL, length as le64, bytes */
	uint64_t size;		/* bytes of all inputs together */
	bool huge;		/* above GEN_HUGE: gen_bytes() makes the inputs again */
};

struct gen_set {
	struct gen_vector *v;	/* sorted by id */
	size_t n;
	struct gen_arena *memory;	/* everything that @v points to */
};

/* gen_load - all vectors of the *.rcp below @directory, but for those of its lib/. */
int gen_load(struct gen_set *set, const char *directory, char *error, size_t room);

/* gen_load_text - those of @n bytes of text instead; @name stands in messages.  No includes. */
int gen_load_text(struct gen_set *set, const char *name, const char *text, size_t n, char *error,
		  size_t room);

/* gen_bytes - @v of gen_load(@directory) alone, with its bytes however many: @one has it at [0]. */
int gen_bytes(struct gen_set *one, const struct gen_vector *v, const char *directory, char *error,
	      size_t room);

/* gen_free - @set is empty afterwards; it may be so before. */
void gen_free(struct gen_set *set);

#endif
