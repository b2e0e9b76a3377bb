// SPDX-License-Identifier: MIT
/* command - `lazybench registry`: options, and a server until a signal comes. */
#include "command.h"
#include "registry/server.h"

#include "base/log.h"
#include "base/option.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX ((size_t)1 << 20)

struct args {
	const char *root, *listen, *storage, *storage_url, *log, *cert, *key;
	uint64_t port, ready_fd;
	struct lp_option_list layouts, knobs;
	bool list;
};

static const struct lp_option table[] = {
	{"root", 0, LP_OPT_TEXT, offsetof(struct args, root), "DIR",
	 "DIR/NAME/ is the OCI layout of repository NAME; made when pushed to"},
	{"layout", 0, LP_OPT_LIST, offsetof(struct args, layouts), "NAME=DIR",
	 "one more repository, from and into this OCI layout"},
	{"listen", 0, LP_OPT_TEXT, offsetof(struct args, listen), "ADDRESS",
	 "IPv4 address (127.0.0.1)"},
	{"port", 'p', LP_OPT_COUNT, offsetof(struct args, port), "N", "TCP port (0: a free one)"},
	{"log", 0, LP_OPT_TEXT, offsetof(struct args, log), "FILE",
	 "append one JSON line per request"},
	{"knob", 'k', LP_OPT_LIST, offsetof(struct args, knobs), "NAME[=VALUE]",
	 "behave, or misbehave; see --knobs"},
	{"knobs", 0, LP_OPT_FLAG, offsetof(struct args, list), NULL, "list the knobs"},
	{"storage", 0, LP_OPT_TEXT, offsetof(struct args, storage), "ADDRESS",
	 "where redirects lead (127.0.0.2, or as --listen when that is no loopback)"},
	{"storage-url", 0, LP_OPT_TEXT, offsetof(struct args, storage_url), "URL",
	 "what redirects call that, when a proxy is in front"},
	{"tls-cert", 0, LP_OPT_TEXT, offsetof(struct args, cert), "FILE", "PEM: serve HTTPS"},
	{"tls-key", 0, LP_OPT_TEXT, offsetof(struct args, key), "FILE", "PEM"},
	{"ready-fd", 0, LP_OPT_COUNT, offsetof(struct args, ready_fd), "FD",
	 "write the ready line there as well, and close it"},
	{0},
};

static const struct lp_usage usage = {
	"lazybench registry", "", "Serve OCI layouts as a registry, until SIGINT or SIGTERM.",
	table, LP_OPT_PERMUTE, 0, 0,
};

static enum lp_code set_up(struct lb_server *s, const struct args *a, struct lp_err *err)
{
	lb_repositories_start(&s->repositories, a->root);
	if (!a->root && !a->layouts.n)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "give --root or --layout: what is there to serve?");
	for (size_t i = 0; i < a->layouts.n; i++)
		if (lb_repositories_add(&s->repositories, a->layouts.text[i], err))
			return err->code;
	for (size_t i = 0; i < a->knobs.n; i++)
		if (lb_knob_set(&s->knobs, a->knobs.text[i], err))
			return err->code;
	if (a->log) {
		s->journal.fd = open(a->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		if (s->journal.fd < 0)
			return lp_fail_errno(err, "open %s", a->log);
	}
	return LP_OK;
}

/* A PEM file as a string: lp_file_load() and a NUL. */
static enum lp_code load_pem(const char *path, struct lp_buf *out, struct lp_err *err)
{
	if (lp_file_load(AT_FDCWD, path, PEM_MAX, out, err) ||
	    lp_buf_add(out, "", 1, PEM_MAX + 1, err))
		return err->code;
	return LP_OK;
}

static enum lp_code start(struct lb_server *s, const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf cert = {0}, key = {0};
	const char *listen = a->listen ? a->listen : "127.0.0.1";
	struct lb_server_options o = {.listen = listen, .port = (uint16_t)a->port,
				      .storage_listen = a->storage};

	if (!o.storage_listen && !strncmp(listen, "127.", 4))
		o.storage_listen = "127.0.0.2";
	if (a->port > UINT16_MAX || !a->cert != !a->key)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, a->port > UINT16_MAX ?
			       "--port is at most 65535" : "--tls-cert and --tls-key come together");
	if (a->cert) {
		if (load_pem(a->cert, &cert, err) || load_pem(a->key, &key, err))
			return err->code;
		o.cert = (const char *)cert.p;
		o.key = (const char *)key.p;
	}
	if (lb_server_start(s, &o, err))
		return err->code;
	snprintf(s->storage_url, sizeof(s->storage_url), "%s",
		 a->storage_url ? a->storage_url : s->storage_at);
	return LP_OK;
}

static enum lp_code say_ready(const struct lb_server *s, const struct args *a,
			      struct lp_err *err)
{
	char line[200];
	int fd = (int)a->ready_fd;

	snprintf(line, sizeof(line), "{\"port\":%s,\"url\":\"%s\"%s%s%s}\n",
		 strrchr(s->url, ':') + 1, s->url, s->storage ? ",\"storage\":\"" : "",
		 s->storage_at, s->storage ? "\"" : "");
	if (fputs(line, stdout) == EOF || fflush(stdout))
		return lp_fail_errno(err, "stdout");
	if (fd <= 2)
		return LP_OK;
	if (lp_file_write(fd, line, strlen(line), err))
		return err->code;
	lp_fd_close(&fd);
	return LP_OK;
}

static enum lp_code serve(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lb_server_free) struct lb_server s = {.journal = {.fd = -1}};
	sigset_t stop;
	int which;

	/* Before there are threads, so that all inherit it. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (set_up(&s, a, err) || start(&s, a, err) || say_ready(&s, a, err))
		return err->code;
	sigwait(&stop, &which);
	return LP_OK;
}

int lb_cmd_registry(int argc, char **argv)
{
	struct args a = {0};
	struct lp_err err;
	bool help;
	int operand;
	enum lp_code code = lp_option_parse(&usage, argc, argv, &a, &operand, &help, &err);

	if (!code && help) {
		lp_option_help(&usage, stdout);
		return 0;
	}
	if (!code && a.list) {
		lb_knob_help(stdout);
		return 0;
	}
	if (code || serve(&a, &err)) {
		lp_log_failure("lazybench", &err, false);
		return lp_exit_status(err.code);
	}
	return 0;
}
