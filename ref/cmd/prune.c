// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "cmd/inventory.h"
#include "layer/device.h"
#include "mount/unpacked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

struct args {
	const char *store;
	uint64_t max_bytes;
	bool json, keep_images;
};

static const struct lp_option table[] = {
	{"store", 0, LP_OPT_TEXT, offsetof(struct args, store), "DIR", "where images are kept"},
	{"max-bytes", 0, LP_OPT_BYTES, offsetof(struct args, max_bytes), "SIZE",
	 "stop when the store takes no more: the longest unused go first (0)"},
	{"dangling", 0, LP_OPT_FLAG, offsetof(struct args, keep_images), NULL,
	 "keep images; remove only data that no image names"},
	{"json", 0, LP_OPT_FLAG, offsetof(struct args, json), NULL, "what was removed, as JSON lines"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull prune",
	.operands = "",
	.what = "remove images that are not mounted, and data that no image names",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 0,
	.most = 0,
};

static enum lp_code drop_device(struct lp_store *s, const char *name, bool *gone,
				struct lp_err *err)
{
	enum lp_code code = lp_device_remove(s, name, err);

	*gone = !code;
	return code == LP_ESYSTEM && err->sys == EWOULDBLOCK ? LP_OK : code;
}

/* An image, or an unpacked layer: *gone unless somebody holds a lock on it, or has it mounted. */
static enum lp_code drop_directory(struct lp_store *s, const struct lp_item *item, bool *gone,
				   struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(s->dir, item->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) ||
	    (item->unpacked && lp_unpacked_mounted(&item->manifest)))
		return LP_OK;
	*gone = true;
	return lp_store_remove(s, item->name, err);
}

static enum lp_code drop(const struct args *a, struct lp_store *s, struct lp_inventory *v,
			 size_t i, struct lp_err *err)
{
	size_t n;
	const struct lp_item *item = lp_inventory_items(v, &n) + i;
	bool gone = false;
	enum lp_code code = strncmp(item->name, "devices/", 8) ? drop_directory(s, item, &gone, err)
							       : drop_device(s, item->name, &gone, err);

	if (code || !gone)
		return code;
	lp_inventory_drop(v, i);
	printf(a->json ? "{\"removed\":\"%s\",\"bytes\":%llu}\n" : "%s\n", item->name,
	       (unsigned long long)item->bytes);
	return LP_OK;
}

static enum lp_code drop_dangling(const struct args *a, struct lp_store *s,
				  struct lp_inventory *v, struct lp_err *err)
{
	size_t n;
	const struct lp_item *item = lp_inventory_items(v, &n);

	for (size_t i = 0; i < n; i++)
		if (!item[i].image && !item[i].gone && !item[i].users && drop(a, s, v, i, err))
			return err->code;
	return LP_OK;
}

/* The image that was not used for the longest time and was not @tried; @n: none. */
static size_t oldest(const struct lp_item *item, size_t n, const bool *tried)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		if (item[i].image && !tried[i] &&
		    (best == n || item[i].used_ns < item[best].used_ns))
			best = i;
	return best;
}

static enum lp_code drop_all(const struct args *a, struct lp_store *s, struct lp_inventory *v,
			     struct lp_err *err)
{
	size_t n;
	const struct lp_item *item = lp_inventory_items(v, &n);
	bool *tried = calloc(n + 1, sizeof(*tried));
	enum lp_code rc = tried ? LP_OK : lp_fail_errno(err, "memory for %zu items", n);

	rc = rc ? rc : drop_dangling(a, s, v, err);
	while (!rc && !a->keep_images && (!a->max_bytes || lp_inventory_bytes(v) > a->max_bytes)) {
		size_t i = oldest(item, n, tried);

		if (i == n)
			break;
		tried[i] = true;
		rc = drop(a, s, v, i, err);
		rc = rc ? rc : drop_dangling(a, s, v, err);
	}
	free(tried);
	return rc;
}

static enum lp_code prune(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store s = {.dir = -1};
	LP_AUTO(lp_inventory_free) struct lp_inventory v = {.items = {0}};
	LP_AUTO(lp_fd_close) int guard = -1;

	if (lp_store_open(&s, a->store, err) || lp_store_guard(&s, true, &guard, err) ||
	    lp_inventory_take(&v, &s, err) || drop_all(a, &s, &v, err))
		return err->code;
	if (a->max_bytes && lp_inventory_bytes(&v) > a->max_bytes)
		lp_log_say(usage.program, "%llu bytes are in use and stay",
			   (unsigned long long)lp_inventory_bytes(&v));
	return lp_store_sweep(&s, err);
}

int lp_cmd_prune(int argc, char **argv)
{
	struct args a = {.store = NULL};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_command_end(&usage, prune(&a, &err), &err, a.json);
}
