// SPDX-License-Identifier: MIT
#include "run/server.h"

#include "base/file.h"
#include "base/thread.h"
#include "run/cert.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX ((size_t)64 << 10)	/* bytes of a request, ours */
#define BODY_MAX ((uint64_t)64 << 20)	/* ours */
#define STEP_MS 20			/* ours: what drips falls so often */

/* A failure of ours: the first one is told. */
static void note(struct lc_server *s, const struct lp_err *err)
{
	pthread_mutex_lock(&s->lock);
	if (!s->err.code)
		s->err = *err;
	pthread_mutex_unlock(&s->lock);
}

/* Bytes of @r from @from on, at its rate; how many have gone out in all. */
static size_t send_slowly(struct lc_wire *w, const struct lc_reply *r, size_t from)
{
	uint64_t step = r->rate * STEP_MS / 1000;
	int ms = step ? STEP_MS : (int)(1000 / r->rate);
	size_t at = from, part;

	for (step = step ? step : 1; at < r->bytes.len; at += part) {
		part = r->bytes.len - at < step ? r->bytes.len - at : (size_t)step;
		if (!lc_wire_wait(w, ms) || lc_wire_write(w, r->bytes.p + at, part) != part)
			break;
	}
	return at;
}

/* What comes behind the bytes; true: the next request may come. */
static bool conclude(struct lc_wire *w, const struct lc_reply *r, enum lc_farewell *how)
{
	char line[512];
	int n;

	switch (r->then) {
	case LC_KEEP:
		return true;
	case LC_RESET:
		*how = LC_WITH_RESET;
		return false;
	case LC_POUR:
		n = snprintf(line, sizeof(line), "%.400s\r\n", r->flood);
		while (lc_wire_write(w, line, (size_t)n) == (size_t)n)
			;
		return false;
	case LC_STALL:
		lc_wire_wait(w, -1);
		return false;
	default:
		return false;
	}
}

/* The rule for @q, counted as used, or NULL. */
static const struct lc_rule *find_rule(struct lc_server *s, int host, const struct lc_request *q)
{
	const struct lc_rule *found = NULL;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->script.nrule && !found; i++) {
		const struct lc_rule *r = &s->script.rule[i];

		if (s->used[i] < r->times &&
		    lc_rule_fits(&s->script, r, host, q->method, q->target, q->head)) {
			s->used[i]++;
			found = r;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void record(struct lc_server *s, int host, const struct lc_request *q, size_t *at)
{
	struct lp_err err;

	pthread_mutex_lock(&s->lock);
	if (lc_traffic_add(&s->traffic, host, q, at, &err) && !s->err.code)
		s->err = err;
	if (s->log) {
		fprintf(s->log, "%c %s %s\n", 'A' + host, q->method, q->target);
		fflush(s->log);
	}
	pthread_mutex_unlock(&s->lock);
}

static void add_sent(struct lc_server *s, size_t at, uint64_t bytes)
{
	pthread_mutex_lock(&s->lock);
	if (at < s->traffic.n)
		s->traffic.asked[at].sent = bytes;
	pthread_mutex_unlock(&s->lock);
}

/* Answer @q; true: the next request may come. */
static bool answer(struct lc_server *s, int host, struct lc_wire *w, const struct lc_request *q,
		   enum lc_farewell *how)
{
	static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	LP_AUTO(lc_reply_free) struct lc_reply r = {.then = LC_KEEP};
	struct lc_values values = s->values;
	const struct lc_rule *rule = find_rule(s, host, q);
	size_t at, quick, went;
	struct lp_err err;

	record(s, host, q, &at);
	if (!rule)
		return lc_wire_write(w, missing, sizeof(missing) - 1) == sizeof(missing) - 1;
	if (lc_reply_make(&s->script, rule, q, &values, &r, &err)) {
		note(s, &err);
		return false;
	}
	quick = r.rate && r.quick < r.bytes.len ? (size_t)r.quick : r.bytes.len;
	went = lc_wire_write(w, r.bytes.p, quick);
	if (went == quick && quick < r.bytes.len)
		went = send_slowly(w, &r, quick);
	add_sent(s, at, went > r.head ? went - r.head : 0);
	return went == r.bytes.len && conclude(w, &r, how);
}

/* The words of the first line, and where the fields begin; false: it is no request. */
static bool parse(char *text, struct lc_request *q)
{
	char *line_end = strstr(text, "\r\n"), *target, *version;
	size_t n = strcspn(text, " ");

	if (!line_end || n >= sizeof(q->method) || text[n] != ' ')
		return false;
	*line_end = '\0';
	target = text + n + 1;
	version = strchr(target, ' ');
	if (!version)
		return false;
	*version = '\0';
	snprintf(q->method, sizeof(q->method), "%.*s", (int)n, text);
	q->target = target;
	q->head = line_end + 2;
	return true;
}

/* Pass over the body of @q, of which @have bytes are there; what is behind it goes to the front. */
static bool skip_body(struct lc_wire *w, const struct lc_request *q, char *text, size_t have,
		      size_t *left)
{
	char value[32], drop[4096];
	uint64_t n = 0;
	size_t got;

	if (lc_head_field(q->head, "Content-Length", value, sizeof(value)))
		n = strtoull(value, NULL, 10);
	if (n > BODY_MAX)
		return false;
	*left = have > n ? have - (size_t)n : 0;
	memmove(text, text + have - *left, *left);
	for (n -= n < have ? n : have; n; n -= got) {
		got = lc_wire_read(w, drop, n < sizeof(drop) ? (size_t)n : sizeof(drop));
		if (!got)
			return false;
	}
	return true;
}

/* Read heads and answer them until somebody has enough. */
static enum lc_farewell converse(struct lc_connection *c, struct lc_wire *w, char *text)
{
	enum lc_farewell how = LC_POLITE;
	struct lc_request q = {.of = c->server->v};
	size_t have = 0, got;
	char *end;

	for (;;) {
		text[have] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end) {
			size_t n = (size_t)(end - text) + 4;
			char *rest = end + 4;

			end[2] = '\0';
			if (!parse(text, &q) || !answer(c->server, c->host, w, &q, &how) ||
			    !skip_body(w, &q, rest, have - n, &have))
				return how;
			memmove(text, rest, have);
			continue;
		}
		got = have < HEAD_MAX ? lc_wire_read(w, text + have, HEAD_MAX - have) : 0;
		if (!got)
			return how;
		have += got;
	}
}

static void *serve(void *arg)
{
	struct lc_connection *c = arg;
	struct lc_server *s = c->server;
	enum lc_tls shows = s->script.tls[c->host];
	enum lc_farewell how = LC_ABRUPT;
	char *text = malloc(HEAD_MAX + 1);
	struct lc_wire w;

	if (text && lc_wire_open(&w, c->fd, s->stop, s->listener[c->host].tls))
		how = converse(c, &w, text);
	lc_wire_close(&w, how == LC_POLITE && shows == LC_TLS_BREAK ? LC_ABRUPT : how);
	free(text);
	return NULL;
}

/* One more connection, with a thread of its own. */
static void welcome(struct lc_listener *l)
{
	struct lc_server *s = l->server;
	struct lc_connection *c;
	struct lp_err err = {0};
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pthread_mutex_lock(&s->lock);
	if (s->nconnection < LC_CONNECTIONS) {
		c = &s->connection[s->nconnection];
		*c = (struct lc_connection){.server = s, .host = l->host, .fd = fd};
		if (!lp_thread_start(&c->thread, serve, c, &err)) {
			s->nconnection++;
			fd = -1;
		}
	}
	pthread_mutex_unlock(&s->lock);
	lp_fd_close(&fd);
	if (err.code)
		note(s, &err);
}

static void *listen_on(void *arg)
{
	struct lc_listener *l = arg;
	struct pollfd p[2] = {{.fd = l->fd, .events = POLLIN},
			      {.fd = l->server->stop, .events = POLLIN}};

	while (poll(p, 2, -1) >= 0 && !p[1].revents)
		if (p[0].revents)
			welcome(l);
	return NULL;
}

static enum lp_code open_host(struct lc_server *s, int host, struct lp_err *err)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)host)};
	struct lc_listener *l = &s->listener[host];
	socklen_t n = sizeof(a);
	char text[INET_ADDRSTRLEN];

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&a, n) || listen(l->fd, 64) ||
	    getsockname(l->fd, (struct sockaddr *)&a, &n))
		return lp_fail_errno(err, "listen on loopback");
	inet_ntop(AF_INET, &a.sin_addr, text, sizeof(text));
	snprintf(s->values.authority[host], LC_AUTHORITY, "%.15s:%u", text, ntohs(a.sin_port));
	if (s->script.tls[host] && lc_cert_open(s->script.tls[host], &l->tls, &s->pem, err))
		return err->code;
	if (lp_thread_start(&l->thread, listen_on, l, err))
		return err->code;
	l->started = true;
	return LP_OK;
}

