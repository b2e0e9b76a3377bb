// SPDX-License-Identifier: MIT
#include "system/containerd.h"

#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_NS 60000000000u	/* ours: a first start on a busy machine */
#define TRY_MS 5
#define SAID_MAX ((size_t)1 << 20)

static const char config[] =
	"version = 3\n"
	"root = \"%1$s/root\"\n"
	"state = \"%1$s/state\"\n"
	"disabled_plugins = [\"io.containerd.cri.v1.images\", \"io.containerd.cri.v1.runtime\",\n"
	"  \"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.tracing\",\n"
	"  \"io.containerd.tracing.processor.v1.otlp\",\n"
	"  \"io.containerd.snapshotter.v1.blockfile\",\n"
	"  \"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.snapshotter.v1.zfs\",\n"
	"  \"io.containerd.snapshotter.v1.btrfs\", \"io.containerd.nri.v1.nri\"]\n"
	"[grpc]\n"
	"address = \"%1$s/containerd.sock\"\n"
	"[proxy_plugins.stargz]\n"
	"type = \"snapshot\"\n"
	"address = \"%1$s/stargz.sock\"\n";

const char *lb_containerd_missing(const struct lb_programs *p)
{
	static const char *const needed[] = {
		"containerd", "containerd-shim-runc-v2", "stargzd", "ctdrive", "esgz",
	};

	return lb_programs_missing(p, needed, sizeof(needed) / sizeof(needed[0]));
}

/* A program of theirs, in the environment that all of them share. */
static void program(const struct lb_containerd *c, const char *name, struct lb_args *out)
{
	lb_args_add(out, "env");
	lb_args_add(out, "%s", c->path);
	lb_args_add(out, "CONTAINERD_DISABLE_IGZIP=1");
	lb_args_add(out, "CONTAINERD_DISABLE_PIGZ=1");
	lb_args_add(out, "%s/%s", c->peers, name);
}

static enum lp_code write_configs(const struct lb_containerd *c, bool noprefetch,
				  struct lp_err *err)
{
	char path[600], text[4096];
	int n;

	snprintf(path, sizeof(path), "%s/containerd.toml", c->directory);
	n = snprintf(text, sizeof(text), config, c->directory);
	if (n < 0 || (size_t)n >= sizeof(text))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%s: path too long",
			       c->directory);
	if (lp_file_save(AT_FDCWD, path, text, (size_t)n, err))
		return err->code;
	/* Registries on loopback are spoken to without TLS unasked. */
	snprintf(path, sizeof(path), "%s/stargz.toml", c->directory);
	n = snprintf(text, sizeof(text), "no_background_fetch = true\nnoprefetch = %s\n",
		     noprefetch ? "true" : "false");
	return lp_file_save(AT_FDCWD, path, text, (size_t)n, err);
}

static bool listens(const char *path)
{
	LP_AUTO(lp_fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (fd < 0 || (size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) >=
		      sizeof(to.sun_path))
		return false;
	return !connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

/* Until it listens, or has ended, or it is too late. */
static enum lp_code start(struct lb_containerd *c, struct lb_process *p, const char *name,
			  const struct lb_args *a, struct lp_err *err)
{
	char words[600], at[600];
	uint64_t end_ns = lp_now_ns() + LISTEN_NS;

	snprintf(words, sizeof(words), "%s/%s.log", c->directory, name);
	snprintf(at, sizeof(at), "%s/%s.sock", c->directory, name);
	if (lb_process_start(p, a, words, false, err))
		return err->code;
	while (!listens(at)) {
		struct pollfd ended = {p->pidfd, POLLIN, 0};

		if (poll(&ended, 1, TRY_MS) == 1 || lp_now_ns() > end_ns)
			return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
				       "%s does not listen; see %s", name, words);
	}
	return LP_OK;
}

enum lp_code lb_containerd_start(struct lb_containerd *c, const struct lb_programs *p,
				 const char *directory, bool noprefetch, struct lp_err *err)
{
	struct lb_args stargz = {.n = 0}, containerd = {.n = 0};
	const char *path = getenv("PATH");

	*c = (struct lb_containerd){.peers = p->peers,
				    .stargz = {.pidfd = -1, .out = -1, .events = -1},
				    .containerd = {.pidfd = -1, .out = -1, .events = -1}};
	snprintf(c->directory, sizeof(c->directory), "%s", directory);
	snprintf(c->path, sizeof(c->path), "PATH=%s:%.1000s", p->peers, path ? path : "");
	program(c, "stargzd", &stargz);
	lb_args_add(&stargz, "-address=%s/stargz.sock", directory);
	lb_args_add(&stargz, "-root=%s/stargz", directory);
	lb_args_add(&stargz, "-config=%s/stargz.toml", directory);
	program(c, "containerd", &containerd);
	lb_args_add(&containerd, "-c=%s/containerd.toml", directory);
	if (write_configs(c, noprefetch, err) ||
	    start(c, &c->stargz, "stargz", &stargz, err) ||
	    start(c, &c->containerd, "containerd", &containerd, err)) {
		lb_containerd_free(c);
		return err->code;
	}
	return LP_OK;
}

static void end(struct lb_process *p)
{
	struct lb_cost cost = {0};

	if (p->pid > 0) {
		kill(p->pid, SIGTERM);
		lb_process_end(p, &cost);
	}
	lb_process_free(p);
	*p = (struct lb_process){.pidfd = -1, .out = -1, .events = -1};
}

void lb_containerd_free(struct lb_containerd *c)
{
	if (!c->peers)
		return; /* never started */
	end(&c->containerd);
	end(&c->stargz);
}

enum lp_code lb_containerd_drive(const struct lb_containerd *c, const char *const *words,
				 size_t n, json_t **ns, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf said = {0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	struct lb_args a = {.n = 0};
	json_t *child;

	*ns = NULL;
	program(c, "ctdrive", &a);
	lb_args_add(&a, "-address=%s/containerd.sock", c->directory);
	for (size_t i = 0; i < n; i++)
		lb_args_add(&a, "%s", words[i]);
	if (lb_capture(&a, SAID_MAX, &said, NULL, err) ||
	    lp_json_parse(said.p, said.len, NULL, &o, err) ||
	    lp_json_child(o, "ns", JSON_OBJECT, LP_JSON_REQUIRED, NULL, &child, err))
		return lp_within(err, "ctdrive");
	*ns = json_deep_copy(child);
	return LP_OK;
}
