// SPDX-License-Identifier: MIT
#include "cmd/inventory.h"

#include "image/local.h"
#include "layer/usage.h"
#include "mount/unpacked.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define ITEMS_MAX ((size_t)256 << 20)	/* bytes, ours: half a million items */

struct lp_item *lp_inventory_items(const struct lp_inventory *v, size_t *n)
{
	*n = v->items.len / sizeof(struct lp_item);
	return (struct lp_item *)(void *)v->items.p;
}

static size_t *needs_of(const struct lp_inventory *v, const struct lp_item *item)
{
	return (size_t *)(void *)v->needs.p + item->need;
}

/* The image @of names @name; data that is not there is nobody's. */
static enum lp_code need(struct lp_inventory *v, struct lp_item *of, const char *name,
			 struct lp_err *err)
{
	size_t n;
	struct lp_item *item = lp_inventory_items(v, &n);

	for (size_t i = 0; i < n; i++) {
		if (item[i].image || strcmp(item[i].name, name) != 0)
			continue;
		item[i].users++;
		of->nneed++;
		return lp_buf_add(&v->needs, &i, sizeof(i), ITEMS_MAX, err);
	}
	return LP_OK;
}

static enum lp_code need_devices(struct lp_inventory *v, struct lp_store *s, struct lp_item *of,
				 struct lp_err *err)
{
	LP_AUTO(lp_local_free) struct lp_local l = LP_LOCAL_EMPTY;
	struct lp_err unusable;

	if (lp_local_open(&l, s, &of->manifest, &unusable))
		return LP_OK;
	for (size_t i = 0; i < l.nlayer; i++)
		if (need(v, of, l.layer[i].device, err))
			return err->code;
	return LP_OK;
}

static enum lp_code need_layers(struct lp_inventory *v, struct lp_store *s, struct lp_item *of,
				struct lp_err *err)
{
	LP_AUTO(lp_unpacked_free) struct lp_unpacked u = LP_UNPACKED_EMPTY;
	char layer[LP_STORE_NAME];
	struct lp_err unusable;

	if (lp_unpacked_open(&u, s, &of->manifest, &unusable))
		return LP_OK;
	for (size_t i = 0; i < u.config.ndiffid; i++) {
		lp_store_layer_name(&u.config.diffid[i], layer);
		if (need(v, of, layer, err))
			return err->code;
	}
	return LP_OK;
}

/* Data comes first: a layer is there only after the record that names it. */
static const struct folder {
	const char *name;
	enum lp_code (*need)(struct lp_inventory *v, struct lp_store *s, struct lp_item *of,
			     struct lp_err *err);	/* NULL: of data */
	bool unpacked;
} folders[] = {
	{"devices", NULL, false},
	{"layers", NULL, false},
	{"images", need_devices, false},
	{"unpacked", need_layers, true},
};

static enum lp_code add(struct lp_inventory *v, struct lp_store *s, const struct folder *f,
			const char *base, struct lp_err *err)
{
	struct lp_item item = {.image = f->need, .unpacked = f->unpacked,
			       .need = v->needs.len / sizeof(size_t)};
	struct lp_err unusable;

	snprintf(item.name, sizeof(item.name), "%.10s/%s", f->name, base);
	/* What has no manifest's name is not ours to remove. */
	if (f->need && lp_store_manifest(base, &item.manifest, &unusable))
		return LP_OK;
	item.used_ns = lp_usage_time(s, item.name);
	if (lp_usage_bytes(s, item.name, &item.bytes, err) || (f->need && f->need(v, s, &item, err)))
		return err->code;
	return lp_buf_add(&v->items, &item, sizeof(item), ITEMS_MAX, err);
}

static enum lp_code add_all(struct lp_inventory *v, struct lp_store *s, const struct folder *f,
			    struct lp_err *err)
{
	int fd = openat(s->dir, f->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum lp_code rc = LP_OK;
	const struct dirent *e;

	if (!dir)
		return lp_fail_errno(err, "%s", f->name);
	while (!rc && (e = readdir(dir)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			rc = add(v, s, f, e->d_name, err);
	closedir(dir);
	return rc;
}

enum lp_code lp_inventory_take(struct lp_inventory *v, struct lp_store *s, struct lp_err *err)
{
	*v = (struct lp_inventory){.items = {0}};
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (add_all(v, s, &folders[i], err))
			return err->code;
	return LP_OK;
}

void lp_inventory_free(struct lp_inventory *v)
{
	lp_buf_free(&v->items);
	lp_buf_free(&v->needs);
}

void lp_inventory_drop(struct lp_inventory *v, size_t i)
{
	size_t n;
	struct lp_item *item = lp_inventory_items(v, &n);

	item[i].gone = true;
	for (size_t k = 0; k < item[i].nneed; k++)
		item[needs_of(v, &item[i])[k]].users--;
}

uint64_t lp_inventory_bytes(const struct lp_inventory *v)
{
	uint64_t sum = 0;
	size_t n;
	const struct lp_item *item = lp_inventory_items(v, &n);

	for (size_t i = 0; i < n; i++)
		sum += item[i].gone ? 0 : item[i].bytes;
	return sum;
}
