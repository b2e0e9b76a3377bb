// SPDX-License-Identifier: MIT
#include "cmd/prometheus.h"

#include <stdbool.h>

/* One name: a member of an object, or, of kind KINDS, three of them under a label. */
struct metric {
	const char *name, *type, *help;
	const char *part;	/* the object's own member that has it; NULL: the object */
	const char *key;	/* KINDS: behind "demand_" and so on */
	enum { COUNT, NS, YES, KINDS } kind;
};

static const struct metric of_keeper[] = {
	{"keeper_up", "gauge", "Does a keeper serve the store?", NULL, "keeper", YES},
	{"worker_up", "gauge", "Has the keeper a worker?", NULL, "worker", YES},
	{"keeper_anonymous_bytes", "gauge", "Memory of the keeper (RssAnon).", NULL,
	 "keeper_rss_anon_bytes", COUNT},
	{"worker_anonymous_bytes", "gauge", "Memory of its worker (RssAnon).", NULL,
	 "worker_rss_anon_bytes", COUNT},
	{"registry_requests_total", "counter", "HTTP requests to registries.", "fetch", "requests",
	 COUNT},
	{"registry_bytes_total", "counter", "Bytes of their answers.", "fetch", "body_bytes", COUNT},
	{"registry_retries_total", "counter", "Requests that were tried again.", "fetch", "retries",
	 COUNT},
	{"plain_bytes_total", "counter", "Bytes that were decoded.", "fetch", "plain_bytes", COUNT},
	{0},
};

static const struct metric of_mount[] = {
	{"mount_reads_total", "counter", "Reads of a FUSE mount.", "fuse", "reads", COUNT},
	{"mount_read_bytes_total", "counter", "Bytes of them.", "fuse", "read_bytes", COUNT},
	{"mount_ahead_total", "counter", "Files pushed before they were asked for.", "fuse",
	 "ahead", COUNT},
	{"mount_ahead_bytes_total", "counter", "Bytes of them.", "fuse", "ahead_bytes", COUNT},
	{"mount_events_total", "counter", "Ranges that a kernel mount asked for.", "gate", "events",
	 COUNT},
	{"mount_failures_total", "counter", "Reads that got an error.", NULL, "failures", COUNT},
	{"mount_waits_total", "counter", "Reads that had to wait for a registry.", NULL, "waits",
	 COUNT},
	{"mount_wait_seconds_total", "counter", "How long they did, summed.", NULL, "wait_ns", NS},
	{0},
};

static const struct metric of_device[] = {
	{"device_bytes", "gauge", "Size of the device.", NULL, "device_bytes", COUNT},
	{"device_disk_bytes", "gauge", "What it takes on disk.", NULL, "disk_bytes", COUNT},
	{"device_ready_bytes", "gauge", "Bytes of it that are there.", NULL, "ready_bytes", COUNT},
	{"device_chunks", "gauge", "Its chunks.", NULL, "chunks", COUNT},
	{"device_ready_chunks", "gauge", "Chunks of it that are there.", NULL, "ready_chunks", COUNT},
	{"device_fetches_total", "counter", "Ranges of the blob that were asked for.", NULL,
	 "requests", KINDS},
	{"device_fetched_bytes_total", "counter", "Bytes of them.", NULL, "bytes", KINDS},
	{0},
};

/* NAME="VALUE", escaped. */
static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; value && *value; value++) {
		if (*value == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
	putc('"', out);
}

/* The labels of a mount or a device @o; of one thing, the same for every metric. */
static void put_labels(FILE *out, const json_t *o, const char *kind)
{
	static const char *const keys[] = {"image", "name", "at", "device"};
	const json_t *number = json_object_get(o, "number");
	const char *comma = "";

	if (number)
		fprintf(out, "mount=\"%lld\"", (long long)json_integer_value(number));
	comma = number ? "," : "";
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = json_string_value(json_object_get(o, keys[i]));

		if (!value)
			continue;
		fputs(comma, out);
		put_label(out, keys[i], value);
		comma = ",";
	}
	if (kind) {
		fputs(comma, out);
		put_label(out, "kind", kind);
	}
}

static void put_sample(FILE *out, const struct metric *m, const json_t *o, const char *kind,
		       const json_t *value)
{
	long long n = (long long)json_integer_value(value);
	bool labelled = json_object_get(o, "number") || json_object_get(o, "device");

	if (!value)
		return;
	fprintf(out, "lazypull_%s%s", m->name, labelled ? "{" : "");
	if (labelled)
		put_labels(out, o, kind);
	fputs(labelled ? "} " : " ", out);
	if (m->kind == NS)
		fprintf(out, "%lld.%09lld\n", n / 1000000000, n % 1000000000);
	else
		fprintf(out, "%lld\n", m->kind == YES ? n > 0 : n);
}

static void put_kinds(FILE *out, const struct metric *m, const json_t *o)
{
	static const char *const kinds[] = {"demand", "prefetch", "background"};
	char key[40];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(key, sizeof(key), "%s_%s", kinds[i], m->key);
		put_sample(out, m, o, kinds[i], json_object_get(o, key));
	}
}

/* Every metric of @m for every object of @of: samples of one name stand together. */
static void put_all(FILE *out, const struct metric *m, const json_t *of)
{
	for (; m->name; m++) {
		fprintf(out, "# HELP lazypull_%s %s\n# TYPE lazypull_%s %s\n", m->name, m->help,
			m->name, m->type);
		for (size_t i = 0; i < json_array_size(of); i++) {
			const json_t *o = json_array_get(of, i);

			if (m->kind == KINDS)
				put_kinds(out, m, o);
			else
				put_sample(out, m, o, NULL,
					   json_object_get(m->part ? json_object_get(o, m->part) : o,
							   m->key));
		}
	}
}

/* The devices of all mounts, each once. */
static json_t *devices_of(const json_t *mounts)
{
	json_t *out = json_array(), *seen = json_object();

	for (size_t i = 0; i < json_array_size(mounts); i++) {
		const json_t *devices = json_object_get(json_array_get(mounts, i), "devices");

		for (size_t k = 0; k < json_array_size(devices); k++) {
			json_t *d = json_array_get(devices, k);
			const char *name = json_string_value(json_object_get(d, "device"));

			if (!name || json_object_get(seen, name))
				continue;
			json_object_set(seen, name, d);
			json_array_append(out, d);
		}
	}
	json_decref(seen);
	return out;
}

void lp_prometheus_print(const json_t *status, FILE *out)
{
	json_t *mounts = json_object_get(status, "mounts"), *devices = devices_of(mounts);
	json_t *keeper = json_pack("[O]", status);

	put_all(out, of_keeper, keeper);
	put_all(out, of_mount, mounts);
	put_all(out, of_device, devices);
	json_decref(keeper);
	json_decref(devices);
}
