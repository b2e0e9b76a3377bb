// SPDX-License-Identifier: MIT
#include "experiment/lab.h"

#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READY_MS 10000			/* for the registry, ours */
#define DEFAULT_TIMEOUT_NS 120000000000u	/* of one run, ours */

enum lp_code lb_make_directory(const char *path, struct lp_err *err)
{
	char part[LB_PATH];

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%.40s...: path too long",
			       path);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0777) && errno != EEXIST)
			return lp_fail_errno(err, "mkdir %s", part);
		*p = '/';
	}
	if (mkdir(part, 0777) && errno != EEXIST)
		return lp_fail_errno(err, "mkdir %s", part);
	return LP_OK;
}

void lb_path(char out[static LB_PATH], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, LB_PATH, fmt, ap);
	va_end(ap);
}

void lb_lab_path(const struct lb_lab *l, const char *name, char out[static LB_PATH])
{
	lb_path(out, "%s/%s", l->work, name);
}

static enum lp_code absolute(const char *path, char *out, size_t n, struct lp_err *err)
{
	char *real = realpath(path, NULL);
	bool fits;

	if (!real)
		return lp_fail_errno(err, "%s", path);
	fits = (size_t)snprintf(out, n, "%s", real) < n;
	free(real);
	if (!fits)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "%s: path too long", path);
	return LP_OK;
}

/* Read the ready line of the registry, which says its address. */
static enum lp_code read_address(struct lb_lab *l, struct lp_err *err)
{
	struct pollfd wait = {l->registry.out, POLLIN, 0};
	LP_AUTO(lp_json_free) json_t *o = NULL;
	const char *url;
	char line[256];
	ssize_t n;

	if (poll(&wait, 1, READY_MS) != 1)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the registry does not start");
	n = read(l->registry.out, line, sizeof(line));
	if (n <= 0)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the registry has ended");
	if (lp_json_parse(line, (size_t)n, NULL, &o, err) ||
	    lp_json_string(o, "url", LP_JSON_REQUIRED, NULL, &url, err))
		return err->code;
	snprintf(l->host, sizeof(l->host), "%s", strstr(url, "//") ? strstr(url, "//") + 2 : url);
	return LP_OK;
}

/* At the address it had, if it had one; @knob: one more, or NULL. */
static enum lp_code start_registry(struct lb_lab *l, const struct lp_option_list *knobs,
				   const char *knob, struct lp_err *err)
{
	char root[LB_PATH], log[LB_PATH];
	struct lb_args a = {.n = 0};

	lb_lab_path(l, "registry", root);
	lb_lab_path(l, "requests.jsonl", log);
	if (lb_make_directory(root, err))
		return err->code;
	if (unlink(log) && errno != ENOENT)
		return lp_fail_errno(err, "remove %s", log);
	lb_args_add(&a, "/proc/self/exe");
	lb_args_add(&a, "registry");
	lb_args_add(&a, "--root=%s", root);
	lb_args_add(&a, "--log=%s", log);
	if (*l->host)
		lb_args_add(&a, "--port=%s", strrchr(l->host, ':') + 1);
	for (size_t i = 0; knobs && i < knobs->n; i++)
		lb_args_add(&a, "--knob=%s", knobs->text[i]);
	if (knob)
		lb_args_add(&a, "--knob=%s", knob);
	if (lb_process_start(&l->registry, &a, NULL, false, err))
		return err->code;
	return read_address(l, err);
}

enum lp_code lb_lab_open(struct lb_lab *l, const struct lb_lab_options *o, struct lp_err *err)
{
	const char *work = o->work ? o->work : "build/bench";

	*l = (struct lb_lab){.registry = {.pidfd = -1, .out = -1, .events = -1}};
	l->timeout_ns = o->timeout_ns ? o->timeout_ns : DEFAULT_TIMEOUT_NS;
	lb_programs_find(&l->programs, o->lazypull, o->peers);
	if (lb_make_directory(work, err) || absolute(work, l->work, sizeof(l->work), err))
		return err->code;
	snprintf(l->corpora, sizeof(l->corpora), "%s", o->corpora ? o->corpora : "build/corpora");
	l->knobs = o->knobs;
	l->remote = o->registry;
	if (l->remote)
		snprintf(l->host, sizeof(l->host), "%s", o->registry);
	else if (start_registry(l, l->knobs, NULL, err))
		return err->code;
	return lb_adopt(err);
}

static void end_registry(struct lb_lab *l, int signal)
{
	struct lb_cost cost = {0};

	if (l->registry.pid > 0) {
		kill(l->registry.pid, signal);
		lb_process_end(&l->registry, &cost);
		lb_process_free(&l->registry);
	}
	l->registry.pid = 0;
}

void lb_lab_free(struct lb_lab *l)
{
	end_registry(l, SIGTERM);
}

void lb_lab_desert(struct lb_lab *l)
{
	end_registry(l, SIGKILL);
}

enum lp_code lb_lab_serve(struct lb_lab *l, const struct lp_option_list *knobs,
			  struct lp_err *err)
{
	lb_lab_desert(l);
	l->log_off = 0;
	return start_registry(l, knobs, NULL, err);
}

enum lp_code lb_lab_behave(struct lb_lab *l, const char *knob, struct lp_err *err)
{
	lb_lab_free(l);
	l->log_off = 0;
	return start_registry(l, l->knobs, knob, err);
}
