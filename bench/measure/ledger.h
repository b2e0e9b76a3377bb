/* SPDX-License-Identifier: MIT */
/*
 * ledger - requests and bytes of one run, by phase, from the registry's log: the truth about
 * the network whatever the system under test says.
 *
 * A request belongs to the phase in which it began; what begins after the workload was ready
 * is counted apart.
 */
#ifndef LB_LEDGER_H
#define LB_LEDGER_H

#include "base/buf.h"

#include <stdbool.h>

enum lb_phase { LB_PULL, LB_CREATE, LB_RUN, LB_AFTER, LB_PHASES };

struct lb_ledger {
	struct {
		uint64_t requests, body_bytes;
	} phase[LB_PHASES];
	uint64_t blob_bytes;	/* body bytes of blobs, all phases */
	uint64_t connections;
	uint64_t failed;	/* status of 400 and more, but 401: the token dance */
	uint64_t cut;		/* not complete */
};

/*
 * lb_ledger_read - the lines of @path from *@off on.
 *
 * @off   moved behind the last whole line
 * @ends  [LB_PHASES - 1]: the ns at which pull, create and run ended
 *
 * LP_EFORMAT: not such a log
 */
LP_MUST_CHECK enum lp_code lb_ledger_read(const char *path, uint64_t *off,
					  const uint64_t ends[static LB_PHASES - 1],
					  struct lb_ledger *out, struct lp_err *err);

/* The word in records: "pull", "create", "run", "after". */
const char *lb_phase_word(enum lb_phase p);

#endif
