/* SPDX-License-Identifier: MIT */
/*
 * container - one run of a bundle, from create to the exit status: signals and terminal passed
 * on, nothing of it left.
 */
#ifndef LP_CONTAINER_H
#define LP_CONTAINER_H

#include "base/log.h"

struct lp_container {
	const char *id;
	bool terminal;			/* -t */
	bool interactive;		/* -i */
	struct lp_events events;	/* created started exited */
};

/*
 * lp_container_run - run the bundle in the working directory.
 *
 * The calling thread blocks the signals that it passes on.
 *
 * @status  out: the exit status, or 128 + the signal
 *
 * Errors of lp_runtime_create()
 */
LP_MUST_CHECK enum lp_code lp_container_run(const struct lp_container *c, int *status,
					    struct lp_err *err);

#endif
