// SPDX-License-Identifier: MIT
#include "cmd/run.h"

#include "cmd/cmd.h"
#include "mount/bundle.h"
#include "mount/container.h"
#include "mount/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define CONFIG_MAX ((size_t)1 << 20)	/* bytes of config.json, ours */
#define NAME_BYTES 256
#define ID_BYTES 13			/* 12 hexadecimal digits, as docker shows */

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct lp_run_args),
	LP_ROOTFS_OPTIONS(struct lp_run_args),
	LP_RUN_OPTIONS(struct lp_run_args),
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull run",
	.operands = "IMAGE [COMMAND [ARG...]]",
	.what = "run a command in a new container",
	.table = table,
	.order = LP_OPT_STOP,
	.least = 1,
	.most = -1,
};

/* A container's directory: staged in the store, the working directory while it runs. */
struct place {
	char name[LP_STAGE_NAME];
	int dir, home;		/* home: where the command was called */
};

static enum lp_code enter(struct place *p, struct lp_store *s, struct lp_err *err)
{
	char path[sizeof(s->path) + LP_STAGE_NAME + 1];

	p->home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->home < 0)
		return lp_fail_errno(err, "open the working directory");
	if (lp_store_stage(s, p->name, &p->dir, err))
		return err->code;
	/* What is mounted from here on goes with this process. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return lp_fail_errno(err, "make a mount namespace");
	/* By name: the descriptor belongs to the mount namespace that was left. */
	snprintf(path, sizeof(path), "%s/%s", s->path, p->name);
	if (chdir(path))
		return lp_fail_errno(err, "enter %s", path);
	return LP_OK;
}

static void leave(struct place *p, struct lp_store *s)
{
	static const char *const mounted[] = {"rootfs", "rw", "lower"};
	struct lp_err err = {0};

	if (p->dir >= 0) {
		for (size_t i = 0; i < sizeof(mounted) / sizeof(mounted[0]); i++)
			umount2(mounted[i], MNT_DETACH | UMOUNT_NOFOLLOW);
		if (fchdir(p->home) || lp_store_remove(s, p->name, &err))
			lp_log_say("lazypull run", "%s stays: %s", p->name, err.msg);
	}
	lp_fd_close(&p->dir);
	lp_fd_close(&p->home);
}

static void make_id(char id[static ID_BYTES])
{
	uint64_t v = lp_now_ns();

	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		v ^= (uint64_t)getpid() << 32;
	snprintf(id, ID_BYTES, "%012llx", (unsigned long long)(v & 0xffffffffffffull));
}

static enum lp_code write_bundle(const struct lp_run_args *a, const struct lp_rootfs *r,
				 const char *id, char *const *args, size_t nargs,
				 struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int root = open("rootfs", O_PATH | O_DIRECTORY | O_CLOEXEC);
	LP_AUTO(lp_json_free) json_t *config = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_fd_close) int fd = -1;
	char host[NAME_BYTES] = "";
	struct lp_account account = {0};
	struct lp_bundle b = {
		.image = r->config, .account = &account, .root = "rootfs", .args = args,
		.nargs = nargs, .entrypoint = a->entrypoint, .env = a->env.text,
		.nenv = a->env.n, .volume = a->volume.text, .nvolume = a->volume.n,
		.workdir = a->workdir, .hostname = a->hostname ? a->hostname : id,
		.network = (enum lp_network)a->net, .terminal = a->tty, .read_only = a->read_only,
		.user = lp_userns() != 0,
	};

	if (b.network == LP_NET_HOST && !a->hostname && !gethostname(host, sizeof(host) - 1))
		b.hostname = host;
	if (root < 0)
		return lp_fail_errno(err, "open the container's root");
	if (lp_account_find(root, a->user ? a->user : r->config->user, &account, err) ||
	    lp_bundle_make(&b, &config, err) || lp_json_print(config, &text, CONFIG_MAX, err))
		return err->code;
	fd = open("config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return lp_fail_errno(err, "create config.json");
	if (lp_file_write(fd, text.p, text.len, err))
		return err->code;
	lp_event(&r->events, "bundle");
	return LP_OK;
}

