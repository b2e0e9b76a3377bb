// SPDX-License-Identifier: MIT
#include "mount/request.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULE "mount.control.message"
#define READ_TIMEOUT_NS 60000000000ull	/* design.md 10.7 */

static const char *const policies[] = {"none", "async", "wait"};
static const char *const kinds[] = {"list", "trace", "events"};

enum lp_code lp_serve_write(const struct lp_serve *what, struct lp_packet *fds, struct lp_err *err)
{
	const int fd[] = {what->list, what->trace, what->events};
	json_t *names = json_array();
	char image[LP_DIGEST_TEXT];
	int bad = 0;

	for (size_t i = 0; i < 3; i++) {
		if (fd[i] < 0)
			continue;
		bad |= json_array_append_new(names, json_string(kinds[i]));
		fds->fd[fds->nfd++] = fd[i];
	}
	lp_digest_text(&what->image, image);
	bad |= json_object_set_new(what->document, "op", json_string("mount"));
	bad |= json_object_set_new(what->document, "image", json_string(image));
	bad |= json_object_set_new(what->document, "at", json_string(what->at));
	bad |= json_object_set_new(what->document, "prefetch",
				   json_string(policies[what->prefetch]));
	bad |= json_object_set_new(what->document, "mount",
				   json_string(what->kernel ? "kernel" : "fuse"));
	bad |= json_object_set_new(what->document, "background", json_boolean(what->background));
	bad |= json_object_set_new(what->document, "read_timeout_ns",
				   json_integer((json_int_t)what->read_timeout_ns));
	bad |= json_object_set_new(what->document, "descriptors", names);
	if (bad)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the mount request");
	return LP_OK;
}

static enum lp_code read_fds(const json_t *j, const struct lp_packet *fds, struct lp_serve *out,
			     struct lp_err *err)
{
	int *const to[] = {&out->list, &out->trace, &out->events};
	json_t *names = NULL;

	if (lp_json_child(j, "descriptors", JSON_ARRAY, LP_JSON_OPTIONAL, RULE, &names, err))
		return err->code;
	if (json_array_size(names) != fds->nfd)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "%zu descriptors, %zu names",
			       fds->nfd, json_array_size(names));
	for (size_t i = 0; i < fds->nfd; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		size_t kind = 0;

		while (kind < 3 && name && strcmp(name, kinds[kind]) != 0)
			kind++;
		if (!name || kind == 3)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE,
				       "an unknown descriptor");
		*to[kind] = fds->fd[i];
	}
	return LP_OK;
}

enum lp_code lp_serve_read(json_t *j, const struct lp_packet *fds, struct lp_serve *out,
			   struct lp_err *err)
{
	const char *at = NULL, *policy = NULL, *mount = NULL;

	*out = (struct lp_serve){.document = j, .list = -1, .trace = -1, .events = -1,
				 .at = "", .read_timeout_ns = READ_TIMEOUT_NS};
	if (lp_json_digest(j, "image", LP_JSON_REQUIRED, RULE, &out->image, err) ||
	    lp_json_string(j, "at", LP_JSON_OPTIONAL, RULE, &at, err) ||
	    lp_json_string(j, "prefetch", LP_JSON_REQUIRED, RULE, &policy, err) ||
	    lp_json_string(j, "mount", LP_JSON_OPTIONAL, RULE, &mount, err) ||
	    lp_json_u64(j, "read_timeout_ns", LP_JSON_REQUIRED, RULE, &out->read_timeout_ns,
			err) ||
	    read_fds(j, fds, out, err))
		return err->code;
	out->at = at ? at : "";
	out->kernel = mount && !strcmp(mount, "kernel");
	out->background = json_is_true(json_object_get(j, "background"));
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strcmp(policies[i], policy) != 0)
			continue;
		out->prefetch = (enum lp_policy)i;
		return LP_OK;
	}
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "the prefetch policy \"%.40s\"", policy);
}

/* RssAnon of a process in bytes, or -1. */
static json_int_t rss_anon(pid_t pid)
{
	char path[40], line[160];
	long long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "RssAnon:", 8))
			kib = strtoll(line + 8, NULL, 10);
	if (f)
		fclose(f);
	return kib < 0 ? -1 : kib * 1024;
}

static json_t *count_json(const struct lp_worker_count *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "demand_wants", (json_int_t)c->loader.demand_wants, "demand_fetches",
			 (json_int_t)c->loader.demand_fetches, "prefetch_fetches",
			 (json_int_t)c->loader.prefetch_fetches, "background_fetches",
			 (json_int_t)c->loader.background_fetches, "stored_bytes",
			 (json_int_t)c->loader.stored_bytes, "plain_bytes",
			 (json_int_t)c->loader.plain_bytes, "wait_ns",
			 (json_int_t)c->loader.wait_ns, "requests",
			 (json_int_t)c->registry.requests, "body_bytes",
			 (json_int_t)c->registry.body_bytes, "retries",
			 (json_int_t)c->registry.retries);
}

json_t *lp_status_json(const struct lp_served *served, pid_t worker,
		       const struct lp_worker_count *count)
{
	json_t *mounts = json_array();
	json_t *j = json_pack("{s:i, s:I, s:i, s:I, s:i, s:I, s:o}", "watchdog", (int)getppid(),
			      "watchdog_rss_anon_bytes", rss_anon(getppid()), "keeper",
			      (int)getpid(), "keeper_rss_anon_bytes", rss_anon(getpid()), "worker",
			      (int)worker, "worker_rss_anon_bytes",
			      worker > 0 ? rss_anon(worker) : 0, "mounts", mounts);

	for (const struct lp_served *s = served; j && s; s = s->next)
		json_array_append_new(mounts, lp_served_json(s));
	if (j && count)
		json_object_set_new(j, "fetch", count_json(count));
	return j;
}
