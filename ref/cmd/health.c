// SPDX-License-Identifier: MIT
#include "cmd/health.h"

#include "cmd/inventory.h"
#include "image/local.h"
#include "layer/device.h"
#include "mount/unpacked.h"
#include "oci/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char removed[] = "removed; pulled again when it is wanted";

/* Tell @what of a directory that cannot be mended; *gone: it was removed. */
static enum lp_code condemn(struct lp_health *h, const char *name, enum lp_code code,
			    const struct lp_err *why, const struct lp_err *what, struct lp_err *err)
{
	bool in_use = code == LP_ESYSTEM && why->sys == EWOULDBLOCK;

	if (code && code != LP_EMISSING && !in_use) {
		*err = *why;
		return code;
	}
	lp_audit_tell(&h->audit, name, what, in_use ? NULL : removed);
	return LP_OK;
}

static enum lp_code check_device(struct lp_health *h, struct lp_store *s, const char *name,
				 struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int guard = -1;
	struct lp_err what = {0}, why = {0};
	enum lp_code code;
	bool usable;

	code = lp_audit_device(&h->audit, s, name, &usable, &what);
	if (code) {
		*err = what;
		return code;
	}
	if (usable || !lp_store_has(s, name))
		return LP_OK;
	if (lp_store_guard(s, true, &guard, err))
		return err->code;
	code = lp_device_remove(s, name, &why);
	return condemn(h, name, code, &why, &what, err);
}

/* The manifest is that of the directory's name. */
static enum lp_code check_manifest(const struct lp_local *l, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_digest got;

	if (lp_file_load(l->dir, "manifest.json", LP_MANIFEST_MAX, &text, err))
		return err->code;
	lp_digest_of(l->manifest.alg, text.p, text.len, &got);
	return lp_digest_check(&got, &l->manifest, LP_NO_OFFSET, "store.image.manifest",
			       "manifest.json", err);
}

static enum lp_code look_lazy(struct lp_store *s, const struct lp_digest *manifest,
			      struct lp_err *err)
{
	LP_AUTO(lp_local_free) struct lp_local l = LP_LOCAL_EMPTY;

	if (lp_local_open(&l, s, manifest, err) || check_manifest(&l, err))
		return err->code;
	for (size_t i = 0; i < l.nlayer; i++)
		if (!lp_store_has(s, l.layer[i].device))
			return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, "store.image.device",
				       "layer %zu: %.160s is not there", i, l.layer[i].device);
	return LP_OK;
}

static enum lp_code look_unpacked(struct lp_store *s, const struct lp_digest *manifest,
				  struct lp_err *err)
{
	LP_AUTO(lp_unpacked_free) struct lp_unpacked u = LP_UNPACKED_EMPTY;

	return lp_unpacked_open(&u, s, manifest, err);
}

/* Remove a directory that nobody holds; LP_ESYSTEM with EWOULDBLOCK: somebody does. */
static enum lp_code remove_image(struct lp_store *s, const struct lp_item *item,
				 struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(s->dir, item->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return lp_fail_errno(err, "%.100s", item->name);
	errno = EWOULDBLOCK;
	if (item->unpacked && lp_unpacked_mounted(&item->manifest))
		return lp_fail_errno(err, "%.100s", item->name);
	return lp_store_remove(s, item->name, err);
}

static enum lp_code check_image(struct lp_health *h, struct lp_store *s,
				const struct lp_item *item, struct lp_err *err)
{
	struct lp_err what = {0}, why = {0};
	enum lp_code code = item->unpacked ? look_unpacked(s, &item->manifest, &what)
					   : look_lazy(s, &item->manifest, &what);

	if (!code)
		h->images++;
	if (!code || !lp_store_has(s, item->name))
		return LP_OK;
	/* A file that is not there is damage; memory that is not, or a disk that fails, is none. */
	if (code == LP_ESYSTEM && what.sys != ENOENT) {
		*err = what;
		return code;
	}
	code = remove_image(s, item, &why);
	return condemn(h, item->name, code, &why, &what, err);
}

static enum lp_code check_names(struct lp_health *h, struct lp_store *s, struct lp_err *err)
{
	struct lp_digest none;
	struct lp_err what = {0};
	enum lp_code code = lp_store_name_get(s, "", &none, &what);

	if (!code || code == LP_EMISSING)
		return LP_OK;
	if (code == LP_ESYSTEM) {
		*err = what;
		return code;
	}
	if (unlinkat(s->dir, "names.json", 0))
		return lp_fail_errno(err, "remove names.json");
	lp_audit_tell(&h->audit, "names.json", &what, "removed; names are looked up again");
	return LP_OK;
}

enum lp_code lp_health_check(struct lp_health *h, struct lp_store *s, struct lp_err *err)
{
	LP_AUTO(lp_inventory_free) struct lp_inventory v = {.items = {0}};
	const struct lp_item *item;
	enum lp_code rc;
	size_t n;

	if (lp_inventory_take(&v, s, err))
		return err->code;
	item = lp_inventory_items(&v, &n);
	lp_progress_start(&h->audit.progress, "check", lp_inventory_bytes(&v));
	rc = check_names(h, s, err);
	/* Devices come first: an image that names one that had to go must go too. */
	for (size_t i = 0; !rc && i < n; i++)
		if (!strncmp(item[i].name, "devices/", 8))
			rc = check_device(h, s, item[i].name, err);
	for (size_t i = 0; !rc && i < n; i++)
		if (item[i].image)
			rc = check_image(h, s, &item[i], err);
	lp_progress_end(&h->audit.progress);
	return rc ? rc : lp_store_sweep(s, err);
}
