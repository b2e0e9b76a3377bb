/* SPDX-License-Identifier: MIT */
/*
 * command - the commands of lazybench, one row each in lazybench.c.
 *
 * A command gets its own argv (argv[0] is its name) and returns the exit status: 0 yes, 1 the
 * answer is no, 2 usage, 3 could not find out.
 */
#ifndef LB_COMMAND_H
#define LB_COMMAND_H

int lb_cmd_gate(int argc, char **argv);
int lb_cmd_publish(int argc, char **argv);
int lb_cmd_registry(int argc, char **argv);
int lb_cmd_report(int argc, char **argv);
int lb_cmd_run(int argc, char **argv);
int lb_cmd_systems(int argc, char **argv);
int lb_cmd_walk(int argc, char **argv);
int lb_cmd_workloads(int argc, char **argv);

#endif
