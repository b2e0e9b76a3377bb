/* SPDX-License-Identifier: MIT */
/*
 * server - an HTTP server inside a test, whose every answer the test writes itself.
 *
 * One thread accepts, one thread a connection reads requests and calls the test's handler,
 * which sends what it likes, also nonsense.  No allocation, no clock, no fixed port.
 */
#ifndef LP_TEST_SERVER_H
#define LP_TEST_SERVER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEST_CONNECTIONS 64	/* a server sees at most so many in its life */

struct test_server;

struct test_request {
	struct test_server *server;
	int fd;
	unsigned n;		/* of this server, from 0 */
	char method[8], target[2048];
	char head[16384];	/* the fields, each ended by "\r\n" */
	char body[65536];	/* the first half of it, if there is more */
	size_t body_bytes;	/* all that came */
	bool close;		/* the handler: end the connection */
};

typedef void test_handler(struct test_request *q);

struct test_connection {
	struct test_server *server;
	pthread_t thread;
	int fd;			/* -1: closed */
};

struct test_server {
	test_handler *handle;
	void *state;		/* the test's */
	_Atomic unsigned requests;
	_Atomic unsigned noted;	/* the test's own counter */
	int listener;
	unsigned port;
	pthread_t thread;
	struct test_connection connection[TEST_CONNECTIONS];
	size_t nconnection;
	pthread_mutex_t lock;	/* of connection[].fd */
};

/* The value of field @name, or NULL; @out has room for it. */
static inline const char *test_field(const struct test_request *q, const char *name, char *out,
				     size_t max)
{
	size_t n = strlen(name);

	for (const char *p = q->head; *p; p = strstr(p, "\r\n") + 2)
		if (!strncasecmp(p, name, n) && p[n] == ':') {
			const char *value = p + n + 1 + strspn(p + n + 1, " ");

			snprintf(out, max, "%.*s", (int)strcspn(value, "\r"), value);
			return out;
		}
	return NULL;
}

static inline void test_send(struct test_request *q, const void *p, size_t n)
{
	const char *at = p;
	ssize_t rc = 1;

	for (; n && rc > 0; n -= (size_t)rc, at += rc)
		rc = send(q->fd, at, n, MSG_NOSIGNAL);
	if (rc <= 0)
		q->close = true;
}

/* "HTTP/1.1 " and the text, which ends the head itself if it wants to. */
__attribute__((format(printf, 2, 3)))
static inline void test_say(struct test_request *q, const char *fmt, ...)
{
	char text[8192];
	va_list ap;
	int n = snprintf(text, sizeof(text), "HTTP/1.1 ");

	va_start(ap, fmt);
	n += vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	test_send(q, text, (size_t)n);
}

/* A whole answer: @status "200 OK", @fields each ended by "\r\n", and a body. */
static inline void test_reply(struct test_request *q, const char *status, const char *fields,
			      const void *body, size_t n)
{
	test_say(q, "%s\r\n%sContent-Length: %zu\r\n\r\n", status, fields, n);
	if (strcmp(q->method, "HEAD"))
		test_send(q, body, n);
}

/* The range that is asked for, or all of @bytes. */
static inline bool test_range(const struct test_request *q, size_t bytes, size_t *off, size_t *n)
{
	unsigned long long first = 0, last = bytes - 1;
	char value[100];
	bool asked = test_field(q, "Range", value, sizeof(value)) != NULL;

	if (asked && sscanf(value, "bytes=%llu-%llu", &first, &last) < 1)
		first = bytes;
	*off = (size_t)first;
	*n = (size_t)(last - first + 1);
	return asked;
}

/* Answer as a good server does that has these @bytes. */
static inline void test_serve(struct test_request *q, const uint8_t *p, size_t bytes)
{
	char fields[200];
	size_t off, n;

	if (!test_range(q, bytes, &off, &n)) {
		test_reply(q, "200 OK", "", p, bytes);
		return;
	}
	snprintf(fields, sizeof(fields), "Content-Range: bytes %zu-%zu/%zu\r\n", off, off + n - 1,
		 bytes);
	test_reply(q, "206 Partial Content", fields, p + off, n);
}

/* Say nothing until the client goes away. */
static inline void test_wait_gone(struct test_request *q)
{
	char c;

	while (recv(q->fd, &c, 1, 0) > 0)
		;
	q->close = true;
}

/* End the connection with a reset. */
static inline void test_reset(struct test_request *q)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(q->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	q->close = true;
}

/* Read one request; false: there is none any more. */
static inline bool test_read_request(struct test_request *q)
{
	size_t have = 0, start;
	char value[40], *end = NULL;

	while (!end) {
		ssize_t n = recv(q->fd, q->head + have, 1, 0);

		if (n <= 0 || have + 2 > sizeof(q->head))
			return false;
		q->head[++have] = '\0';
		end = have >= 4 && !memcmp(q->head + have - 4, "\r\n\r\n", 4) ? q->head : NULL;
	}
	q->head[have - 2] = '\0';
	if (sscanf(q->head, "%7s %2047s", q->method, q->target) != 2)
		return false;
	start = (size_t)(strstr(q->head, "\r\n") + 2 - q->head);
	memmove(q->head, q->head + start, have - start);
	q->body_bytes = 0;
	start = test_field(q, "Content-Length", value, sizeof(value)) ? strtoul(value, NULL, 10) : 0;
	while (q->body_bytes < start) {
		size_t half = sizeof(q->body) / 2, left = start - q->body_bytes;
		size_t at = q->body_bytes < half ? q->body_bytes : half;
		size_t room = sizeof(q->body) - at;
		ssize_t n = recv(q->fd, q->body + at, left < room ? left : room, 0);

		if (n <= 0)
			return false;
		q->body_bytes += (size_t)n;
	}
	q->n = q->server->requests++;
	return true;
}

static inline void *test_connection_run(void *of)
{
	struct test_connection *c = of;
	struct test_request q = {.server = c->server, .fd = c->fd};
	int on = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while (!q.close && test_read_request(&q))
		c->server->handle(&q);
	pthread_mutex_lock(&c->server->lock);
	close(c->fd);
	c->fd = -1;
	pthread_mutex_unlock(&c->server->lock);
	return NULL;
}

static inline void *test_accept_run(void *of)
{
	struct test_server *s = of;
	int fd;

	while (s->nconnection < TEST_CONNECTIONS &&
	       (fd = accept(s->listener, NULL, NULL)) >= 0) {
		struct test_connection *c = &s->connection[s->nconnection++];

		*c = (struct test_connection){.server = s, .fd = fd};
		if (pthread_create(&c->thread, NULL, test_connection_run, c))
			abort();
	}
	return NULL;
}

static inline void test_server_start(struct test_server *s, test_handler *handle, void *state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);

	*s = (struct test_server){.handle = handle, .state = state};
	pthread_mutex_init(&s->lock, NULL);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&a, n) ||
	    listen(s->listener, 64) || getsockname(s->listener, (struct sockaddr *)&a, &n) ||
	    pthread_create(&s->thread, NULL, test_accept_run, s))
		abort();
	s->port = ntohs(a.sin_port);
}

static inline void test_server_stop(struct test_server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->nconnection; i++)
		if (s->connection[i].fd >= 0)
			shutdown(s->connection[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < s->nconnection; i++)
		pthread_join(s->connection[i].thread, NULL);
	pthread_mutex_destroy(&s->lock);
}

#endif
