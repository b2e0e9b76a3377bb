/* SPDX-License-Identifier: MIT */
/*
 * command - the commands of lazyconf, one row each in lazyconf.c.
 *
 * A command gets its own argv (argv[0] is its name) and returns the exit status: 0 yes, 1 the
 * answer is no, 2 usage, 3 could not find out.
 */
#ifndef LC_COMMAND_H
#define LC_COMMAND_H

int lc_cmd_gen(int argc, char **argv);
int lc_cmd_lint(int argc, char **argv);
int lc_cmd_list(int argc, char **argv);
int lc_cmd_report(int argc, char **argv);
int lc_cmd_run(int argc, char **argv);
int lc_cmd_serve(int argc, char **argv);
int lc_cmd_sweep(int argc, char **argv);

#endif
