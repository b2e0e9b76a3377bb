/* SPDX-License-Identifier: MIT */
/*
 * knob - the ways in which the embedded registry behaves like real ones, and misbehaves.
 *
 * A knob is NAME or NAME=VALUE; lb_knob_help() prints the table.  "every N" counts the requests
 * that the fault concerns and strikes the Nth, 2Nth, ...: a client that asks again succeeds,
 * unless N is 1.
 */
#ifndef LB_KNOB_H
#define LB_KNOB_H

#include "base/digest.h"

#include <stdio.h>

#define LB_CORRUPT_MAX 16	/* ours */

enum lb_multirange { LB_MULTI_OK, LB_MULTI_400, LB_MULTI_WHOLE };

struct lb_corrupt {
	struct lp_digest digest;	/* of the blob */
	uint64_t off;			/* of the byte in it whose lowest bit is flipped */
};

struct lb_knobs {
	uint64_t token_seconds;	/* 0: no token dance */
	uint64_t token_uses;	/* requests that one token is good for; 0: any number */
	const char *basic;	/* "user:pass", borrowed, or NULL */
	bool redirect;
	uint64_t url_seconds;	/* life of a redirect's URL; 0: for ever */
	uint64_t fail_500;	/* every N; 0: never */
	uint64_t fail_429, retry_seconds;
	uint64_t short_body, reset;
	uint64_t stall, stall_ms;
	uint64_t delay_ms;
	bool whole, shifted_range;
	bool wrong_once;	/* bytes of blobs, the first time that they are sent */
	bool no_referrers;	/* as registries before distribution-spec 1.1 */
	uint64_t head_status;	/* of HEAD on blobs; 0: served */
	enum lb_multirange multirange;
	struct lb_corrupt corrupt[LB_CORRUPT_MAX];
	size_t ncorrupt;
};

/* LP_EUSAGE: no such knob, or not such a value. */
LP_MUST_CHECK enum lp_code lb_knob_set(struct lb_knobs *k, const char *text, struct lp_err *err);

void lb_knob_help(FILE *out);

/* Does some knob make a request wait?  Then each connection needs a thread of its own. */
bool lb_knob_waits(const struct lb_knobs *k);

#endif
