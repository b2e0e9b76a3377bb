// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "image/local.h"

#include <dirent.h>
#include <fcntl.h>
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

/* Everything that the image in images/@base names. */
static enum lp_code need_image(struct needed *n, struct lp_store *s, const char *base,
			       struct lp_err *err)
{
	LP_AUTO(lp_local_free) struct lp_local l = LP_LOCAL_EMPTY;
	char text[LP_DIGEST_TEXT], layer[LP_STORE_NAME];
	struct lp_digest manifest;
	struct lp_err unusable;

	snprintf(text, sizeof(text), "sha256:%.64s", base);
	if (lp_digest_parse(text, strlen(text), &manifest, &unusable) ||
	    lp_local_open(&l, s, &manifest, &unusable))
		return LP_OK;
	for (size_t i = 0; i < l.nlayer; i++) {
		lp_store_layer_name(&l.layer[i].diffid, layer);
		if (need(n, l.layer[i].device, err) || need(n, layer, err))
			return err->code;
	}
	return LP_OK;
}

/* Remove @name unless somebody holds a lock on it. */
static enum lp_code drop(const struct args *a, struct lp_store *s, const char *name,
			 struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return LP_OK;
	if (lp_store_remove(s, name, err))
		return err->code;
	printf(a->json ? "{\"removed\":\"%s\"}\n" : "%s\n", name);
	return LP_OK;
}

/* Go through the store's folder @folder: images say what is needed, the rest may go. */
static enum lp_code for_each(const struct args *a, struct lp_store *s, const char *folder,
			     struct needed *n, struct lp_err *err)
{
	int fd = openat(s->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool images = !strcmp(folder, "images");
	enum lp_code rc = LP_OK;
	struct dirent *e;

	while (!rc && dir && (e = readdir(dir))) {
		char name[LP_STORE_NAME + sizeof(e->d_name)];

		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		if (images && !a->keep_images)
			rc = drop(a, s, name, err);
		if (!rc && images && lp_store_has(s, name))
			rc = need_image(n, s, e->d_name, err);
		if (!rc && !images && !is_needed(n, name))
			rc = drop(a, s, name, err);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static enum lp_code prune(const struct args *a, struct lp_err *err)
{
	LP_AUTO(lp_store_free) struct lp_store s = {.dir = -1};
	struct needed n = {.text = {0}};
	enum lp_code rc;

	if (lp_store_open(&s, a->store, err))
		return err->code;
	rc = for_each(a, &s, "images", &n, err);
	rc = rc ? rc : for_each(a, &s, "devices", &n, err);
	rc = rc ? rc : for_each(a, &s, "layers", &n, err);
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
