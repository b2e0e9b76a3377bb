// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"
#include "cmd/common.h"
#include "cmd/prometheus.h"
#include "mount/client.h"

struct args {
	const char *store;
	bool waits, prometheus, json;
};

static const struct lp_option table[] = {
	{"store", 0, LP_OPT_TEXT, offsetof(struct args, store), "DIR",
	 "where images are kept (/var/lib/lazypull)"},
	{"waits", 0, LP_OPT_FLAG, offsetof(struct args, waits), NULL,
	 "the last reads of each mount that had to wait: for which file, and how long"},
	{"prometheus", 0, LP_OPT_FLAG, offsetof(struct args, prometheus), NULL,
	 "as Prometheus reads it: text for a file of node_exporter, or a web server"},
	{"json", 0, LP_OPT_FLAG, offsetof(struct args, json), NULL, "as JSON"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull status",
	.operands = "",
	.what = "what the store's keeper serves, and what it has fetched",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = 0,
};

static long long number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void print_waits(const json_t *m)
{
	const json_t *waits = json_object_get(m, "last_waits");

	for (size_t i = 0; i < json_array_size(waits); i++) {
		const json_t *w = json_array_get(waits, i);
		const char *path = text(w, "path");

		printf("  %9.1f ms  %7lld bytes at %lld of %s%s\n",
		       (double)number(w, "wait_ns") / 1e6, number(w, "bytes"),
		       number(w, "offset"), *path ? path : text(w, "path_base64"),
		       json_is_true(json_object_get(w, "failed")) ? "  (failed)" : "");
	}
}

static void print_mount(const json_t *m)
{
	const json_t *devices = json_object_get(m, "devices"), *f = json_object_get(m, "fuse");

	printf("%s  %s  %s\n", text(m, "mode"), text(m, "name"), text(m, "at"));
	printf("  %s\n  reads %lld (%lld bytes), waited %lld (%.1f ms), failed %lld\n",
	       text(m, "image"), number(f, "reads"), number(f, "read_bytes"), number(m, "waits"),
	       (double)number(m, "wait_ns") / 1e6, number(m, "failures"));
	for (size_t i = 0; i < json_array_size(devices); i++) {
		const json_t *d = json_array_get(devices, i);

		printf("  %s  %lld of %lld chunks, %lld bytes, %lld on disk\n", text(d, "device"),
		       number(d, "ready_chunks"), number(d, "chunks"), number(d, "ready_bytes"),
		       number(d, "disk_bytes"));
	}
	print_waits(m);
}

static void print(const json_t *j)
{
	const json_t *mounts = json_object_get(j, "mounts"), *f = json_object_get(j, "fetch");

	printf("keeper %lld (%lld bytes), worker %lld (%lld bytes)\n", number(j, "keeper"),
	       number(j, "keeper_rss_anon_bytes"), number(j, "worker"),
	       number(j, "worker_rss_anon_bytes"));
	if (f)
		printf("fetched %lld bytes with %lld requests, %lld tried again\n",
		       number(f, "body_bytes"), number(f, "requests"), number(f, "retries"));
	for (size_t i = 0; i < json_array_size(mounts); i++)
		print_mount(json_array_get(mounts, i));
}

static enum lp_code status(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store store = {.dir = -1};
	LP_AUTO(lp_client_free) struct lp_client client = {.socket = -1, .ready = -1};
	LP_AUTO(lp_json_free) json_t *j = NULL;
	enum lp_code code;

	if (lp_store_open(&store, a->store, err))
		return err->code;
	code = lp_client_find(&client, &store, err);
	if (!code)
		code = lp_client_status(&client, a->waits, &j, err);
	if (code && code != LP_EMISSING)
		return code;
	/* Nobody serves: that is an answer too. */
	if (code)
		j = json_pack("{s:i, s:i, s:[]}", "keeper", 0, "worker", 0, "mounts");
	if (a->prometheus)
		lp_prometheus_print(j, stdout);
	else if (a->json)
		json_dumpf(j, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	else if (code)
		printf("no keeper\n");
	else
		print(j);
	if (a->json && !a->prometheus)
		putchar('\n');
	return LP_OK;
}

int lp_cmd_status(int argc, char **argv)
{
	struct args a = {0};
	struct lp_err err = {0};
	int operand, rc;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &rc))
		return rc;
	return lp_command_end(&usage, status(&a, &err), &err, a.json);
}
