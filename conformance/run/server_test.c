// SPDX-License-Identifier: MIT
/* server_test - what is asked of the server is answered as its script says, and noted. */
#include "run/server.h"

#include "testing/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char script[] =
	"on A GET /two\ntext one\ntimes 1\n"
	"on A GET /two\ntext two\n"
	"on A GET /close\ntext bye\nclose\n"
	"on A GET /reset\ntext never\ncut 0\nreset\n"
	"on A GET /drip\ntext slowly\ndrip 500 0\nclose\n"
	"on A GET /stall\nopen\nstall\n"
	"on A GET /flood\nopen\nflood X: 1\n"
	"on A POST /put\ntext taken\n"
	"on B GET /where\ntext {B}\nclose\n"
	"most 0 B /never\n";

static int dial(const struct lc_server *s, int host)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const char *port = strchr(s->values.authority[host], ':');
	char ip[32];

	snprintf(ip, sizeof(ip), "%.*s", (int)(port - s->values.authority[host]),
		 s->values.authority[host]);
	a.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
	inet_pton(AF_INET, ip, &a.sin_addr);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

/* Send @text, read until @end has come, or the connection's end. */
static const char *ask(int fd, const char *text, const char *end)
{
	static char got[4096];
	size_t have = 0;
	ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);

	memset(got, 0, sizeof(got));
	while (n > 0 && (!*end || !strstr(got, end)) && have < sizeof(got) - 1) {
		n = recv(fd, got + have, sizeof(got) - 1 - have, 0);
		have += n > 0 ? (size_t)n : 0;
	}
	return got;
}

/* A connection of its own for one question. */
static bool answers(const struct lc_server *s, int host, const char *path, const char *want)
{
	int fd = dial(s, host);
	char text[100];
	const char *got;

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n\r\n", path);
	got = ask(fd, text, "");
	close(fd);
	return *want ? strstr(got, want) != NULL : !*got;
}

/* Does the connection end with a reset, not with a farewell? */
static bool resets(const struct lc_server *s)
{
	static const char text[] = "GET /reset HTTP/1.1\r\n\r\n";
	int fd = dial(s, 0);
	char drop[256];
	ssize_t n = send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);

	while (n > 0)
		n = recv(fd, drop, sizeof(drop), 0);
	close(fd);
	return n < 0 && errno == ECONNRESET;
}

static void converse(const struct lc_server *s)
{
	int fd = dial(s, 0), silent = dial(s, 0);

	CHECK(strstr(ask(fd, "GET /two HTTP/1.1\r\n\r\n", "one"), "Content-Length: 3"), "first");
	CHECK(strstr(ask(fd, "GET /two HTTP/1.1\r\n\r\nGET /two HTTP/1.1\r\n\r\n", "two"), "two"),
	      "second");
	CHECK(strstr(ask(fd, "POST /put HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "taken"),
		     "taken"), "a body");
	CHECK(strstr(ask(fd, "GET /none HTTP/1.1\r\n\r\n", "\r\n\r\n"), "404"), "no rule");
	close(fd);
	CHECK(answers(s, 0, "/close", "bye"), "close");
	CHECK(resets(s), "reset");
	CHECK(answers(s, 0, "/drip", "slowly"), "drip");
	CHECK(answers(s, 1, "/where", s->values.authority[1]), "the other host");
	CHECK(strstr(ask(silent, "GET /stall HTTP/1.1\r\n\r\n", "\r\n"), "200"), "stall");
	close(silent);
	fd = dial(s, 0);
	CHECK(strstr(ask(fd, "GET /flood HTTP/1.1\r\n\r\n", "X: 1\r\nX: 1"), "200"), "flood");
	close(fd);
	fd = dial(s, 0);
	CHECK(!*ask(fd, "nonsense\r\n\r\n", ""), "no request");
	close(fd);
}

int main(void)
{
	static char role[] = "script";
	struct gen_input input = {role, (uint8_t *)(uintptr_t)script, sizeof(script) - 1};
	struct gen_vector v = {.input = &input, .ninput = 1}, none = {.ninput = 0};
	LP_AUTO(lc_server_free) struct lc_server s = {.log = NULL};
	LP_AUTO(lc_server_free) struct lc_server empty = {.log = NULL};
	struct lp_err err = {0};
	char why[200];
	int left;

	CHECK(lc_server_open(&empty, &none, &err) == LP_EFORMAT, "no script");
	if (CHECK(!lc_server_open(&s, &v, &err), "open: %s", err.msg)) {
		converse(&s);
		left = dial(&s, 0);	/* it does not hold up the end */
		CHECK(strstr(ask(left, "GET /stall HTTP/1.1\r\n\r\n", "\r\n"), "200"), "left");
		lc_server_end(&s);
		close(left);
		CHECK(!s.err.code, "server: %s", s.err.msg);
		CHECK(s.traffic.n >= 11 && !strcmp(s.traffic.asked[0].target, "/two") &&
		      s.traffic.asked[0].sent == 3, "%zu requests", s.traffic.n);
		lc_traffic_judge(&s.traffic, &s.script, why, sizeof(why));
		CHECK(!*why, "%s", why);
	}
	return test_done();
}
