/* SPDX-License-Identifier: MIT */
/*
 * devices - the devices that the keeper has open, each once, however many mounts use it.
 *
 * A number means one device to keeper and worker until the worker has let it go.  Only the
 * keeper's main thread comes here; the devices themselves are read by all.
 */
#ifndef LP_DEVICES_H
#define LP_DEVICES_H

#include "layer/device.h"
#include "mount/kept.h"
#include "mount/link.h"

struct lp_held {
	struct lp_wait wait;		/* for the worker to let go */
	struct lp_device device;
	uint32_t number;
	size_t users;
	bool attached;			/* the worker knows it */
	_Atomic bool gone;		/* and has let it go */
	struct lp_devices *devices;
};

struct lp_devices {
	struct lp_store *store;		/* borrowed, as what follows */
	struct lp_link *link;
	struct lp_kept *kept;		/* devices behind the gate are opened once for all keepers */
	int wake;			/* eventfd: something is gone */
	struct lp_held **held;		/* [n] by number; NULL: free */
	size_t n;
};

/* Open the device @name, or find it; lp_devices_give() returns it. */
LP_MUST_CHECK enum lp_code lp_devices_take(struct lp_devices *d, const char *name,
					   struct lp_held **out, struct lp_err *err);
void lp_devices_give(struct lp_devices *d, struct lp_held *h);

/* Is a device of that name open? */
bool lp_devices_have(const struct lp_devices *d, const char *name);

/* The worker is gone, and knows none of them any more. */
void lp_devices_detach(struct lp_devices *d);

/* Keep @h's descriptor for the next keeper, or no more. */
LP_MUST_CHECK enum lp_code lp_devices_keep(struct lp_devices *d, const struct lp_held *h,
					   struct lp_err *err);
void lp_devices_unkeep(struct lp_devices *d, const struct lp_held *h);
bool lp_devices_kept(const struct lp_devices *d, const struct lp_held *h);

/* Close what the worker has let go. */
void lp_devices_sweep(struct lp_devices *d);
void lp_devices_free(struct lp_devices *d);	/* after the link was freed */

bool lp_held_complete(const struct lp_held *h);

#endif
