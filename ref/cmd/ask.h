/* SPDX-License-Identifier: MIT */
/*
 * ask - one request to `lazypull adapter`: from a command line, or a line of JSON.
 *
 * Specification: conformance/docs/PROTOCOL.md
 */
#ifndef LP_ASK_H
#define LP_ASK_H

#include "base/json.h"

#include <stdbool.h>

#define LP_ASK_INPUTS 64	/* ours */
#define LP_ASK_ARGS 64		/* ours */
#define LP_ASK_BYTES ((size_t)16 << 20)	/* PROTOCOL.md, "Limits": of a line */

struct lp_ask_pair {
	const char *name, *value;	/* of an input: its role, the file */
};

/* {0} is valid and empty.  Texts are borrowed from argv, or from document. */
struct lp_ask {
	const char *op, *format;
	struct lp_ask_pair input[LP_ASK_INPUTS]; /* the first, then the others by role */
	size_t ninput;
	struct lp_ask_pair arg[LP_ASK_ARGS];
	size_t narg;
	bool full;		/* --flag=full */
	bool served;		/* it came as a line */
	json_t *seq;		/* borrowed; NULL: none */
	json_t *document;	/* owned */
};

/* `OP --in=FILE --format=F [--ROLE=FILE] [--NAME=VALUE]`: @argv[0] is OP.  LP_EUSAGE */
LP_MUST_CHECK enum lp_code lp_ask_argv(struct lp_ask *a, int argc, char **argv,
				       struct lp_err *err);

/* The line @text.  lp_ask_free() in any case; a->seq is there if the line had one.  LP_EUSAGE */
LP_MUST_CHECK enum lp_code lp_ask_json(struct lp_ask *a, const char *text, size_t n,
				       struct lp_err *err);
void lp_ask_free(struct lp_ask *a);

/* The argument @name, or NULL. */
const char *lp_ask_arg(const struct lp_ask *a, const char *name);

#endif
