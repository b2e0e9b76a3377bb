// SPDX-License-Identifier: MIT
#include "mount/client.h"

#include "mount/control.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define RULE "mount.control.message"
#define PROGRAM "/proc/self/exe"
#define READY_FD 3		/* of a keeper that starts */
#define TRIES 200		/* ours: another keeper may be starting, or ending */
#define TRY_MS 20
#define STATUS_MAX ((size_t)64 << 20)	/* bytes, ours */

/* *there: false when nobody listens. */
static enum lp_code try_connect(struct lp_client *c, bool *there, struct lp_err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	*there = false;
	lp_control_path(c->store, LP_CONTROL_SOCKET, a.sun_path);
	c->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->socket < 0)
		return lp_fail_errno(err, "a socket");
	if (!connect(c->socket, (const struct sockaddr *)&a, sizeof(a))) {
		*there = true;
		return LP_OK;
	}
	if (errno != ENOENT && errno != ECONNREFUSED)
		lp_fail_errno(err, "connect to %s", a.sun_path);
	else
		err->code = LP_OK;
	lp_fd_close(&c->socket);
	return err->code;
}

/* In the grandchild: nothing of the command's stays with the keeper. */
static void become_keeper(const struct lp_store *s, int ready)
{
	char log[LP_CONTROL_BYTES], store[sizeof(s->path) + 16], fd_text[24];
	char name[] = "lazypull", command[] = "keeper";
	char *argv[] = {name, command, store, fd_text, NULL};
	int null = open("/dev/null", O_RDWR), words;

	snprintf(store, sizeof(store), "--store=%s", s->path);
	snprintf(fd_text, sizeof(fd_text), "--ready=%d", READY_FD);
	lp_control_path(s, LP_CONTROL_LOG, log);
	words = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (null < 0 || words < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(words, 2) < 0)
		_exit(3);
	if (ready != READY_FD && dup2(ready, READY_FD) < 0)
		_exit(3);
	if (ready == READY_FD && fcntl(ready, F_SETFD, 0))
		_exit(3);
	close_range(READY_FD + 1, ~0u, CLOSE_RANGE_UNSHARE);
	execv(PROGRAM, argv);
	_exit(3);
}

/* Two forks: the keeper is nobody's child, also for a subreaper. */
static enum lp_code spawn(struct lp_client *c, struct lp_err *err)
{
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return lp_fail_errno(err, "a pipe");
	pid = fork();
	if (!pid) {
		setsid();
		if (!fork())
			become_keeper(c->store, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	c->ready = ends[0];
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		return LP_OK;
	}
	lp_fail_errno(err, "start the keeper");
	lp_fd_close(&c->ready);
	return err->code;
}

enum lp_code lp_client_begin(struct lp_client *c, struct lp_store *s, struct lp_err *err)
{
	bool there = false;

	*c = (struct lp_client){.store = s, .socket = -1, .ready = -1};
	if (try_connect(c, &there, err))
		return err->code;
	return there ? LP_OK : spawn(c, err);
}

enum lp_code lp_client_find(struct lp_client *c, struct lp_store *s, struct lp_err *err)
{
	bool there = false;

	*c = (struct lp_client){.store = s, .socket = -1, .ready = -1};
	if (try_connect(c, &there, err))
		return err->code;
	if (!there)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "no keeper serves %s", s->path);
	return LP_OK;
}

void lp_client_free(struct lp_client *c)
{
	lp_fd_close(&c->socket);
	lp_fd_close(&c->ready);
}

/* What the keeper that starts says: "ok", or why it ends; "" when it said nothing. */
static void hear(struct lp_client *c, char word[static 300])
{
	size_t n = 0;
	ssize_t rc = 0;

	do {
		n += (size_t)(rc > 0 ? rc : 0);
		rc = read(c->ready, word + n, 299 - n);
	} while (rc > 0 || (rc < 0 && errno == EINTR));
	word[n] = 0;
	lp_fd_close(&c->ready);
}

static enum lp_code receive(struct lp_client *c, json_t **out, struct lp_packet *fds,
			    struct lp_err *err)
{
	if (lp_wire_recv_json(c->socket, -1, out, fds, err))
		return err->code;
	if (!*out)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the keeper ended");
	return lp_wire_verdict(*out, err);
}

/* Has the keeper taken us?  *there: false when it ended meanwhile. */
static enum lp_code greet(struct lp_client *c, bool *there, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *ask = json_pack("{s:s}", "op", "ping");
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_packet_close) struct lp_packet fds = {0};

	*there = !lp_wire_send_json(c->socket, ask, NULL, err) &&
		 !lp_wire_recv_json(c->socket, -1, &j, &fds, err) && j;
	if (*there)
		return lp_wire_verdict(j, err);
	lp_fd_close(&c->socket);
	return LP_OK;
}

enum lp_code lp_client_ready(struct lp_client *c, struct lp_err *err)
{
	char word[300] = "";
	bool there = c->socket >= 0;

	if (c->greeted)
		return LP_OK;
	for (int i = 0; i < TRIES && !c->greeted; i++) {
		if (c->ready >= 0)
			hear(c, word);
		if (!there && try_connect(c, &there, err))
			return err->code;
		if (there && greet(c, &there, err))
			return err->code;
		c->greeted = there;
		/* Another one holds the lock without listening: it starts, or it ends. */
		if (!there && i)
			poll(NULL, 0, TRY_MS);
		if (!there && spawn(c, err))
			return err->code;
	}
	if (!c->greeted)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no keeper starts: %s",
			       *word ? word : "see its log");
	return LP_OK;
}

enum lp_code lp_client_send(struct lp_client *c, const struct lp_serve *what, struct lp_err *err)
{
	struct lp_packet fds = {0};

	if (lp_client_ready(c, err) || lp_serve_write(what, &fds, err))
		return err->code;
	return lp_wire_send_json(c->socket, what->document, &fds, err);
}

enum lp_code lp_client_receive(struct lp_client *c, int *mount, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_packet_close) struct lp_packet fds = {0};

	if (receive(c, &j, &fds, err))
		return err->code;
	if (fds.nfd != 1)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "an answer without a mount");
	*mount = fds.fd[0];
	fds.nfd = 0;
	return LP_OK;
}

enum lp_code lp_client_traced(struct lp_client *c, uint64_t *lines, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_packet_close) struct lp_packet fds = {0};

	if (receive(c, &j, &fds, err))
		return err->code;
	return lp_json_u64(j, "traced", LP_JSON_REQUIRED, RULE, lines, err);
}

enum lp_code lp_client_status(struct lp_client *c, bool waits, json_t **out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *ask = json_pack("{s:s, s:b}", "op", "status", "waits", waits);
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_packet_close) struct lp_packet fds = {0};
	LP_AUTO(lp_map_free) struct lp_map map = {0};

	if (lp_wire_send_json(c->socket, ask, NULL, err) || receive(c, &j, &fds, err))
		return err->code;
	if (fds.nfd != 1 || lp_map_fd(&map, fds.fd[0], err) || map.bytes > STATUS_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "an answer without a status");
	return lp_json_parse(map.p, map.bytes, RULE, out, err);
}
