// SPDX-License-Identifier: MIT
#include "mount/status.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512	/* of st_blocks: stat(2) */

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

/* What device @h takes on disk, and what was fetched for it, into its object @o. */
static void add_device(json_t *o, const struct lp_held *h, const struct lp_worker_count *c)
{
	static const char *const requests[] = {"demand_requests", "prefetch_requests",
					       "background_requests"};
	static const char *const bytes[] = {"demand_bytes", "prefetch_bytes", "background_bytes"};
	struct stat st;

	if (!fstat(h->device.data, &st))
		json_object_set_new(o, "disk_bytes", json_integer((json_int_t)st.st_blocks * BLOCK));
	for (size_t i = 0; c && h->number < LP_COUNT_DEVICES && i < LP_CLASSES; i++) {
		const struct lp_fetched *f = &c->device[h->number];

		json_object_set_new(o, requests[i], json_integer((json_int_t)f->requests[i]));
		json_object_set_new(o, bytes[i], json_integer((json_int_t)f->bytes[i]));
	}
}

/* The devices that lp_served_json() has listed: those that were not given back. */
static void add_devices(json_t *mount, const struct lp_served *s, const struct lp_worker_count *c)
{
	const json_t *devices = json_object_get(mount, "devices");
	size_t at = 0;

	for (size_t i = 0; i < s->local.nlayer; i++)
		if (s->held[i])
			add_device(json_array_get(devices, at++), s->held[i], c);
}

/* One log of waits of a mount: its sums into @n and @wait_ns, the last ones into @list. */
static void take_waits(struct lp_waits *w, uint32_t device, struct lp_buf *list, uint64_t *n,
		       uint64_t *wait_ns)
{
	uint64_t one, one_ns;
	struct lp_err untold;

	lp_waits_sum(w, &one, &one_ns);
	*n += one;
	*wait_ns += one_ns;
	if (lp_waits_list(w, device, list, &untold))
		list->len = 0;
}

/* The mount's own waits, and those for the devices that the kernel reads by itself. */
static void add_waits(json_t *mount, struct lp_served *s, bool each)
{
	LP_AUTO(lp_buf_free) struct lp_buf list = {0};
	json_t *waits = NULL;
	uint64_t n = 0, wait_ns = 0;
	struct lp_err untold;

	take_waits(&s->waits, 0, &list, &n, &wait_ns);
	for (size_t i = 0; i < s->local.nlayer; i++) {
		struct lp_waits *w = s->closed[i] ? lp_gate_waits(s->serving->gate, s->held[i])
						  : NULL;

		if (w)
			take_waits(w, (uint32_t)i + 1, &list, &n, &wait_ns);
	}
	json_object_set_new(mount, "waits", json_integer((json_int_t)n));
	json_object_set_new(mount, "wait_ns", json_integer((json_int_t)wait_ns));
	if (each && !lp_waits_json(&list, &s->local.tree, &waits, &untold))
		json_object_set_new(mount, "last_waits", waits);
}

/* Whoever serves the mount counts them. */
static void add_failures(json_t *mount)
{
	json_int_t n = 0;

	n += json_integer_value(json_object_get(json_object_get(mount, "fuse"), "failed"));
	n += json_integer_value(json_object_get(json_object_get(mount, "gate"), "failed"));
	json_object_set_new(mount, "failures", json_integer(n));
}

json_t *lp_status_json(struct lp_served *served, pid_t worker,
		       const struct lp_worker_count *count, bool waits)
{
	json_t *mounts = json_array();
	json_t *j = json_pack("{s:i, s:I, s:i, s:I, s:i, s:I, s:o}", "watchdog", (int)getppid(),
			      "watchdog_rss_anon_bytes", rss_anon(getppid()), "keeper",
			      (int)getpid(), "keeper_rss_anon_bytes", rss_anon(getpid()), "worker",
			      (int)worker, "worker_rss_anon_bytes",
			      worker > 0 ? rss_anon(worker) : 0, "mounts", mounts);

	for (struct lp_served *s = served; j && s; s = s->next) {
		json_t *mount = lp_served_json(s);

		add_devices(mount, s, count);
		add_waits(mount, s, waits);
		add_failures(mount);
		json_object_set_new(mount, "number", json_integer((json_int_t)s->number));
		json_array_append_new(mounts, mount);
	}
	if (j && count)
		json_object_set_new(j, "fetch", count_json(count));
	return j;
}
