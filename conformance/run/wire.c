// SPDX-License-Identifier: MIT
#include "run/wire.h"

#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Wait for @events of the connection; false: all is to end. */
static bool wait_for(const struct lc_wire *w, short events)
{
	struct pollfd p[2] = {{.fd = w->fd, .events = events}, {.fd = w->stop, .events = POLLIN}};

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !p[1].revents;
}

/* TLS wants something of the connection first; false: it has failed. */
static bool go_on(const struct lc_wire *w, int rc)
{
	int what = SSL_get_error(w->tls, rc);

	return (what == SSL_ERROR_WANT_READ && wait_for(w, POLLIN)) ||
	       (what == SSL_ERROR_WANT_WRITE && wait_for(w, POLLOUT));
}

bool lc_wire_open(struct lc_wire *w, int fd, int stop, SSL_CTX *ctx)
{
	int rc;

	*w = (struct lc_wire){.fd = fd, .stop = stop};
	if (!ctx)
		return true;
	w->tls = SSL_new(ctx);
	if (!w->tls || !SSL_set_fd(w->tls, fd))
		return false;
	while ((rc = SSL_accept(w->tls)) != 1)
		if (!go_on(w, rc))
			return false;
	return true;
}

size_t lc_wire_read(struct lc_wire *w, void *p, size_t n)
{
	ssize_t got;

	for (;;) {
		got = w->tls ? SSL_read(w->tls, p, (int)n) : recv(w->fd, p, n, 0);
		if (got > 0)
			return (size_t)got;
		if (w->tls ? !go_on(w, (int)got)
			   : !got || (errno != EAGAIN && errno != EINTR) || !wait_for(w, POLLIN))
			return 0;
	}
}

size_t lc_wire_write(struct lc_wire *w, const void *p, size_t n)
{
	size_t done = 0;
	ssize_t put;

	while (done < n) {
		size_t part = n - done < 65536 ? n - done : 65536;
		const char *at = (const char *)p + done;

		put = w->tls ? SSL_write(w->tls, at, (int)part)
			     : send(w->fd, at, part, MSG_NOSIGNAL);
		if (put > 0)
			done += (size_t)put;
		else if (w->tls ? !go_on(w, (int)put)
				: (errno != EAGAIN && errno != EINTR) || !wait_for(w, POLLOUT))
			break;
	}
	return done;
}

bool lc_wire_wait(const struct lc_wire *w, int ms)
{
	struct pollfd p[2] = {{.fd = w->fd, .events = POLLRDHUP},
			      {.fd = w->stop, .events = POLLIN}};
	int rc = poll(p, 2, ms);

	return rc == 0 || (rc < 0 && errno == EINTR);
}

void lc_wire_close(struct lc_wire *w, enum lc_farewell how)
{
	struct linger now = {.l_onoff = 1};

	if (w->tls && how == LC_POLITE)
		SSL_shutdown(w->tls);
	if (how == LC_WITH_RESET)
		setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	SSL_free(w->tls);
	w->tls = NULL;
	lp_fd_close(&w->fd);
}
