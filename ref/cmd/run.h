/* SPDX-License-Identifier: MIT */
/* run - what run and record share: an image, a writable layer, a container, its status. */
#ifndef LP_RUN_H
#define LP_RUN_H

#include "cmd/rootfs.h"

#define LP_RUN_FAILED 125	/* docker's: we failed, not the container */
#define LP_RUN_NO_EXEC 126
#define LP_RUN_NO_COMMAND 127

struct lp_run_args {
	struct lp_common common;
	struct lp_rootfs_args rootfs;
	struct lp_option_list env, volume;
	const char *workdir, *user, *name, *hostname, *entrypoint;
	unsigned net;
	bool interactive, tty, read_only, rm;
	const char *out;		/* record: where the list goes */
};

#define LP_RUN_OPTIONS(type)                                                                   \
	{"env", 'e', LP_OPT_LIST, offsetof(type, env), "NAME[=VALUE]", "set a variable"},      \
	{"volume", 'v', LP_OPT_LIST, offsetof(type, volume), "HOST:CONTAINER[:ro]",            \
	 "bind a directory or file"},                                                          \
	{"workdir", 'w', LP_OPT_TEXT, offsetof(type, workdir), "DIR", "where the command runs"}, \
	{"user", 'u', LP_OPT_TEXT, offsetof(type, user), "USER[:GROUP]", "who runs it"},       \
	{"interactive", 'i', LP_OPT_FLAG, offsetof(type, interactive), NULL,                   \
	 "pass standard input on"},                                                            \
	{"tty", 't', LP_OPT_FLAG, offsetof(type, tty), NULL, "give it a terminal"},            \
	{"net", 0, LP_OPT_CHOICE, offsetof(type, net), "host|none", "the network it sees"},    \
	{"entrypoint", 0, LP_OPT_TEXT, offsetof(type, entrypoint), "COMMAND",                  \
	 "instead of the image's"},                                                            \
	{"hostname", 0, LP_OPT_TEXT, offsetof(type, hostname), "NAME", "its host name"},       \
	{"name", 0, LP_OPT_TEXT, offsetof(type, name), "NAME", "what the runtime calls it"},   \
	{"read-only", 0, LP_OPT_FLAG, offsetof(type, read_only), NULL,                         \
	 "nothing of the image can be written over"},                                          \
	{"rm", 0, LP_OPT_FLAG, offsetof(type, rm), NULL, "leave nothing (always so)"}

/* Run; @status is the command's exit status, whether it failed or the container ended. */
LP_MUST_CHECK enum lp_code lp_run(struct lp_run_args *a, char *const *operand, size_t noperand,
				  int *status, struct lp_err *err);

/* The exit status of @code: 126, 127, else 125. */
int lp_run_status(enum lp_code code, const struct lp_err *err);

#endif
