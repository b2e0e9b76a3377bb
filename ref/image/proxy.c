// SPDX-License-Identifier: MIT
#include "image/proxy.h"

#include "base/rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct answer {
	uint32_t code;	/* 0, or an lp_proxy_error follows */
	uint32_t n;	/* bytes that follow */
};

struct proxy {
	struct lp_reader reader;	/* of the stream */
	int fd;
	uint32_t blob;
	size_t piece_left;		/* of the current answer */
	bool ended;
};

void lp_proxy_pack(const struct lp_err *err, struct lp_proxy_error *out)
{
	*out = (struct lp_proxy_error){.code = err->code, .sys = err->sys, .at = err->at};
	snprintf(out->rule, sizeof(out->rule), "%s", err->rule ? err->rule : "");
	snprintf(out->msg, sizeof(out->msg), "%s", err->msg);
}

enum lp_code lp_proxy_unpack(const struct lp_proxy_error *in, struct lp_err *err)
{
	char rule[sizeof(in->rule) + 1] = {0};
	enum lp_code code = in->code && in->code <= LP_ELIMIT ? in->code : LP_ESYSTEM;

	memcpy(rule, in->rule, sizeof(in->rule));
	lp_fail(err, code, in->at, lp_rule_find(rule), "%.*s", (int)sizeof(in->msg), in->msg);
	err->sys = in->sys;
	return code;
}

enum lp_code lp_proxy_send(int fd, const void *p, size_t n, struct lp_err *err)
{
	const uint8_t *at = p;

	while (n) {
		ssize_t rc = send(fd, at, n, MSG_NOSIGNAL);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0 && (errno == EPIPE || errno == ECONNRESET))
			return lp_fail(err, LP_ESHORT, LP_NO_OFFSET, NULL, "the other end is gone");
		if (rc < 0)
			return lp_fail_errno(err, "send");
		at += rc;
		n -= (size_t)rc;
	}
	return LP_OK;
}

enum lp_code lp_proxy_receive(int fd, void *p, size_t n, struct lp_err *err)
{
	uint8_t *at = p;

	while (n) {
		ssize_t rc = recv(fd, at, n, MSG_WAITALL);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc == 0 || (rc < 0 && errno == ECONNRESET))
			return lp_fail(err, LP_ESHORT, LP_NO_OFFSET, NULL, "the other end is gone");
		if (rc < 0)
			return lp_fail_errno(err, "receive");
		at += rc;
		n -= (size_t)rc;
	}
	return LP_OK;
}

/* The head of the next answer; an error in it becomes ours. */
static enum lp_code receive_head(int fd, struct answer *a, struct lp_err *err)
{
	struct lp_proxy_error e;

	if (lp_proxy_receive(fd, a, sizeof(*a), err))
		return err->code;
	if (!a->code)
		return LP_OK;
	if (lp_proxy_receive(fd, &e, sizeof(e), err))
		return err->code;
	return lp_proxy_unpack(&e, err);
}

static enum lp_code proxy_read(struct lp_source *s, uint64_t off, void *p, size_t n,
			       struct lp_err *err)
{
	struct proxy *x = s->state;
	uint8_t *at = p;

	while (n) {
		size_t part = n < LP_PROXY_READ_MAX ? n : LP_PROXY_READ_MAX;
		struct lp_proxy_ask ask = {LP_PROXY_READ, (uint32_t)part, off, x->blob, 0};
		struct answer a;

		if (lp_proxy_send(x->fd, &ask, sizeof(ask), err) || receive_head(x->fd, &a, err) ||
		    lp_proxy_receive(x->fd, at, part, err))
			return err->code;
		at += part;
		off += part;
		n -= part;
	}
	return LP_OK;
}

static enum lp_code stream_read(struct lp_reader *r, void *p, size_t n, size_t *got,
				struct lp_err *err)
{
	struct proxy *x = (struct proxy *)r;

	*got = 0;
	if (!x->piece_left && !x->ended) {
		struct answer a;

		if (receive_head(x->fd, &a, err))
			return err->code;
		x->piece_left = a.n;
		x->ended = !a.n;
	}
	if (x->ended)
		return LP_OK;
	*got = n < x->piece_left ? n : x->piece_left;
	x->piece_left -= *got;
	return lp_proxy_receive(x->fd, p, *got, err);
}

static enum lp_code proxy_stream(struct lp_source *s, struct lp_reader **out, struct lp_err *err)
{
	struct proxy *x = s->state;
	struct lp_proxy_ask ask = {.op = LP_PROXY_STREAM, .blob = x->blob};

	x->piece_left = 0;
	x->ended = false;
	*out = &x->reader;
	return lp_proxy_send(x->fd, &ask, sizeof(ask), err);
}

static void proxy_free(struct lp_source *s)
{
	free(s->state);
}

static const struct lp_source_ops proxy_ops = {
	.name = "proxy",
	.read = proxy_read,
	.stream = proxy_stream,
	.free = proxy_free,
};

enum lp_code lp_proxy_source(struct lp_source *s, int fd, uint32_t blob, uint64_t bytes,
			     struct lp_err *err)
{
	struct proxy *x = calloc(1, sizeof(*x));

	if (!x)
		return lp_fail_errno(err, "a proxy source");
	*x = (struct proxy){.reader = {stream_read}, .fd = fd, .blob = blob};
	*s = (struct lp_source){.ops = &proxy_ops, .bytes = bytes, .state = x};
	return LP_OK;
}

static enum lp_code answer_failure(int fd, const struct lp_err *failure, struct lp_err *err)
{
	struct answer a = {.code = failure->code};
	struct lp_proxy_error e;

	lp_proxy_pack(failure, &e);
	if (lp_proxy_send(fd, &a, sizeof(a), err) || lp_proxy_send(fd, &e, sizeof(e), err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_proxy_answer_read(int fd, struct lp_source *from, const struct lp_proxy_ask *ask,
				  struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct answer a = {.n = ask->n};
	struct lp_err failure = {0};

	if (lp_buf_reserve(&b, ask->n, LP_PROXY_READ_MAX, &failure) ||
	    lp_source_read(from, ask->off, b.p, ask->n, &failure))
		return answer_failure(fd, &failure, err);
	if (lp_proxy_send(fd, &a, sizeof(a), err) || lp_proxy_send(fd, b.p, ask->n, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_proxy_answer_stream(int fd, struct lp_reader *stream, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_err failure = {0};
	struct answer a = {0};
	size_t got = 0;

	if (lp_buf_reserve(&b, LP_PROXY_PIECE, LP_PROXY_PIECE, err))
		return err->code;
	do {
		if (lp_read(stream, b.p, LP_PROXY_PIECE, &got, &failure))
			return answer_failure(fd, &failure, err);
		a.n = (uint32_t)got;
		if (lp_proxy_send(fd, &a, sizeof(a), err) || lp_proxy_send(fd, b.p, got, err))
			return err->code;
	} while (got);
	return LP_OK;
}
