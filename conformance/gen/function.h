/* SPDX-License-Identifier: MIT */
/* function - what an expression may call: name, number of arguments, what it gives. */
#ifndef GEN_FUNCTION_H
#define GEN_FUNCTION_H

#include "gen/run.h"

#define GEN_ARGS 64	/* of a function or a macro: ours */

struct gen_function {
	const char *name;
	unsigned least, most;
	/* one letter an argument, the last one for all that follow: b bytes, i integer */
	const char *types;
	int (*run)(struct gen_run *r, const struct gen_at *at, const struct gen_value *arg,
		   size_t narg, struct gen_value *out);
};

/* gen_function_find - NULL: there is none of this name. */
const struct gen_function *gen_function_find(const char *name);

/* gen_cat - @n byte strings as one. */
int gen_cat(struct gen_run *r, const struct gen_at *at, const struct gen_value *arg, size_t n,
	    struct gen_value *out);

/* gen_put_int - the @bytes low bytes of @v. */
void gen_put_int(uint8_t *p, uint64_t v, unsigned bytes, bool big);

/* gen_unhex - bytes of pairs of digits, blanks between them allowed. */
int gen_unhex(struct gen_run *r, const struct gen_at *at, const struct gen_value *text,
	      struct gen_value *out);

#endif
