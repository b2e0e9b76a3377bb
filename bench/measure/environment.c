// SPDX-License-Identifier: MIT
#include "measure/environment.h"

#include "base/file.h"
#include "base/log.h"
#include "measure/process.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)1 << 20)

static enum lp_code set(json_t *o, const char *key, json_t *value, struct lp_err *err)
{
	if (json_object_set_new(o, key, value))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	return LP_OK;
}

/* @text up to its first newline. */
static json_t *first_line(const char *text)
{
	return json_sprintf("%.*s", (int)strcspn(text, "\n"), text);
}

/* The line of a file that begins with @key, behind its colon; key "": the first one. */
static json_t *line_of(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[4096];
	json_t *found = NULL;

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *value = *key ? strchr(line, ':') : line;

		if (strncmp(line, key, strlen(key)) != 0 || !value)
			continue;
		found = first_line(*key ? value + 1 + strspn(value + 1, " \t") : line);
	}
	if (f)
		fclose(f);
	return found ? found : json_null();
}

/* The first line that a command prints. */
static json_t *says(const char *program, const char *argument)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lb_args a = {.n = 0};
	struct lp_err err;
	int status;

	lb_args_add(&a, "%s", program);
	lb_args_add(&a, "%s", argument);
	if (lb_capture(&a, TEXT_MAX, &out, &status, &err) || status ||
	    lp_buf_add(&out, "", 1, TEXT_MAX + 1, &err))
		return json_null();
	return first_line((const char *)out.p);
}

/* Type and options of the file system that @path is on: the longest mount point above it. */
static json_t *file_system(const char *path)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char device[256], at[1024], type[64], options[512], best[700] = "";
	size_t longest = 0;

	while (f && fscanf(f, "%255s %1023s %63s %511s %*s %*s", device, at, type, options) == 4) {
		size_t n = strlen(at);

		if (strncmp(path, at, n) != 0 || n < longest)
			continue;
		longest = n;
		snprintf(best, sizeof(best), "%s %s", type, options);
	}
	if (f)
		fclose(f);
	return json_string(best);
}

/* Words of the command line that make the kernel faster or slower; the rest is nobody's affair. */
static const char *const words[] = {
	"clocksource=", "cpuidle", "hugepage", "idle=", "intel_idle.", "intel_pstate=", "iommu",
	"isolcpus=", "l1tf=", "maxcpus=", "mds=", "mitigations=", "nohz", "nosmt", "preempt=",
	"processor.", "psi=", "rcu_nocbs=", "retbleed=", "spectre", "swiotlb=", "transparent_",
	"tsc=", "amd_pstate=",
};

static json_t *kernel_words(void)
{
	LP_AUTO(lp_json_free) json_t *line = line_of("/proc/cmdline", "");
	const char *text = json_string_value(line);
	char out[2048] = "";

	for (const char *p = text ? text : ""; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " "), at = strlen(out);

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (!strncmp(p, words[i], strlen(words[i]))) {
				snprintf(out + at, sizeof(out) - at, "%s%.*s", at ? " " : "",
					 (int)n, p);
				break;
			}
		p += n;
	}
	return json_string(out);
}

static enum lp_code add_machine(json_t *o, const char *state, struct lp_err *err)
{
	struct utsname u;

	uname(&u);
	if (set(o, "kernel", json_string(u.release), err) ||
	    set(o, "kernel_cmdline", kernel_words(), err) ||
	    set(o, "machine", json_string(u.machine), err) ||
	    set(o, "cpu", line_of("/proc/cpuinfo", "model name"), err) ||
	    set(o, "cpu_count", json_integer((json_int_t)sysconf(_SC_NPROCESSORS_ONLN)), err) ||
	    set(o, "clocksource", line_of("/sys/devices/system/clocksource/clocksource0/"
					  "current_clocksource", ""), err) ||
	    set(o, "governor", line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
				       ""), err) ||
	    set(o, "memory", line_of("/proc/meminfo", "MemTotal"), err) ||
	    set(o, "thp", line_of("/sys/kernel/mm/transparent_hugepage/enabled", ""), err) ||
	    set(o, "file_system", file_system(state), err) ||
	    set(o, "cgroup_v2", json_boolean(!access("/sys/fs/cgroup/cgroup.controllers", F_OK)),
		err))
		return err->code;
	return set(o, "tcp_congestion_control",
		   line_of("/proc/sys/net/ipv4/tcp_congestion_control", ""), err);
}

