/* SPDX-License-Identifier: MIT */
/*
 * status - what the keeper tells about itself: its processes, mounts, devices, fetches, waits.
 *
 *	{"watchdog", "keeper", "worker": PIDs, "..._rss_anon_bytes",
 *	 "fetch": {what the worker has fetched in all},
 *	 "mounts": [{"number", "image", "name", "at", "mode", "waits", "wait_ns", "failures",
 *	             "devices": [{"device", "ready_...", "disk_bytes", "demand_requests", ...}],
 *	             "fuse": {"reads", "read_bytes", "waited", "failed", "ahead", ...}, or
 *	             "gate": {"events", "waited", "failed"},
 *	             "last_waits": mount/waits.h}]}
 */
#ifndef LP_STATUS_H
#define LP_STATUS_H

#include "mount/served.h"
#include "mount/worker.h"

/*
 * @worker  0 when it is dead             @count  NULL: unknown
 * @waits   with each wait: the tree of every mount is walked
 *
 * NULL: memory ran out
 */
json_t *lp_status_json(struct lp_served *served, pid_t worker,
		       const struct lp_worker_count *count, bool waits);

#endif
