/* SPDX-License-Identifier: MIT */
/*
 * wire - packets between a command, the keeper and its worker: SOCK_SEQPACKET.
 *
 *	command <--JSON, descriptors--> keeper <--struct lp_msg, descriptors--> worker
 *
 * A packet arrives whole or not at all.  Text too long for a packet, and whatever must not
 * be seen in one, travels in a memfd.
 */
#ifndef LP_WIRE_H
#define LP_WIRE_H

#include "base/json.h"

#define LP_WIRE_MAX ((size_t)64 << 10)	/* bytes of a packet, ours */
#define LP_WIRE_FDS 4			/* descriptors of a packet, ours */

struct lp_packet {
	uint8_t *p;			/* where the bytes are */
	size_t bytes;			/* to send; received: 0 at the end of the connection */
	int fd[LP_WIRE_FDS];		/* to send: borrowed; received: the caller's */
	size_t nfd;
};

/*
 * One packet.  lp_wire_recv: @p->p has room for @max bytes; waits for at most @timeout_ms
 * (-1: for ever).
 *
 * LP_ESYSTEM  sys is ETIMEDOUT: nothing came
 * LP_EFORMAT  mount.control.message: a packet above @max or with too many descriptors
 */
LP_MUST_CHECK enum lp_code lp_wire_send(int socket, const struct lp_packet *p,
					struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_wire_recv(int socket, struct lp_packet *p, size_t max,
					int timeout_ms, struct lp_err *err);
void lp_packet_close(struct lp_packet *p);	/* the received descriptors */

/* The same with a JSON value: *out is NULL at the end of the connection.  @fds: p's only. */
LP_MUST_CHECK enum lp_code lp_wire_send_json(int socket, const json_t *j,
					     const struct lp_packet *fds, struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_wire_recv_json(int socket, int timeout_ms, json_t **out,
					     struct lp_packet *fds, struct lp_err *err);

/* A failure as the members error, sys, rule, message of a new object, and back. */
json_t *lp_wire_failure(const struct lp_err *err);
/* LP_OK if @j has no member "error", else what it says, in @err. */
LP_MUST_CHECK enum lp_code lp_wire_verdict(const json_t *j, struct lp_err *err);

/* @n bytes in a new memfd that nobody can change any more. */
LP_MUST_CHECK enum lp_code lp_wire_memfd(const void *p, size_t n, int *fd, struct lp_err *err);

/* What the keeper and its worker say to each other. */
enum lp_msg_op {
	LP_MSG_GIVE = 1,	/* device: the descriptor that its data is to be written by */
	LP_MSG_ATTACH,		/* devices, given before, and where they come from: a memfd of JSON */
	LP_MSG_WANT,		/* device, off, bytes at priority value[0] */
	LP_MSG_PREFETCH,	/* a memfd of struct lp_msg_run: one after the other */
	LP_MSG_FILL,		/* the whole device, yielding to everything else */
	LP_MSG_DROP,		/* device: nobody uses it any more */
	LP_MSG_COUNT,		/* value: see struct lp_worker_count */
	LP_MSG_DONE,		/* the answer to all of them: id, status, sys */
};

struct lp_msg {
	uint32_t op;		/* enum lp_msg_op */
	uint32_t device;	/* the keeper's number of it */
	uint64_t id;		/* the question's, in the answer too */
	uint64_t off, bytes;	/* on the device */
	uint32_t status;	/* enum lp_code */
	int32_t sys;		/* lp_err.sys */
	uint64_t value[3];
};

struct lp_msg_run {
	uint32_t device;	/* the keeper's number */
	uint32_t pad;
	uint64_t off, bytes;
};

_Static_assert(sizeof(struct lp_msg) == 64, "design.md 10.6: fixed 64-byte messages");

LP_MUST_CHECK enum lp_code lp_msg_send(int socket, const struct lp_msg *m, int fd,
				       struct lp_err *err);	/* fd -1: none */

#endif
