// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "image/local.h"
#include "layer/device.h"

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

static enum lp_code list(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store s = {.dir = -1};
	struct dirent *e;
	DIR *dir;
	int fd;

	if (lp_store_open(&s, a->store, err))
		return err->code;
	fd = openat(s.dir, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (e = readdir(dir))) {
		LP_AUTO(lp_local_free) struct lp_local l = LP_LOCAL_EMPTY;
		struct lp_digest manifest;
		struct lp_err unusable;
		char text[LP_DIGEST_TEXT];

		snprintf(text, sizeof(text), "sha256:%.64s", e->d_name);
		if (lp_digest_parse(text, strlen(text), &manifest, &unusable) ||
		    lp_local_open(&l, &s, &manifest, &unusable))
			continue;
		print(&l, &s, a->json);
	}
	if (dir)
		closedir(dir);
	return LP_OK;
}

int lp_cmd_ls(int argc, char **argv)
{
	struct args a = {.store = NULL};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_common_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_common_end(&usage, list(&a, &err), &err, a.json);
}
