// SPDX-License-Identifier: MIT
#include "mount/bundle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OCI_VERSION "1.0.2"
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* moby, oci/caps/defaults.go, without CAP_MKNOD. */
static const char *const capabilities[] = {
	"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",	 "CAP_FOWNER",	"CAP_NET_RAW",
	"CAP_SETGID", "CAP_SETUID",	  "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
	"CAP_SYS_CHROOT", "CAP_KILL",	  "CAP_AUDIT_WRITE",
};

/* moby, oci/defaults.go. */
static const char *const masked[] = {
	"/proc/acpi",	    "/proc/asound",	 "/proc/kcore", "/proc/keys",
	"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi",	    "/sys/firmware",	 "/sys/devices/virtual/powercap",
};
static const char *const read_only[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

struct mounting {
	const char *at, *type, *source, *options;
};

static const struct mounting mounts[] = {
	{"/proc", "proc", "proc", "nosuid,noexec,nodev"},
	{"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
	{"/dev/pts", "devpts", "devpts",
	 "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
	{"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"},
	{"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
	{"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
};

/* Instead of them in a user namespace: it may not map group 5, and owns no network of the host. */
static const struct mounting
	user_pts = {"/dev/pts", "devpts", "devpts",
		    "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"},
	user_sys = {"/sys", "bind", "/sys", "rbind,nosuid,noexec,nodev,ro"};

/* What a container on the host's network shares of its names. */
static const char *const names_of_host[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/hostname"};

static json_t *words(const char *const *list, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_string(list[i]));
	return a;
}

static json_t *split(const char *text, size_t n, char at)
{
	json_t *a = json_array();

	while (n) {
		const char *end = memchr(text, at, n);
		size_t len = end ? (size_t)(end - text) : n;

		json_array_append_new(a, json_stringn(text, len));
		text += len + (end ? 1 : 0);
		n -= len + (end ? 1 : 0);
	}
	return a;
}

static json_t *mount_json(const char *at, size_t at_bytes, const char *type, json_t *source,
			  json_t *options)
{
	return json_pack("{s:s%, s:s, s:o, s:o}", "destination", at, at_bytes, "type", type, "source",
			 source, "options", options);
}

/* "/HOST:/CONTAINER[:OPTION[,OPTION]]" */
static enum lp_code add_volume(json_t *to, const char *text, struct lp_err *err)
{
	const char *at = strchr(text, ':');
	const char *options = at ? strchr(at + 1, ':') : NULL;
	size_t at_bytes = at ? (options ? (size_t)(options - at - 1) : strlen(at + 1)) : 0;
	json_t *flags;

	if (*text != '/' || !at_bytes || at[1] != '/')
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, "mount.bundle.volume",
			       "-v %.100s: want /HOST:/CONTAINER[:ro]", text);
	flags = options ? split(options + 1, strlen(options + 1), ',') : json_array();
	json_array_append_new(flags, json_string("rbind"));
	json_array_append_new(to, mount_json(at + 1, at_bytes, "bind",
					     json_stringn(text, (size_t)(at - text)), flags));
	return LP_OK;
}

static const struct mounting *allowed(const struct lp_bundle *b, const struct mounting *m)
{
	if (b->user && !strcmp(m->at, user_pts.at))
		return &user_pts;
	if (b->user && b->network == LP_NET_HOST && !strcmp(m->at, user_sys.at))
		return &user_sys;
	return m;
}

static enum lp_code mounts_json(const struct lp_bundle *b, json_t **out, struct lp_err *err)
{
	json_t *a = *out = json_array();

	for (size_t i = 0; i < COUNT(mounts); i++) {
		const struct mounting *m = allowed(b, &mounts[i]);

		json_array_append_new(a, mount_json(m->at, strlen(m->at), m->type,
						    json_string(m->source),
						    split(m->options, strlen(m->options), ',')));
	}
	for (size_t i = 0; b->network == LP_NET_HOST && i < COUNT(names_of_host); i++) {
		const char *path = names_of_host[i];

		if (access(path, R_OK))
			continue;
		json_array_append_new(a, mount_json(path, strlen(path), "bind", json_string(path),
						    split("rbind,ro", 8, ',')));
	}
	for (size_t i = 0; i < b->nvolume; i++)
		if (add_volume(a, b->volume[i], err))
			return err->code;
	return LP_OK;
}

static size_t key_bytes(const char *pair)
{
	return strcspn(pair, "=");
}

/* Set @pair in @to, in place of one with the same key. */
static void set_env(json_t *to, const char *pair, bool keep)
{
	size_t n = key_bytes(pair);

	for (size_t i = 0; i < json_array_size(to); i++) {
		const char *have = json_string_value(json_array_get(to, i));

		if (key_bytes(have) != n || strncmp(have, pair, n) != 0)
			continue;
		if (!keep)
			json_array_set_new(to, i, json_string(pair));
		return;
	}
	json_array_append_new(to, json_string(pair));
}

static void set_env_of(json_t *to, const char *key, const char *value)
{
	char pair[4096];

	if (value && snprintf(pair, sizeof(pair), "%s=%s", key, value) < (int)sizeof(pair))
		set_env(to, pair, true);
}

static json_t *env_json(const struct lp_bundle *b)
{
	json_t *a = json_array();

	for (size_t i = 0; i < json_array_size(b->image->env); i++)
		set_env(a, json_string_value(json_array_get(b->image->env, i)), false);
	for (size_t i = 0; i < b->nenv; i++) {
		if (strchr(b->env[i], '='))
			set_env(a, b->env[i], false);
		else
			set_env_of(a, b->env[i], getenv(b->env[i]));
	}
	set_env_of(a, "PATH", PATH_DEFAULT);
	set_env_of(a, "HOSTNAME", b->hostname);
	set_env_of(a, "HOME", b->account->home);
	set_env_of(a, "TERM", b->terminal ? "xterm" : NULL);
	return a;
}

static enum lp_code args_json(const struct lp_bundle *b, json_t **out, struct lp_err *err)
{
	json_t *a = *out = json_array();

	if (b->entrypoint && *b->entrypoint)
		json_array_append_new(a, json_string(b->entrypoint));
	else if (!b->entrypoint && b->image->entrypoint)
		json_array_extend(a, b->image->entrypoint);
	for (size_t i = 0; i < b->nargs; i++)
		json_array_append_new(a, json_string(b->args[i]));
	if (!b->nargs && !b->entrypoint && b->image->cmd)
		json_array_extend(a, b->image->cmd);
	if (!json_array_size(a))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, "mount.bundle.command",
			       "the image names no command, and none was given");
	return LP_OK;
}

static json_t *capabilities_json(const struct lp_account *a)
{
	/* For another user they would be lost by exec: leave only what it may gain. */
	size_t n = a->uid ? 0 : COUNT(capabilities);

	return json_pack("{s:o, s:o, s:o}", "bounding", words(capabilities, COUNT(capabilities)),
			 "effective", words(capabilities, n), "permitted", words(capabilities, n));
}

static enum lp_code process_json(const struct lp_bundle *b, json_t **out, struct lp_err *err)
{
	const char *cwd = b->workdir ? b->workdir : b->image->workdir;
	json_t *args = NULL, *groups = json_array();

	if (args_json(b, &args, err)) {
		json_decref(args);
		json_decref(groups);
		return err->code;
	}
	cwd = cwd && *cwd ? cwd : "/";
	for (size_t i = 0; i < b->account->ngroup; i++)
		json_array_append_new(groups, json_integer(b->account->group[i]));
	*out = json_pack("{s:b, s:{s:I, s:I, s:o}, s:o, s:o, s:s, s:o}", "terminal", b->terminal,
			 "user", "uid", (json_int_t)b->account->uid, "gid",
			 (json_int_t)b->account->gid, "additionalGids", groups, "args", args, "env",
			 env_json(b), "cwd", cwd, "capabilities", capabilities_json(b->account));
	if (*cwd != '/')
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, "mount.bundle.workdir",
			       "the working directory %.100s is not absolute", cwd);
	return LP_OK;
}

static json_t *linux_json(const struct lp_bundle *b)
{
	static const char *const own[] = {"pid", "ipc", "uts", "mount", "network"};
	size_t n = b->network == LP_NET_HOST ? COUNT(own) - 1 : COUNT(own);
	json_t *spaces = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(spaces, json_pack("{s:s}", "type", own[i]));
	return json_pack("{s:o, s:o, s:o}", "namespaces", spaces, "maskedPaths",
			 words(masked, COUNT(masked)), "readonlyPaths",
			 words(read_only, COUNT(read_only)));
}

enum lp_code lp_bundle_make(const struct lp_bundle *b, json_t **out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *process = NULL;
	LP_AUTO(lp_json_free) json_t *mount = NULL;

	if (process_json(b, &process, err) || mounts_json(b, &mount, err))
		return err->code;
	*out = json_pack("{s:s, s:O, s:{s:s, s:b}, s:s, s:O, s:o}", "ociVersion", OCI_VERSION,
			 "process", process, "root", "path", b->root, "readonly", b->read_only,
			 "hostname", b->hostname, "mounts", mount, "linux", linux_json(b));
	if (!*out)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	return LP_OK;
}
