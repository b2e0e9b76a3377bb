// SPDX-License-Identifier: MIT
#include "base/thread.h"

#include <errno.h>
#include <signal.h>

enum lp_code lp_thread_start(pthread_t *thread, void *(*run)(void *), void *arg,
			     struct lp_err *err)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc = pthread_attr_init(&attr);

	if (!rc) {
		pthread_attr_setstacksize(&attr, LP_THREAD_STACK);
		sigfillset(&all);
		/* It is born with the mask of its maker. */
		pthread_sigmask(SIG_SETMASK, &all, &before);
		rc = pthread_create(thread, &attr, run, arg);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		pthread_attr_destroy(&attr);
	}
	errno = rc;
	return rc ? lp_fail_errno(err, "start a thread") : LP_OK;
}
