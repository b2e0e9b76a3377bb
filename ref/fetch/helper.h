/* SPDX-License-Identifier: MIT */
/*
 * helper - run a program that answers one question: text in, text out, in bounded time.
 *
 * Docker's credential helpers are such programs.  What they print is kept out of logs.
 */
#ifndef LP_HELPER_H
#define LP_HELPER_H

#include "base/buf.h"

#define LP_HELPER_MAX ((size_t)64 << 10)	/* bytes of output, ours */

/*
 * lp_helper_run - start @argv[0], found through PATH, give it @input, collect its output.
 *
 * @timeout_ms  until it has ended; then it is killed
 * @out         at most LP_HELPER_MAX bytes; a program that writes more is killed
 * @status      out: its exit status
 *
 * LP_ESYSTEM  cannot be started, or does not end in time, or was killed
 * LP_ELIMIT   wrote more than LP_HELPER_MAX
 */
LP_MUST_CHECK enum lp_code lp_helper_run(char *const argv[], const char *input,
					 unsigned timeout_ms, struct lp_buf *out, int *status,
					 struct lp_err *err);

#endif
