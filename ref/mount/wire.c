// SPDX-License-Identifier: MIT
#include "mount/wire.h"

#include "base/file.h"
#include "base/rule.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RULE "mount.control.message"
#define NCODES (LP_ELIMIT + 1)

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(LP_WIRE_FDS * sizeof(int))];
};

enum lp_code lp_wire_send(int socket, const struct lp_packet *p, struct lp_err *err)
{
	struct iovec iov = {.iov_base = p->p, .iov_len = p->bytes};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control c = {0};
	ssize_t rc;

	if (p->nfd) {
		m.msg_control = c.room;
		m.msg_controllen = CMSG_SPACE(p->nfd * sizeof(int));
		c.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(p->nfd * sizeof(int)),
					   .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&c.align), p->fd, p->nfd * sizeof(int));
	}
	do {
		rc = sendmsg(socket, &m, MSG_NOSIGNAL);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return lp_fail_errno(err, "send a message");
	return LP_OK;
}

static void take_fds(struct msghdr *m, struct lp_packet *p)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		p->nfd = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(p->fd, CMSG_DATA(h), p->nfd * sizeof(int));
	}
}

enum lp_code lp_wire_recv(int socket, struct lp_packet *p, size_t max, int timeout_ms,
			  struct lp_err *err)
{
	struct iovec iov = {.iov_base = p->p, .iov_len = max};
	union control c = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room,
			   .msg_controllen = sizeof(c.room)};
	struct pollfd poller = {.fd = socket, .events = POLLIN};
	ssize_t rc;

	p->nfd = 0;
	p->bytes = 0;
	do {
		rc = poll(&poller, 1, timeout_ms);
		if (!rc) {
			errno = ETIMEDOUT;
			return lp_fail_errno(err, "receive a message");
		}
		rc = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0 && errno == ECONNRESET)
		return LP_OK;
	if (rc < 0)
		return lp_fail_errno(err, "receive a message");
	take_fds(&m, p);
	p->bytes = (size_t)rc;
	if (!(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return LP_OK;
	lp_packet_close(p);
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "a message is too long");
}

void lp_packet_close(struct lp_packet *p)
{
	for (size_t i = 0; i < p->nfd; i++)
		lp_fd_close(&p->fd[i]);
	p->nfd = 0;
}

enum lp_code lp_wire_send_json(int socket, const json_t *j, const struct lp_packet *fds,
			       struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_packet p = fds ? *fds : (struct lp_packet){0};

	if (lp_json_print(j, &text, LP_WIRE_MAX, err))
		return err->code;
	p.p = text.p;
	p.bytes = text.len;
	return lp_wire_send(socket, &p, err);
}

enum lp_code lp_wire_recv_json(int socket, int timeout_ms, json_t **out,
			       struct lp_packet *fds, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	*out = NULL;
	if (lp_buf_reserve(&text, LP_WIRE_MAX, LP_WIRE_MAX, err))
		return err->code;
	fds->p = text.p;
	if (lp_wire_recv(socket, fds, LP_WIRE_MAX, timeout_ms, err))
		return err->code;
	fds->p = NULL;
	if (fds->bytes && lp_json_parse(text.p, fds->bytes, RULE, out, err)) {
		lp_packet_close(fds);
		return err->code;
	}
	return LP_OK;
}

json_t *lp_wire_failure(const struct lp_err *err)
{
	json_t *j = json_pack("{s:s, s:i, s:s%}", "error", lp_code_name(err->code), "sys", err->sys,
			      "message", err->msg, strlen(err->msg));

	if (j && err->rule)
		json_object_set_new(j, "rule", json_string(err->rule));
	return j;
}

enum lp_code lp_wire_verdict(const json_t *j, struct lp_err *err)
{
	const char *error = NULL, *message = NULL, *rule = NULL;
	enum lp_code code = LP_ESYSTEM;

	if (lp_json_string(j, "error", LP_JSON_OPTIONAL, RULE, &error, err) ||
	    lp_json_string(j, "message", LP_JSON_OPTIONAL, RULE, &message, err) ||
	    lp_json_string(j, "rule", LP_JSON_OPTIONAL, RULE, &rule, err))
		return err->code;
	if (!error)
		return LP_OK;
	for (enum lp_code c = LP_EUSAGE; c < NCODES; c++)
		if (!strcmp(lp_code_name(c), error))
			code = c;
	lp_fail(err, code, LP_NO_OFFSET, rule ? lp_rule_find(rule) : NULL, "%s",
		message ? message : error);
	err->sys = (int)json_integer_value(json_object_get(j, "sys"));
	return code;
}

enum lp_code lp_wire_memfd(const void *p, size_t n, int *fd, struct lp_err *err)
{
	*fd = memfd_create("lazypull", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return lp_fail_errno(err, "memfd");
	if (!lp_file_write(*fd, p, n, err)) {
		if (!fcntl(*fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW))
			return LP_OK;
		lp_fail_errno(err, "seal a memfd");
	}
	lp_fd_close(fd);
	return err->code;
}

enum lp_code lp_msg_send(int socket, const struct lp_msg *m, int fd, struct lp_err *err)
{
	struct lp_msg copy = *m;
	struct lp_packet p = {.p = (uint8_t *)&copy, .bytes = sizeof(copy), .fd = {fd},
			      .nfd = fd >= 0};

	return lp_wire_send(socket, &p, err);
}
