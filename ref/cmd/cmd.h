/* SPDX-License-Identifier: MIT */
/*
 * cmd - the commands of lazypull: one file each, one row each in lazypull.c.
 *
 * A command gets its own argv (argv[0] is its name) and returns the exit status: 0 yes, 1 the
 * answer is no, 2 usage, 3 could not find out; `run` passes the container's on, `adapter` has
 * lazyconf's.
 */
#ifndef LP_CMD_H
#define LP_CMD_H

#define LP_VERSION "0.1.0"

int lp_cmd_adapter(int argc, char **argv);
int lp_cmd_cat(int argc, char **argv);
int lp_cmd_check(int argc, char **argv);
int lp_cmd_convert(int argc, char **argv);
int lp_cmd_formats(int argc, char **argv);
int lp_cmd_inspect(int argc, char **argv);
int lp_cmd_keeper(int argc, char **argv);
int lp_cmd_ls(int argc, char **argv);
int lp_cmd_mount(int argc, char **argv);
int lp_cmd_prune(int argc, char **argv);
int lp_cmd_pull(int argc, char **argv);
int lp_cmd_push(int argc, char **argv);
int lp_cmd_record(int argc, char **argv);
int lp_cmd_run(int argc, char **argv);
int lp_cmd_status(int argc, char **argv);
int lp_cmd_tree(int argc, char **argv);
int lp_cmd_umount(int argc, char **argv);

#endif
