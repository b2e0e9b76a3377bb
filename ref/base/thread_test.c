// SPDX-License-Identifier: MIT
#include "base/thread.h"

#include "testing/test.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void *wait_for_end(void *arg)
{
	_Atomic bool *end = arg;

	while (!*end)
		poll(NULL, 0, 1);
	return NULL;
}

int main(void)
{
	_Atomic bool end = false;
	struct signalfd_siginfo got;
	struct lp_err err = {0};
	pthread_t thread;
	sigset_t chld;
	int fd, seen = 0;

	if (!CHECK(!lp_thread_start(&thread, wait_for_end, &end, &err), "a thread starts %s", err.msg))
		return test_done();
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &chld, NULL);
	fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	for (int i = 0; i < 100; i++) {
		kill(getpid(), SIGCHLD);
		seen += read(fd, &got, sizeof(got)) == sizeof(got);
	}
	CHECK(seen == 100, "%d of 100 signals reach whoever waits for them", seen);
	end = true;
	pthread_join(thread, NULL);
	close(fd);
	return test_done();
}
