// SPDX-License-Identifier: MIT
#include "image/parse.h"

#include "base/file.h"
#include "image/proxy.h"
#include "image/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RULE_DIED "image.parser.died"
#define RULE_RESULT "image.parser.result"
/* The parent's view of a pass. */
struct pass {
	struct lp_parse *parse;
	struct lp_source *blob;		/* [nblob] */
	size_t nblob;
	struct lp_reader reader;	/* tells progress */
	struct lp_reader *from;
	bool streamed, ended;		/* a stream was begun, was passed on to its end */
	struct lp_err digest;		/* code 0: and it was what the descriptor promised */
};

static enum lp_code send_result(int fd, const struct lp_buf *result, struct lp_err *err)
{
	struct lp_proxy_ask ask = {.op = LP_PROXY_RESULT, .n = (uint32_t)result->len};

	if (lp_proxy_send(fd, &ask, sizeof(ask), err) ||
	    lp_proxy_send(fd, result->p, result->len, err))
		return err->code;
	return LP_OK;
}

static enum lp_code confine(const struct lp_parse *p, int fd, struct lp_err *err)
{
	int *keep = calloc(p->nkeep + 1, sizeof(*keep));
	struct lp_sandbox s = {.keep = keep, .nkeep = p->nkeep + 1, .dir = p->dir,
			       .threads = p->threads};

	if (!keep)
		return lp_fail_errno(err, "%zu descriptors", p->nkeep);
	keep[0] = fd;
	for (size_t i = 0; i < p->nkeep; i++)
		keep[i + 1] = p->keep[i];
	return lp_sandbox_enter(&s, err);
}

static enum lp_code open_proxies(const struct pass *pass, int fd, struct lp_source **out,
				 struct lp_err *err)
{
	*out = calloc(pass->nblob, sizeof(**out));
	if (!*out)
		return lp_fail_errno(err, "%zu blobs", pass->nblob);
	for (size_t i = 0; i < pass->nblob; i++)
		if (lp_proxy_source(&(*out)[i], fd, (uint32_t)i, pass->blob[i].bytes, err))
			return err->code;
	return LP_OK;
}

/* The child's life; it frees nothing. */
static void child(const struct pass *pass, int fd)
{
	struct lp_parse *p = pass->parse;
	struct lp_source *blob = NULL;
	struct lp_buf result = {0};
	struct lp_err err = {0}, gone;

	if (confine(p, fd, &err) || open_proxies(pass, fd, &blob, &err) ||
	    p->run(p, blob, &result, &err)) {
		struct lp_proxy_ask ask = {.op = LP_PROXY_FAILURE,
					   .n = sizeof(struct lp_proxy_error)};
		struct lp_proxy_error e;

		lp_proxy_pack(&err, &e);
		if (!lp_proxy_send(fd, &ask, sizeof(ask), &gone) &&
		    !lp_proxy_send(fd, &e, sizeof(e), &gone))
			_exit(1);
		_exit(2);
	}
	_exit(send_result(fd, &result, &err) ? 2 : 0);
}

static enum lp_code tell_progress(struct lp_reader *r, void *p, size_t n, size_t *got,
				  struct lp_err *err)
{
	struct pass *pass = (struct pass *)((char *)r - offsetof(struct pass, reader));

	if (lp_read(pass->from, p, n, got, err))
		return err->code;
	if (pass->parse->progress)
		pass->parse->progress(pass->parse, *got);
	return LP_OK;
}

/* Pass the whole blob to the child; what its digest was is remembered. */
static enum lp_code answer_stream(struct pass *pass, int fd, struct lp_err *err)
{
	const struct lp_digest *want = &pass->parse->layer->digest;
	LP_AUTO(lp_hash_reader_free) struct lp_hash_reader hash = {.hash = {.ctx = NULL}};
	struct lp_digest got;
	uint64_t rest;

	if (pass->streamed)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "a second stream");
	pass->streamed = true;
	pass->reader.read = tell_progress;
	if (lp_source_stream(pass->blob, &pass->from, err) ||
	    lp_hash_reader_open(&hash, &pass->reader, want->alg, err) ||
	    lp_proxy_answer_stream(fd, &hash.reader, err) ||
	    lp_read_rest(&hash.reader, &rest, err))
		return err->code;
	lp_hash_end(&hash.hash, &got);
	pass->ended = true;
	pass->digest.code = lp_digest_check(&got, want, LP_NO_OFFSET, "oci.layer.digest",
					    "the blob", &pass->digest);
	return LP_OK;
}

static enum lp_code receive_result(int fd, uint32_t n, struct lp_buf *result, struct lp_err *err)
{
	if (n > LP_PARSE_RESULT_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT,
			       "a result of %u bytes", n);
	if (lp_buf_reserve(result, n, LP_PARSE_RESULT_MAX, err) ||
	    lp_proxy_receive(fd, result->p, n, err))
		return err->code;
	result->len = n;
	return LP_OK;
}

/* Answer the child until it has a result or fails. */
static enum lp_code serve(struct pass *pass, int fd, struct lp_buf *result, struct lp_err *err)
{
	struct lp_proxy_ask ask;
	struct lp_proxy_error e;
	enum lp_code rc;

	for (;;) {
		if (lp_proxy_receive(fd, &ask, sizeof(ask), err))
			return err->code;
		if (ask.blob >= (ask.op == LP_PROXY_READ ? pass->nblob : 1))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "blob %u",
				       ask.blob);
		switch (ask.op) {
		case LP_PROXY_READ:
			rc = lp_proxy_answer_read(fd, &pass->blob[ask.blob], &ask, err);
			break;
		case LP_PROXY_STREAM:
			rc = answer_stream(pass, fd, err);
			break;
		case LP_PROXY_RESULT:
			return receive_result(fd, ask.n, result, err);
		case LP_PROXY_FAILURE:
			rc = lp_proxy_receive(fd, &e, sizeof(e), err);
			return rc ? rc : lp_proxy_unpack(&e, err);
		default:
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "ask %u", ask.op);
		}
		if (rc == LP_ESHORT) /* it may have said why before it stopped listening */
			rc = LP_OK;
		if (rc)
			return rc;
	}
}

/* The child's end, and the verdict. */
static enum lp_code conclude(struct pass *pass, pid_t pid, enum lp_code rc, struct lp_err *err)
{
	int status = 0;

	if (rc)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pass->ended && pass->digest.code) {
		*err = pass->digest;
		return err->code;
	}
	if (!rc && pass->streamed && !pass->ended)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT,
			       "the parser stopped before the end of the blob");
	if (rc == LP_ESHORT && err->at == LP_NO_OFFSET)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DIED,
			       "the parser died (wait status %d)", status);
	return rc;
}

enum lp_code lp_parse_run(struct lp_parse *p, struct lp_source *blob, size_t nblob,
			  struct lp_buf *result, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int ours = -1, theirs = -1;
	struct pass pass = {.parse = p, .blob = blob, .nblob = nblob};
	const int ahead = 4 * LP_PROXY_PIECE;
	int pair[2];
	enum lp_code rc;
	pid_t pid;

	result->len = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return lp_fail_errno(err, "socketpair");
	/* A few pieces ahead: both ends work at a time.  Where that is refused it is slower. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &ahead, sizeof(ahead));
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return lp_fail_errno(err, "fork");
	if (!pid)
		child(&pass, theirs);
	lp_fd_close(&theirs);
	rc = conclude(&pass, pid, serve(&pass, ours, result, err), err);
	if (rc)
		result->len = 0;
	return rc;
}
