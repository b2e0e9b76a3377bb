/* SPDX-License-Identifier: MIT */
/*
 * runtime - an OCI runtime as a program: crun, or runc where crun refuses the host.
 *
 *	create --> the container's first process waits --> start --> it runs --> delete
 *
 * The process is adopted by whoever called lp_runtime_adopt(), so that its status is known.
 * Everything the runtime writes lies below the container's directory, which is the working
 * directory of the caller: config.json, pid, log, state/.
 *
 * Specification: OCI runtime-spec 1.0.2, runtime.md
 */
#ifndef LP_RUNTIME_H
#define LP_RUNTIME_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct lp_runtime {
	const char *id;		/* of the container; borrowed */
	const char *console;	/* path of a socket for the terminal, or NULL */
	bool stdin_open;	/* else it gets /dev/null */
	bool runc;		/* crun was not there, or refused the host */
};

/* Become the reaper of orphans below this process. */
LP_MUST_CHECK enum lp_code lp_runtime_adopt(struct lp_err *err);

/*
 * lp_runtime_create - returns when the container waits for its start.
 *
 * @pid  out: of its first process
 *
 * LP_EMISSING  mount.runtime.command: the command is not there (status 127)
 * LP_EFORMAT   mount.runtime.command: it cannot be executed (status 126)
 * LP_EUNSUP    neither crun nor runc is installed
 * LP_ESYSTEM   the runtime failed; its own words are on stderr
 */
LP_MUST_CHECK enum lp_code lp_runtime_create(struct lp_runtime *r, pid_t *pid,
					     struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_runtime_start(struct lp_runtime *r, struct lp_err *err);

/* Remove what the runtime keeps outside of the container's directory; kill what is left. */
void lp_runtime_delete(struct lp_runtime *r);

#endif
