/* SPDX-License-Identifier: MIT */
/*
 * hello - how long does it take from naming an image to its workload being ready?
 *
 * Hypothesis: lazily pulled, in no more than the time that the bytes of the task need.
 * Variable: the system (format, mount, policy).  Held fixed: image, task, machine, registry,
 * a cold store, a warm registry.  Falsified by a ratio to ref/oci/extract whose interval
 * holds 1.
 *
 * Every round visits every cell once, in a shuffled order; some rounds at the beginning are
 * not counted.  A control cell, warm and without a network, shows how the machine drifts.
 */
#ifndef LB_HELLO_H
#define LB_HELLO_H

#include "experiment/session.h"

/* LP_EMISSING: nothing to run.  LP_ESYSTEM: the laboratory failed; what was measured is kept. */
LP_MUST_CHECK enum lp_code lb_hello(struct lb_session *s, struct lb_run_options *o,
				    struct lp_err *err);

#endif