static enum lp_code contain(struct lp_run_args *a, struct lp_rootfs *r, char *const *args,
			    size_t nargs, int *status, struct lp_err *err)
{
	char id[ID_BYTES];
	struct lp_container c = {
		.id = a->name ? a->name : id,
		.terminal = a->tty,
		.interactive = a->interactive,
		.events = r->events,
	};

	make_id(id);
	if (lp_rootfs_overlay(r, err) || write_bundle(a, r, id, args, nargs, err))
		return err->code;
	return lp_container_run(&c, status, err);
}

/* -v takes paths as they are seen from where the command was called. */
static enum lp_code absolute_volumes(struct lp_run_args *a, char *text[static LP_OPTION_LIST],
				     struct lp_err *err)
{
	for (size_t i = 0; i < a->volume.n; i++) {
		const char *v = a->volume.text[i];
		size_t n = strcspn(v, ":");
		char *host = strndup(v, n), *full = host ? realpath(host, NULL) : NULL;

		free(host);
		if (!full)
			return lp_fail_errno(err, "-v %.100s", v);
		if (asprintf(&text[i], "%s%s", full, v + n) < 0)
			text[i] = NULL;
		free(full);
		if (!text[i])
			return lp_fail_errno(err, "-v %.100s", v);
		a->volume.text[i] = text[i];
	}
	return LP_OK;
}

/* The list of what was read, whole or not at all. */
static enum lp_code save_trace(const struct lp_run_args *a, struct lp_rootfs *r, int trace,
			       struct lp_err *err)
{
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	uint64_t lines = 0;

	if (lp_client_traced(&r->client, &lines, err) || lp_map_fd(&map, trace, err) ||
	    lp_file_save(AT_FDCWD, a->out, map.p, map.bytes, err))
		return err->code;
	lp_log_say("lazypull record", "%s: %llu lines", a->out, (unsigned long long)lines);
	return LP_OK;
}

static enum lp_code run_in(struct lp_run_args *a, struct lp_rootfs *r, char *const *operand,
			   size_t noperand, int *status, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int trace = a->out ? memfd_create("trace", MFD_CLOEXEC) : -1;
	struct place p = {.dir = -1, .home = -1};
	enum lp_code code;

	if (a->out && trace < 0)
		return lp_fail_errno(err, "memfd");
	if (lp_rootfs_open(r, &a->common, &a->rootfs, operand[0], "", trace, err))
		return err->code;
	code = enter(&p, &r->store, err);
	if (!code)
		code = contain(a, r, operand + 1, noperand - 1, status, err);
	leave(&p, &r->store);
	return code || !a->out ? code : save_trace(a, r, trace, err);
}

int lp_run_status(enum lp_code code, const struct lp_err *err)
{
	if (err->rule && !strcmp(err->rule, "mount.runtime.command"))
		return code == LP_EMISSING ? LP_RUN_NO_COMMAND : LP_RUN_NO_EXEC;
	return LP_RUN_FAILED;
}

enum lp_code lp_run(struct lp_run_args *a, char *const *operand, size_t noperand, int *status,
		    struct lp_err *err)
{
	LP_AUTO(lp_rootfs_free) struct lp_rootfs r = LP_ROOTFS_EMPTY;
	char *volume[LP_OPTION_LIST] = {NULL};
	enum lp_code code = absolute_volumes(a, volume, err);

	if (!code)
		code = run_in(a, &r, operand, noperand, status, err);
	for (size_t i = 0; i < a->volume.n; i++)
		free(volume[i]);
	if (code)
		*status = lp_run_status(code, err);
	return code;
}

int lp_cmd_run(int argc, char **argv)
{
	struct lp_run_args a = {.rootfs = LP_ROOTFS_DEFAULTS};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status ? LP_RUN_FAILED : 0;
	if (lp_run(&a, argv + operand, (size_t)(argc - operand), &status, &err))
		lp_log_failure(usage.program, &err, a.common.json);
	return status;
}
