// SPDX-License-Identifier: MIT
#include "mount/devices.h"

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
	if (lp_device_open(&h->device, d->store, name, LP_DEVICE_WRITE, err)) {
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
