/* SPDX-License-Identifier: MIT */
/*
 * command - a program that is a table of commands, and how each of them begins and ends.
 *
 *	main --name--> command --options--> work --error--> one line, exit status
 */
#ifndef LP_COMMAND_H
#define LP_COMMAND_H

#include "base/option.h"

struct lp_command {
	const char *name;
	const char *what;	/* a line of help; NULL: not for people */
	int (*run)(int argc, char **argv);	/* argv[0] is the name; returns the exit status */
};

/*
 * lp_command_main - run the command that @argv[1] names among @command[@n].
 *
 * --help and `help` list them, --version says @program's; anything else is 2 and the list.
 */
int lp_command_main(const char *program, const struct lp_command *command, size_t n, int argc,
		    char **argv);

/*
 * lp_command_parse - options of @u into @args; prints the help, or what is wrong.
 *
 * @operand  out: where in @argv the operands begin
 * @status   out, when it returns false: what the command returns
 */
LP_MUST_CHECK bool lp_command_parse(const struct lp_usage *u, int argc, char **argv, void *args,
				    int *operand, int *status);

/* Say what failed, if anything did, as JSON if so asked; the exit status of the command. */
int lp_command_end(const struct lp_usage *u, enum lp_code code, const struct lp_err *err,
		   bool json);

#endif
