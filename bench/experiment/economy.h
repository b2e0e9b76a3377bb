/* SPDX-License-Identifier: MIT */
/*
 * economy - what does a start cost the network, and what does serving cost in memory?
 *
 * Variable: the implementation.  Held fixed: the blobs (ours), the policy, the registry, a cold
 * store.  Requests and body bytes are those that the registry saw from the command's start to
 * the first line of output.
 *
 *	optimised       prefetch on both sides, of the image in its recorded order
 *	unoptimised     no prefetch on either side, of the image as converted
 *	memory          anonymous memory of keeper and worker, mounted and after the task
 *	memory-files    the same after every byte of an image of 50 000 files was read
 */
#ifndef LB_ECONOMY_H
#define LB_ECONOMY_H

#include "experiment/session.h"

/* LP_EMISSING: a peer or an image is not there.  LP_ESYSTEM: the laboratory failed. */
LP_MUST_CHECK enum lp_code lb_economy(struct lb_session *s, struct lb_run_options *o,
				      struct lp_err *err);

#endif
