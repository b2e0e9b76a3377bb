// SPDX-License-Identifier: MIT
#include "workload/probe.h"

#include "base/file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)1 << 20)	/* ours: workloads answer with a page */

static int connected(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct timeval second = {.tv_sec = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)))
		lp_fd_close(&fd);
	return fd;
}

bool lb_port_open(uint16_t port)
{
	LP_AUTO(lp_fd_close) int fd = connected(port);

	return fd >= 0;
}

/* The answer to a HTTP/1.0 request ends where the connection does. */
static bool read_answer(int fd, struct lp_buf *out)
{
	char block[4096];
	struct lp_err err;
	ssize_t n;

	while ((n = recv(fd, block, sizeof(block), 0)) > 0)
		if (lp_buf_add(out, block, (size_t)n, ANSWER_MAX, &err))
			return false;
	return n == 0 && !lp_buf_add(out, "", 1, ANSWER_MAX + 1, &err);
}

bool lb_probe(uint16_t port, const char *path, struct lp_buf *body)
{
	LP_AUTO(lp_fd_close) int fd = connected(port);
	LP_AUTO(lp_buf_free) struct lp_buf answer = {0};
	char request[512];
	const char *text, *rest;
	struct lp_err err;

	if (fd < 0)
		return false;
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", path);
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request) ||
	    !read_answer(fd, &answer))
		return false;
	text = (const char *)answer.p;
	rest = strstr(text, "\r\n\r\n");
	if (strncmp(text, "HTTP/1.", 7) != 0 || strncmp(text + 8, " 200", 4) != 0 || !rest)
		return false;
	return !lp_buf_add(body, rest + 4, strlen(rest + 4), ANSWER_MAX, &err);
}
