// SPDX-License-Identifier: MIT
#include "mount/link.h"

#include "testing/test.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 5000

/* A question, and what came of it. */
struct question {
	struct lp_wait wait;
	_Atomic int done;		/* times */
	enum lp_code code;
	int sys;
};

static void over(struct lp_wait *w, enum lp_code code, int sys)
{
	struct question *q = (struct question *)w;

	q->code = code;
	q->sys = sys;
	q->done++;
}

static bool becomes_done(struct question *q)
{
	for (int i = 0; i < WAIT_MS && !q->done; i++)
		poll(NULL, 0, 1);
	return q->done == 1;
}

static void ask(struct lp_link *l, struct question *q, uint32_t op, uint64_t off)
{
	struct lp_msg m = {.op = op, .off = off};

	*q = (struct question){.wait = {.done = over}};
	lp_link_ask(l, &q->wait, &m, -1);
}

/* A worker's end; the link's is in @l. */
static int hire(struct lp_link *l)
{
	struct lp_err err = {0};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	CHECK(!lp_link_renew(l, pair[0], &err), "%s", err.msg);
	return pair[1];
}

static bool hear(int worker, struct lp_msg *m)
{
	struct pollfd p = {.fd = worker, .events = POLLIN};

	return poll(&p, 1, WAIT_MS) == 1 && recv(worker, m, sizeof(*m), 0) == sizeof(*m);
}

static void answer(int worker, const struct lp_msg *m, enum lp_code code)
{
	struct lp_msg done = {.op = LP_MSG_DONE, .id = m->id, .status = (uint32_t)code};

	CHECK(send(worker, &done, sizeof(done), 0) == sizeof(done), "an answer");
}

static bool wait_for(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	eventfd_t n;

	return poll(&p, 1, WAIT_MS) == 1 && !eventfd_read(fd, &n);
}

/* Reads and fills are asked again of the next worker, oldest first; calls end with the last. */
static void outlive(struct lp_link *l, int died)
{
	struct question read1, read2, fill, count;
	struct lp_msg m = {.op = 0};
	int worker;

	ask(l, &read1, LP_MSG_WANT, 1);
	ask(l, &count, LP_MSG_COUNT, 0);
	CHECK(count.done == 1 && count.sys == EIO, "a call needs a worker");
	worker = hire(l);
	ask(l, &read2, LP_MSG_WANT, 2);
	lp_link_resume(l);
	CHECK(hear(worker, &m) && m.off == 1, "what was asked before there was a worker is asked");
	CHECK(hear(worker, &m) && m.off == 2, "what was asked while it got to know its devices too");
	ask(l, &fill, LP_MSG_FILL, 3);
	ask(l, &count, LP_MSG_COUNT, 0);
	CHECK(hear(worker, &m) && m.off == 3 && hear(worker, &m), "and what comes later");
	close(worker);
	CHECK(wait_for(died) && becomes_done(&count) && count.sys == EIO, "a call ends with it");
	CHECK(lp_link_state(l) == LP_LINK_DOWN && !read1.done && !fill.done, "reads wait");
	worker = hire(l);
	lp_link_resume(l);
	for (uint64_t off = 1; off <= 3; off++) {
		CHECK(hear(worker, &m) && m.off == off, "question %llu is asked again",
		      (unsigned long long)off);
		answer(worker, &m, off == 2 ? LP_EDIGEST : LP_OK);
	}
	CHECK(becomes_done(&read1) && !read1.code && becomes_done(&fill) && !fill.code, "answered");
	CHECK(becomes_done(&read2) && read2.code == LP_EDIGEST, "also with a failure");
	answer(worker, &m, LP_OK);
	ask(l, &read1, LP_MSG_WANT, 9);
	CHECK(hear(worker, &m) && m.off == 9 && !read1.done, "an answer that nobody waits for is none");
	lp_link_close(l);
	CHECK(becomes_done(&read1) && read1.sys == EIO, "at the end everything ends");
	ask(l, &read1, LP_MSG_WANT, 9);
	CHECK(read1.done == 1 && read1.sys == EIO, "and at once from then on");
	close(worker);
}

/* The worker says what no worker says: it is hung up on. */
static void babble(struct lp_link *l, int died)
{
	static const char words[] = "nonsense";
	struct lp_msg m = {.op = 0};
	struct question read1;
	int worker = hire(l);

	lp_link_resume(l);
	ask(l, &read1, LP_MSG_WANT, 1);
	CHECK(hear(worker, &m) && send(worker, words, sizeof(words), 0) > 0, "nonsense is sent");
	CHECK(wait_for(died) && lp_link_state(l) == LP_LINK_DOWN && !read1.done, "it is hung up on");
	close(worker);
	lp_link_close(l);
	CHECK(read1.done == 1, "the read ended");
}

int main(void)
{
	int died = eventfd(0, EFD_CLOEXEC), again = eventfd(0, EFD_CLOEXEC);
	struct lp_err err = {0};
	struct lp_link l;

	CHECK(!lp_link_open(&l, died, &err), "%s", err.msg);
	outlive(&l, died);
	lp_link_free(&l);
	CHECK(!lp_link_open(&l, again, &err), "%s", err.msg);
	babble(&l, again);
	lp_link_free(&l);
	close(died);
	close(again);
	return test_done();
}
