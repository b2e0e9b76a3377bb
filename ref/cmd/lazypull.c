// SPDX-License-Identifier: MIT
/* lazypull - the reference tool: a table of commands and nothing else. */
#include "cmd/cmd.h"

#include "base/version.h"

#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	const char *what;	/* NULL: not for people */
	int (*run)(int argc, char **argv);
} commands[] = {
	{"pull", "make an image part of the store", lp_cmd_pull},
	{"push", "copy an image, byte for byte", lp_cmd_push},
	{"convert", "write an image in another format", lp_cmd_convert},
	{"inspect", "show what an image is made of", lp_cmd_inspect},
	{"tree", "print a file tree as canonical JSON lines", lp_cmd_tree},
	{"check", "verify everything of an image", lp_cmd_check},
	{"cat", "print files of an image", lp_cmd_cat},
	{"mount", "mount an image", lp_cmd_mount},
	{"umount", "unmount an image", lp_cmd_umount},
	{"run", "run a command in a new container", lp_cmd_run},
	{"record", "run, and list what is read", lp_cmd_record},
	{"status", "show what is mounted and fetched", lp_cmd_status},
	{"ls", "list the images of the store", lp_cmd_ls},
	{"prune", "remove what is not needed", lp_cmd_prune},
	{"keeper", NULL, lp_cmd_keeper},
	{"adapter", "answer the conformance suite", lp_cmd_adapter},
	{"formats", "list the image formats of this build", lp_cmd_formats},
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	fputs("usage: lazypull COMMAND [OPTION...] [OPERAND...]\n\n", out);
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (commands[i].what)
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
	if (!strcmp(name, "--version")) {
		puts("lazypull " LP_VERSION);
		return 0;
	}
	fprintf(stderr, "lazypull: unknown command \"%s\"\n", name);
	help(stderr);
	return 2;
}
