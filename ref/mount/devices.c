// SPDX-License-Identifier: MIT
#include "mount/devices.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static enum lp_code free_slot(struct lp_devices *d, size_t *at, struct lp_err *err)
{
	struct lp_held **held;

	for (*at = 0; *at < d->n; ++*at)
		if (!d->held[*at])
			return LP_OK;
	held = realloc(d->held, (d->n + 8) * sizeof(struct lp_held *));
	if (!held)
		return lp_fail_errno(err, "devices");
	memset(held + d->n, 0, 8 * sizeof(struct lp_held *));
	d->held = held;
	d->n += 8;
	return LP_OK;
}

/* "device:" and the name; the same for every keeper. */
static void key_of(const char *name, char key[static LP_STORE_NAME + 8])
{
	snprintf(key, LP_STORE_NAME + 8, "device:%s", name);
}

/* By the descriptor that was kept, if one was: a new one would stand at the gate itself. */
static enum lp_code open_device(struct lp_devices *d, struct lp_held *h, const char *name,
				struct lp_err *err)
{
	char key[LP_STORE_NAME + 8];
	const struct lp_kept_record *kept;
	int fd;

	key_of(name, key);
	kept = lp_kept_find(d->kept, key);
	if (!kept || kept->nfd != 1)
		return lp_device_open(&h->device, d->store, name, LP_DEVICE_WRITE, err);
	fd = fcntl(kept->fd[0], F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return lp_fail_errno(err, "a kept device");
	return lp_device_adopt(&h->device, d->store, name, fd, err);
}

enum lp_code lp_devices_take(struct lp_devices *d, const char *name, struct lp_held **out,
			     struct lp_err *err)
{
	struct lp_held *h;
	size_t at = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (!d->held[i] || !d->held[i]->users || strcmp(d->held[i]->device.name, name) != 0)
			continue;
		d->held[i]->users++;
		*out = d->held[i];
		return LP_OK;
	}
	if (free_slot(d, &at, err))
		return err->code;
	h = calloc(1, sizeof(*h));
	if (!h)
		return lp_fail_errno(err, "a device");
	if (open_device(d, h, name, err)) {
		free(h);
		return err->code;
	}
	h->number = (uint32_t)at;
	h->users = 1;
	h->devices = d;
	d->held[at] = h;
	*out = h;
	return LP_OK;
}

static void let_go(struct lp_wait *w, enum lp_code code, int sys)
{
	struct lp_held *h = (struct lp_held *)w;
	int wake = h->devices->wake;

	(void)code, (void)sys;
	h->gone = true;
	eventfd_write(wake, 1);
}

void lp_devices_give(struct lp_devices *d, struct lp_held *h)
{
	struct lp_msg m = {.op = LP_MSG_DROP, .device = h->number};

	if (--h->users)
		return;
	if (h->attached) {
		h->wait = (struct lp_wait){.done = let_go};
		lp_link_ask(d->link, &h->wait, &m, -1);
		return;
	}
	h->gone = true;
	lp_devices_sweep(d);
}

bool lp_devices_have(const struct lp_devices *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->held[i] && !strcmp(d->held[i]->device.name, name))
			return true;
	return false;
}

void lp_devices_detach(struct lp_devices *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->held[i])
			d->held[i]->attached = false;
}

bool lp_devices_kept(const struct lp_devices *d, const struct lp_held *h)
{
	char key[LP_STORE_NAME + 8];

	key_of(h->device.name, key);
	return lp_kept_find(d->kept, key) != NULL;
}

enum lp_code lp_devices_keep(struct lp_devices *d, const struct lp_held *h, struct lp_err *err)
{
	char key[LP_STORE_NAME + 8];

	if (lp_devices_kept(d, h))
		return LP_OK;
	key_of(h->device.name, key);
	return lp_kept_put(d->kept, json_pack("{s:s}", "key", key), &h->device.data, 1, err);
}

void lp_devices_unkeep(struct lp_devices *d, const struct lp_held *h)
{
	char key[LP_STORE_NAME + 8];

	key_of(h->device.name, key);
	lp_kept_drop(d->kept, key);
}

void lp_devices_sweep(struct lp_devices *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (!d->held[i] || !d->held[i]->gone)
			continue;
		lp_device_free(&d->held[i]->device);
		free(d->held[i]);
		d->held[i] = NULL;
	}
}

void lp_devices_free(struct lp_devices *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->held[i])
			d->held[i]->gone = true;
	lp_devices_sweep(d);
	free(d->held);
	*d = (struct lp_devices){0};
}

bool lp_held_complete(const struct lp_held *h)
{
	uint32_t chunks = 0;
	uint64_t bytes = 0;

	lp_device_count(&h->device, &chunks, &bytes);
	return chunks == h->device.table.layer.nchunk;
}
