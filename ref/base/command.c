// SPDX-License-Identifier: MIT
#include "base/command.h"

#include "base/log.h"
#include "base/version.h"

#include <string.h>

static void help(const char *program, const struct lp_command *command, size_t n, FILE *out)
{
	fprintf(out, "usage: %s COMMAND [OPTION...] [OPERAND...]\n\n", program);
	for (size_t i = 0; i < n; i++)
		if (command[i].what)
			fprintf(out, "  %-9s %s\n", command[i].name, command[i].what);
	fprintf(out, "\n`%s COMMAND --help` prints its options.\n", program);
}

int lp_command_main(const char *program, const struct lp_command *command, size_t n, int argc,
		    char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < n; i++)
		if (!strcmp(command[i].name, name))
			return command[i].run(argc - 1, argv + 1);
	if (!strcmp(name, "--help") || !strcmp(name, "help")) {
		help(program, command, n, stdout);
		return 0;
	}
	if (!strcmp(name, "--version")) {
		printf("%s %s\n", program, LP_VERSION);
		return 0;
	}
	fprintf(stderr, "%s: unknown command \"%s\"\n", program, name);
	help(program, command, n, stderr);
	return 2;
}

bool lp_command_parse(const struct lp_usage *u, int argc, char **argv, void *args, int *operand,
		      int *status)
{
	struct lp_err err = {0};
	bool wants_help = false;

	*status = 0;
	if (lp_option_parse(u, argc, argv, args, operand, &wants_help, &err)) {
		*status = lp_command_end(u, err.code, &err, false);
		return false;
	}
	if (wants_help)
		lp_option_help(u, stdout);
	return !wants_help;
}

int lp_command_end(const struct lp_usage *u, enum lp_code code, const struct lp_err *err,
		   bool json)
{
	if (code)
		lp_log_failure(u->program, err, json);
	return lp_exit_status(code);
}
