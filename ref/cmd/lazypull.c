// SPDX-License-Identifier: MIT
/* lazypull - the reference tool: a table of commands and nothing else. */
#include "cmd/cmd.h"

#include "base/command.h"

static const struct lp_command commands[] = {
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

int main(int argc, char **argv)
{
	return lp_command_main("lazypull", commands, sizeof(commands) / sizeof(commands[0]), argc,
			       argv);
}
