/* SPDX-License-Identifier: MIT */
/*
 * request - what a command asks of the keeper, as JSON and descriptors.
 */
#ifndef LP_REQUEST_H
#define LP_REQUEST_H

#include "mount/served.h"
#include "mount/wire.h"

/* The words of --prefetch and of the requests, in the order of enum lp_policy. */
#define LP_POLICY_WORDS "none|async|wait"

/* Write a mount request: @what->document gets the members, @fds the descriptors (borrowed). */
LP_MUST_CHECK enum lp_code lp_serve_write(const struct lp_serve *what, struct lp_packet *fds,
					  struct lp_err *err);

/* LP_EFORMAT  mount.control.message.  @out borrows from @j and @fds. */
LP_MUST_CHECK enum lp_code lp_serve_read(json_t *j, const struct lp_packet *fds,
					 struct lp_serve *out, struct lp_err *err);

#endif
