/* SPDX-License-Identifier: MIT */
/*
 * thread - a thread of ours: a small stack, and no signal is ever delivered to it.
 *
 * A signal goes to any thread that does not block it: one that forgot to would swallow the
 * SIGCHLD that a signalfd of another thread waits for.
 */
#ifndef LP_THREAD_H
#define LP_THREAD_H

#include "base/err.h"

#include <pthread.h>

#define LP_THREAD_STACK (256 << 10)	/* bytes, ours: our largest frame is 64 KiB, curl and a TLS
					 * handshake take about 60 */

/* @thread is the caller's to join. */
LP_MUST_CHECK enum lp_code lp_thread_start(pthread_t *thread, void *(*run)(void *), void *arg,
					   struct lp_err *err);

#endif
