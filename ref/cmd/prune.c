// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "image/local.h"
#include "mount/unpacked.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

struct args {
	const char *store;
	bool json, keep_images;
};

static const struct lp_option table[] = {
	{"store", 0, LP_OPT_TEXT, offsetof(struct args, store), "DIR", "where images are kept"},
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

/* Names below a folder of the store that images still need, one behind the other. */
struct needed {
	struct lp_buf text;
};

#define NEEDED_MAX ((size_t)64 << 20) /* bytes, ours: 300,000 names */

static bool is_needed(const struct needed *n, const char *name)
{
	for (size_t at = 0; at < n->text.len; at += strlen((char *)n->text.p + at) + 1)
		if (!strcmp((char *)n->text.p + at, name))
			return true;
	return false;
}

static enum lp_code need(struct needed *n, const char *name, struct lp_err *err)
{
	return lp_buf_add(&n->text, name, strlen(name) + 1, NEEDED_MAX, err);
}

/* The devices that the image @manifest names. */
static enum lp_code need_devices(struct needed *n, struct lp_store *s,
				 const struct lp_digest *manifest, struct lp_err *err)
{
	LP_AUTO(lp_local_free) struct lp_local l = LP_LOCAL_EMPTY;
	struct lp_err unusable;

	if (lp_local_open(&l, s, manifest, &unusable))
		return LP_OK;
	for (size_t i = 0; i < l.nlayer; i++)
		if (need(n, l.layer[i].device, err))
			return err->code;
	return LP_OK;
}

/* The unpacked layers that the image @manifest names. */
static enum lp_code need_layers(struct needed *n, struct lp_store *s,
				const struct lp_digest *manifest, struct lp_err *err)
{
	LP_AUTO(lp_unpacked_free) struct lp_unpacked u = LP_UNPACKED_EMPTY;
	char layer[LP_STORE_NAME];
	struct lp_err unusable;

	if (lp_unpacked_open(&u, s, manifest, &unusable))
		return LP_OK;
	for (size_t i = 0; i < u.config.ndiffid; i++) {
		lp_store_layer_name(&u.config.diffid[i], layer);
		if (need(n, layer, err))
			return err->code;
	}
	return LP_OK;
}

/* Remove @name unless somebody holds a lock on it, or it is @manifest's and mounted. */
static enum lp_code drop(const struct args *a, struct lp_store *s, const char *name,
			 const struct lp_digest *manifest, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || (manifest && lp_unpacked_mounted(manifest)))
		return LP_OK;
	if (lp_store_remove(s, name, err))
		return err->code;
	printf(a->json ? "{\"removed\":\"%s\"}\n" : "%s\n", name);
	return LP_OK;
}

/* A folder of images, or one of data that images name. */
struct folder {
	const char *name;
	enum lp_code (*need)(struct needed *n, struct lp_store *s,
			     const struct lp_digest *manifest, struct lp_err *err);
	bool mounted_by_path;	/* by no process that holds a lock */
};

static const struct folder folders[] = {
	{"images", need_devices, false},
	{"unpacked", need_layers, true},
	{"devices", NULL, false},
	{"layers", NULL, false},
};

static enum lp_code visit(const struct args *a, struct lp_store *s, const struct folder *f,
			  const char *base, struct needed *n, struct lp_err *err)
{
	char name[LP_STORE_NAME + NAME_MAX];
	struct lp_digest manifest;
	struct lp_err unusable;

	snprintf(name, sizeof(name), "%s/%s", f->name, base);
	if (!f->need)
		return is_needed(n, name) ? LP_OK : drop(a, s, name, NULL, err);
	if (lp_store_manifest(base, &manifest, &unusable))
		return LP_OK;
	if (!a->keep_images && drop(a, s, name, f->mounted_by_path ? &manifest : NULL, err))
		return err->code;
	return lp_store_has(s, name) ? f->need(n, s, &manifest, err) : LP_OK;
}

static enum lp_code for_each(const struct args *a, struct lp_store *s, const struct folder *f,
			     struct needed *n, struct lp_err *err)
{
	int fd = openat(s->dir, f->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum lp_code rc = LP_OK;
	const struct dirent *e;

	while (!rc && dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			rc = visit(a, s, f, e->d_name, n, err);
	if (dir)
		closedir(dir);
	return rc;
}

static enum lp_code prune(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store s = {.dir = -1};
	struct needed n = {.text = {0}};
	enum lp_code rc = LP_OK;

	if (lp_store_open(&s, a->store, err))
		return err->code;
	for (size_t i = 0; !rc && i < sizeof(folders) / sizeof(folders[0]); i++)
		rc = for_each(a, &s, &folders[i], &n, err);
	rc = rc ? rc : lp_store_sweep(&s, err);
	lp_buf_free(&n.text);
	return rc;
}

int lp_cmd_prune(int argc, char **argv)
{
	struct args a = {.store = NULL};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_common_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_common_end(&usage, prune(&a, &err), &err, a.json);
}
