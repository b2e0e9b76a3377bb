// SPDX-License-Identifier: MIT
/* lazypull - the reference tool: a table of commands and nothing else. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	const char *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"formats", "list the image formats of this build", lp_cmd_formats},
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	fputs("usage: lazypull COMMAND [OPTION...] [OPERAND...]\n\n", out);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].what);
	fputs("\n`lazypull COMMAND --help` prints its options.\n", out);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < NCOMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].run(argc - 1, argv + 1);
	if (!strcmp(name, "--help") || !strcmp(name, "help")) {
		help(stdout);
		return 0;
	}
	fprintf(stderr, "lazypull: unknown command \"%s\"\n", name);
	help(stderr);
	return 2;
}
