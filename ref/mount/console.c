// SPDX-License-Identifier: MIT
#include "mount/console.h"

#include "base/file.h"
#include "mount/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TAKE_MS 10000		/* ours: the runtime sends it before create returns */
#define NAME_MAX_BYTES 4096	/* of the terminal's name, which comes with it */

enum lp_code lp_console_open(struct lp_console *c, const char *path, struct lp_err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	*c = (struct lp_console)LP_CONSOLE_EMPTY;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	c->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->listen < 0 || bind(c->listen, (const struct sockaddr *)&a, sizeof(a)) ||
	    listen(c->listen, 1))
		return lp_fail_errno(err, "listen for the terminal");
	return LP_OK;
}

static void make_raw(struct lp_console *c)
{
	struct termios raw;

	if (!isatty(0) || tcgetattr(0, &c->before))
		return;
	raw = c->before;
	cfmakeraw(&raw);
	c->raw = !tcsetattr(0, TCSANOW, &raw);
}

enum lp_code lp_console_take(struct lp_console *c, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int from = accept4(c->listen, NULL, NULL, SOCK_CLOEXEC);
	LP_AUTO(lp_packet_close) struct lp_packet p = {0};
	uint8_t name[NAME_MAX_BYTES];

	p.p = name;
	if (from < 0)
		return lp_fail_errno(err, "wait for the terminal");
	if (lp_wire_recv(from, &p, sizeof(name), TAKE_MS, err))
		return err->code;
	if (p.nfd != 1)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the runtime sent no terminal");
	c->master = p.fd[0];
	p.nfd = 0;
	lp_console_resize(c);
	make_raw(c);
	return LP_OK;
}

void lp_console_resize(const struct lp_console *c)
{
	struct winsize size;

	if (c->master >= 0 && !ioctl(0, TIOCGWINSZ, &size))
		ioctl(c->master, TIOCSWINSZ, &size);
}

bool lp_console_copy(int from, int to)
{
	struct lp_err dropped = {0};
	char bytes[4096];
	ssize_t n = read(from, bytes, sizeof(bytes));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	return n && !lp_file_write(to, bytes, (size_t)n, &dropped);
}

void lp_console_free(struct lp_console *c)
{
	if (c->raw)
		tcsetattr(0, TCSANOW, &c->before);
	c->raw = false;
	lp_fd_close(&c->listen);
	lp_fd_close(&c->master);
}
