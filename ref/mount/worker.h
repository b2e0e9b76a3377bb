/* SPDX-License-Identifier: MIT */
/*
 * worker - the process that fetches, decodes and verifies for the keeper.
 *
 * Hostile bytes are decoded here and nowhere else in a running mount: no new privileges, no
 * core, dead when the watchdog is.  It gets devices from the keeper; ranges come back through
 * the live bitmap that both map, and an LP_MSG_DONE.  It may die at any time: what it was
 * asked is asked again of the next one.
 */
#ifndef LP_WORKER_H
#define LP_WORKER_H

#include "layer/loader.h"
#include "mount/wire.h"

#define LP_COUNT_DEVICES 1024	/* ours: that are counted one by one */

/* In memory that keeper and worker share; written on LP_MSG_COUNT. */
struct lp_worker_count {
	struct lp_loader_count loader;
	struct lp_registry_count registry;	/* of all origins */
	struct lp_fetched device[LP_COUNT_DEVICES];	/* by the keeper's number */
};

/*
 * lp_worker_run - serve until the keeper hangs up; returns the exit status.
 *
 * @s       the store, opened before the fork
 * @socket  SOCK_SEQPACKET, of struct lp_msg.  LP_MSG_GIVE carries a descriptor, LP_MSG_ATTACH
 *          a memfd of
 *          {"image": REFERENCE, "devices": [{"number", "name", "blob", "blob_bytes"}],
 *          and what lp_registry_options has}
 */
int lp_worker_run(struct lp_store *s, int socket, struct lp_worker_count *count);

#endif
