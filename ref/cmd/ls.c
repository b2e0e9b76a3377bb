// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "image/local.h"
#include "layer/device.h"
#include "mount/unpacked.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct args {
	const char *store;
	bool json;
};

static const struct lp_option table[] = {
	{"store", 0, LP_OPT_TEXT, offsetof(struct args, store), "DIR", "where images are kept"},
	{"json", 0, LP_OPT_FLAG, offsetof(struct args, json), NULL, "one JSON object a line"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull ls",
	.operands = "",
	.what = "list the images of the store, and how much of each is there",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = 0,
};

/* Plain bytes of @l's devices that are ready, and all of them. */
static void count(const struct lp_local *l, struct lp_store *s, uint64_t *ready, uint64_t *all)
{
	*ready = *all = 0;
	for (size_t i = 0; i < l->nlayer; i++) {
		LP_AUTO(lp_device_free) struct lp_device d = {.data = -1, .dir = -1};
		struct lp_err err;
		uint32_t chunks;
		uint64_t bytes;

		if (lp_device_open(&d, s, l->layer[i].device, LP_DEVICE_READ, &err))
			continue;
		lp_device_count(&d, &chunks, &bytes);
		*ready += bytes;
		for (uint32_t k = 0; k < d.table.layer.nchunk; k++)
			*all += d.table.layer.chunk[k].bytes;
	}
}

static void print(const struct lp_local *l, struct lp_store *s, bool json)
{
	char digest[LP_DIGEST_TEXT];
	uint64_t ready, all;

	lp_digest_text(&l->manifest, digest);
	count(l, s, &ready, &all);
	if (json)
		printf("{\"name\":\"%s\",\"digest\":\"%s\",\"layers\":%zu,\"ready_bytes\":%llu,"
		       "\"plain_bytes\":%llu}\n",
		       l->name, digest, l->nlayer, (unsigned long long)ready,
		       (unsigned long long)all);
	else
		printf("%-60s %.19s  %3llu%% of %llu bytes\n", l->name, digest,
		       (unsigned long long)(all ? ready * 100 / all : 100),
		       (unsigned long long)all);
}

static void show_lazy(struct lp_store *s, const struct lp_digest *manifest, bool json)
{
	LP_AUTO(lp_local_free) struct lp_local l = LP_LOCAL_EMPTY;
	struct lp_err unusable;

	if (!lp_local_open(&l, s, manifest, &unusable))
		print(&l, s, json);
}

static void show_unpacked(struct lp_store *s, const struct lp_digest *manifest, bool json)
{
	LP_AUTO(lp_unpacked_free) struct lp_unpacked u = LP_UNPACKED_EMPTY;
	char digest[LP_DIGEST_TEXT];
	struct lp_err unusable;
	bool whole;

	if (lp_unpacked_open(&u, s, manifest, &unusable))
		return;
	whole = lp_unpacked_whole(&u, s);
	lp_digest_text(manifest, digest);
	if (json)
		printf("{\"name\":\"%s\",\"digest\":\"%s\",\"layers\":%zu,\"unpacked\":%s}\n",
		       u.name, digest, u.config.ndiffid, whole ? "true" : "false");
	else
		printf("%-60s %.19s  %s\n", u.name, digest, whole ? "unpacked" : "unpacked in part");
}

static enum lp_code for_each(struct lp_store *s, const char *folder, bool json,
			     void (*show)(struct lp_store *s, const struct lp_digest *manifest,
					  bool json),
			     struct lp_err *err)
{
	int fd = openat(s->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir)
		return lp_fail_errno(err, "%s", folder);
	while ((e = readdir(dir))) {
		struct lp_digest manifest;
		struct lp_err unusable;

		if (!lp_store_manifest(e->d_name, &manifest, &unusable))
			show(s, &manifest, json);
	}
	closedir(dir);
	return LP_OK;
}

static enum lp_code list(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store s = {.dir = -1};

	if (lp_store_open(&s, a->store, err) ||
	    for_each(&s, "images", a->json, show_lazy, err) ||
	    for_each(&s, "unpacked", a->json, show_unpacked, err))
		return err->code;
	return LP_OK;
}

int lp_cmd_ls(int argc, char **argv)
{
	struct args a = {.store = NULL};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_command_end(&usage, list(&a, &err), &err, a.json);
}
