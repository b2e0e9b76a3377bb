/* SPDX-License-Identifier: MIT */
/*
 * inventory - what is in a store: images, the data that they name, and who needs what.
 *
 *	images/    name  devices/      one item each; an image whose description is of no use
 *	unpacked/  name  layers/       names nothing
 *
 * A picture of one moment: whoever removes by it holds lp_store_guard() alone meanwhile.
 */
#ifndef LP_INVENTORY_H
#define LP_INVENTORY_H

#include "layer/store.h"

#include <limits.h>

struct lp_item {
	char name[16 + NAME_MAX];	/* relative to the store */
	uint64_t bytes;			/* on disk */
	uint64_t used_ns;		/* images: when last mounted or published; since 1970 */
	bool image;			/* else data */
	bool unpacked;			/* of an unpacked image: mounted without a lock */
	bool gone;			/* removed since */
	struct lp_digest manifest;	/* images: that they are named by */
	size_t users;			/* data: images that name it and are not gone */
	size_t need, nneed;		/* images: which of lp_inventory.need are theirs */
};

struct lp_inventory {
	struct lp_buf items, needs;	/* of struct lp_item; of size_t: indices of data */
};

LP_MUST_CHECK enum lp_code lp_inventory_take(struct lp_inventory *v, struct lp_store *s,
					     struct lp_err *err);
void lp_inventory_free(struct lp_inventory *v);

/* The items, data before images. */
struct lp_item *lp_inventory_items(const struct lp_inventory *v, size_t *n);

/* Item @i was removed: nobody it named has it as a user any more. */
void lp_inventory_drop(struct lp_inventory *v, size_t i);

/* Bytes on disk of what is not gone. */
uint64_t lp_inventory_bytes(const struct lp_inventory *v);

#endif