static const struct gen_input *find_script(const struct gen_vector *v)
{
	for (size_t i = 0; i < v->ninput; i++)
		if (!strcmp(v->input[i].role, "script"))
			return &v->input[i];
	return NULL;
}

enum lp_code lc_server_open(struct lc_server *s, const struct gen_vector *v, struct lp_err *err)
{
	const struct gen_input *text = find_script(v);

	pthread_mutex_init(&s->lock, NULL);
	s->v = v;
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < LC_HOSTS; i++)
		s->listener[i] = (struct lc_listener){.server = s, .host = i, .fd = -1};
	if (!text)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "no input script");
	if (lc_script_parse(&s->script, text->p, text->n, err))
		return lp_within(err, "script");
	s->used = calloc(s->script.nrule + 1, sizeof(*s->used));
	s->connection = calloc(LC_CONNECTIONS, sizeof(*s->connection));
	if (s->stop < 0 || !s->used || !s->connection)
		return lp_fail_errno(err, "a server");
	for (int i = 0; i < LC_HOSTS; i++)
		if (open_host(s, i, err))
			return err->code;
	return LP_OK;
}

void lc_server_end(struct lc_server *s)
{
	if (!s->v || s->stop < 0)
		return;
	if (eventfd_write(s->stop, 1))
		return;
	for (int i = 0; i < LC_HOSTS; i++) {
		if (s->listener[i].started)
			pthread_join(s->listener[i].thread, NULL);
		s->listener[i].started = false;
		lp_fd_close(&s->listener[i].fd);
	}
	for (size_t i = 0; i < s->nconnection; i++)
		pthread_join(s->connection[i].thread, NULL);
	s->nconnection = 0;
	lp_fd_close(&s->stop);
}

void lc_server_free(struct lc_server *s)
{
	if (!s->v)
		return;
	lc_server_end(s);
	for (int i = 0; i < LC_HOSTS; i++)
		SSL_CTX_free(s->listener[i].tls);
	lc_script_free(&s->script);
	lc_traffic_free(&s->traffic);
	lp_buf_free(&s->pem);
	free(s->used);
	free(s->connection);
	pthread_mutex_destroy(&s->lock);
	*s = (struct lc_server){.stop = -1};
}
