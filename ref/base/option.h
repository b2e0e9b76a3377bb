/* SPDX-License-Identifier: MIT */
/*
 * option - one table of options per command: parsing, and the text of --help, come from it.
 *
 *	static const struct lp_option table[] = {
 *		{"to", 't', LP_OPT_TEXT, offsetof(struct args, to), "WORD", "format to write"},
 *		{"json", 0, LP_OPT_FLAG, offsetof(struct args, json), NULL, "data as JSON"},
 *		{0},
 *	};
 *
 * getopt_long underneath.  An unknown option, a missing or wrong value: LP_EUSAGE, one line
 * that names the option and what it accepts.  No environment, no configuration files.
 */
#ifndef LP_OPTION_H
#define LP_OPTION_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum lp_option_type {
	LP_OPT_FLAG,		/* bool *: true */
	LP_OPT_TEXT,		/* const char **: borrowed from argv */
	LP_OPT_LIST,		/* struct lp_option_list *: may be given again and again */
	LP_OPT_COUNT,		/* uint64_t *: decimal */
	LP_OPT_BYTES,		/* uint64_t *: "64k", "1M", "2G" (1024) */
	LP_OPT_NS,		/* uint64_t *: "20ms", "1.5s", "2m" */
	LP_OPT_CHOICE,		/* unsigned *: index of the word in choices */
};

#define LP_OPTION_LIST 64	/* ours */

struct lp_option_list {
	const char *text[LP_OPTION_LIST];
	size_t n;
};

struct lp_option {
	const char *name;	/* NULL ends the table */
	char letter;		/* or 0 */
	enum lp_option_type type;
	size_t at;		/* offset in the command's struct */
	const char *value;	/* "FILE": shown in help; LP_OPT_CHOICE: "auto|fuse|extract" */
	const char *help;	/* one line */
};

enum lp_option_order {
	LP_OPT_PERMUTE,		/* options anywhere */
	LP_OPT_STOP,		/* stop at the first operand: run, record */
};

struct lp_usage {
	const char *program;	/* "lazypull run" */
	const char *operands;	/* "IMAGE [COMMAND [ARG...]]" */
	const char *what;	/* one line */
	const struct lp_option *table;
	enum lp_option_order order;
	int least, most;	/* operands; most -1: any number */
};

/*
 * lp_option_parse - read argv[1...] into @args (a struct with the table's offsets).
 *
 * @operand  out: index in argv of the first operand (argv is permuted)
 * @help     out: --help was given: nothing else was checked
 *
 * LP_EUSAGE
 */
LP_MUST_CHECK enum lp_code lp_option_parse(const struct lp_usage *u, int argc, char **argv,
					   void *args, int *operand, bool *help,
					   struct lp_err *err);

/* What --help prints. */
void lp_option_help(const struct lp_usage *u, FILE *out);

#endif
