/* SPDX-License-Identifier: MIT */
/*
 * proxy - a source in one process whose bytes come from a source in another.
 *
 * Both ends are the same program after a fork, joined by a SOCK_STREAM pair.  Asks are
 * {op, n, off, blob}; answers are {code, n} and n bytes, or an error.  A stream is a row of
 * answers that ends with an empty one.
 */
#ifndef LP_PROXY_H
#define LP_PROXY_H

#include "fetch/source.h"

#define LP_PROXY_READ_MAX ((size_t)16 << 20)	/* bytes in one answer; more is asked in parts */
#define LP_PROXY_PIECE ((size_t)256 << 10)	/* bytes in one piece of a stream */

enum lp_proxy_op { LP_PROXY_READ = 1, LP_PROXY_STREAM, LP_PROXY_RESULT, LP_PROXY_FAILURE };

struct lp_proxy_ask {
	uint32_t op;		/* enum lp_proxy_op */
	uint32_t n;		/* READ: bytes wanted; RESULT, FAILURE: bytes that follow */
	uint64_t off;
	uint32_t blob;		/* READ, STREAM: of which; else 0 */
	uint32_t pad;
};

/* An error on its way; its rule as text. */
struct lp_proxy_error {
	uint32_t code;
	int32_t sys;
	uint64_t at;
	char rule[96], msg[300];
};

void lp_proxy_pack(const struct lp_err *err, struct lp_proxy_error *out);

/* What @in says, into @err.  Returns err->code; nonsense becomes LP_ESYSTEM. */
enum lp_code lp_proxy_unpack(const struct lp_proxy_error *in, struct lp_err *err);

/* Move exactly @n bytes over the socket.  LP_ESHORT: the other end is gone. */
LP_MUST_CHECK enum lp_code lp_proxy_send(int fd, const void *p, size_t n, struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_proxy_receive(int fd, void *p, size_t n, struct lp_err *err);

/* The asking end: a source of blob @blob, which has @bytes bytes; @fd is borrowed. */
LP_MUST_CHECK enum lp_code lp_proxy_source(struct lp_source *s, int fd, uint32_t blob,
					   uint64_t bytes, struct lp_err *err);

/* The answering end, for one READ or STREAM ask; the reader of a stream is @stream. */
LP_MUST_CHECK enum lp_code lp_proxy_answer_read(int fd, struct lp_source *from,
						const struct lp_proxy_ask *ask,
						struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_proxy_answer_stream(int fd, struct lp_reader *stream,
						  struct lp_err *err);

#endif