static enum lp_code add_software(json_t *o, struct lp_err *err)
{
	if (set(o, "libc", json_string(gnu_get_libc_version()), err) ||
	    set(o, "crun", says("crun", "--version"), err) ||
	    set(o, "runc", says("runc", "--version"), err))
		return err->code;
	return set(o, "os", line_of("/etc/debian_version", ""), err);
}

enum lp_code lb_environment(const char *state, json_t **out,
			    char fingerprint[static LB_FINGERPRINT_TEXT], struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = json_object();
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char hex[LP_DIGEST_TEXT];
	struct lp_digest d;

	*out = NULL;
	if (!o)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	if (add_machine(o, state, err) || add_software(o, err) ||
	    lp_json_print(o, &text, TEXT_MAX, err))
		return err->code;
	lp_digest_of(LP_SHA256, text.p, text.len, &d);
	lp_digest_hex(&d, hex);
	snprintf(fingerprint, LB_FINGERPRINT_TEXT, "%.12s", hex);
	*out = json_incref(o);
	return LP_OK;
}

static json_t *digest_of_file(const char *path)
{
	LP_AUTO(lp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	char text[LP_DIGEST_TEXT];
	struct lp_digest d;
	struct lp_err err;

	if (fd < 0 || lp_map_fd(&map, fd, &err))
		return json_null();
	lp_digest_of(LP_SHA256, map.p, map.bytes, &d);
	lp_digest_text(&d, text);
	return json_string(text);
}

enum lp_code lb_environment_now(const char *state, const char *lazypull, json_t **out,
				struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = json_object();
	struct statvfs fs = {0};
	char commit[LB_COMMIT_TEXT];

	*out = NULL;
	if (!o)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	statvfs(state, &fs);
	lb_commit(commit);
	if (set(o, "commit", json_string(commit), err) ||
	    set(o, "boot", line_of("/proc/sys/kernel/random/boot_id", ""), err) ||
	    set(o, "uptime", line_of("/proc/uptime", ""), err) ||
	    set(o, "load", line_of("/proc/loadavg", ""), err) ||
	    set(o, "pressure_cpu", line_of("/proc/pressure/cpu", ""), err) ||
	    set(o, "pressure_io", line_of("/proc/pressure/io", ""), err) ||
	    set(o, "free_bytes", json_integer((json_int_t)(fs.f_bavail * fs.f_frsize)), err) ||
	    set(o, "compiler", json_string(__VERSION__), err) ||
	    set(o, "lazypull_sha256", digest_of_file(lazypull), err) ||
	    set(o, "lazybench_sha256", digest_of_file("/proc/self/exe"), err))
		return err->code;
	*out = json_incref(o);
	return LP_OK;
}

json_t *lb_environment_peers(const char *directory)
{
	static const char *const names[] = {
		"containerd", "containerd-shim-runc-v2", "stargzd", "ctdrive", "esgz",
	};
	json_t *o = json_object();
	char path[1200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		json_object_set_new(o, names[i], digest_of_file(path));
	}
	snprintf(path, sizeof(path), "%s/containerd", directory);
	json_object_set_new(o, "containerd_version", says(path, "--version"));
	return o;
}

/* What git says, or "". */
static void git(const char *a, const char *b, const char *c, char *out, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lb_args args = {.n = 0};
	const char *const word[] = {"git", a, b, c};
	struct lp_err err;
	int status;

	for (size_t i = 0; i < 4; i++)
		lb_args_add(&args, "%s", word[i]);
	*out = '\0';
	if (lb_capture(&args, TEXT_MAX, &text, &status, &err) || status ||
	    lp_buf_add(&text, "", 1, TEXT_MAX + 1, &err))
		return;
	snprintf(out, n, "%.*s", (int)strcspn((const char *)text.p, "\n"), (const char *)text.p);
}

void lb_commit(char out[static LB_COMMIT_TEXT])
{
	char commit[16], changed[16];

	git("rev-parse", "--short=12", "HEAD", commit, sizeof(commit));
	git("status", "--porcelain", "--untracked-files=no", changed, sizeof(changed));
	snprintf(out, LB_COMMIT_TEXT, "%s%s", *commit ? commit : "unknown",
		 *changed ? "-dirty" : "");
}

uint64_t lb_pressure_us(void)
{
	FILE *f = fopen("/proc/pressure/cpu", "re");
	unsigned long long total = 0;

	if (f && fscanf(f, "some avg10=%*f avg60=%*f avg300=%*f total=%llu", &total) != 1)
		total = 0;
	if (f)
		fclose(f);
	return total;
}
