/* SPDX-License-Identifier: MIT */
/* statement - the table of all statements: one row each, in which places, and who runs it. */
#ifndef GEN_STATEMENT_H
#define GEN_STATEMENT_H

#include "gen/run.h"

enum {
	GEN_IN_FILE = 1,	/* outside of all blocks */
	GEN_IN_VECTOR = 2,	/* in a vector, outside of its bytes */
	GEN_IN_BYTES = 4,	/* where bytes are made */
};

struct gen_statement {
	const char *name;
	unsigned where;
	/* @at is behind the name, and at the end of the statement afterwards */
	int (*run)(struct gen_run *r, struct gen_at *at);
};

/* gen_statement_find - NULL: there is none of this name. */
const struct gen_statement *gen_statement_find(const char *name);

/* gen_statement - run the one at @at and go behind it; the end of its line stays. */
int gen_statement(struct gen_run *r, struct gen_at *at);

#endif
