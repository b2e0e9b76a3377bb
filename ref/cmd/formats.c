// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "format/format.h"

#include <stdio.h>

int lp_cmd_formats(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (size_t i = 0; lp_formats[i]; i++)
		printf("%-10s %s\n", lp_formats[i]->name, lp_formats[i]->spec);
	return 0;
}
