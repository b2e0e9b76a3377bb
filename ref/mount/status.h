/* SPDX-License-Identifier: MIT */
/*
 * status - what the keeper tells about itself: its processes, mounts, devices, fetches.
 *
 *	{"watchdog", "keeper", "worker": PIDs, "..._rss_anon_bytes",
 *	 "fetch": {what the worker has fetched in all},
 *	 "mounts": [{"image", "name", "at", "mode",
 *	             "devices": [{"device", "ready_...", "disk_bytes", "demand_requests", ...}],
 *	             "fuse": {"reads", "read_bytes", "waited", "failed"}}]}
 */
#ifndef LP_STATUS_H
#define LP_STATUS_H

#include "mount/served.h"
#include "mount/worker.h"

/*
 * @worker  0 when it is dead             @count  NULL: unknown
 *
 * NULL: memory ran out
 */
json_t *lp_status_json(const struct lp_served *served, pid_t worker,
		       const struct lp_worker_count *count);

#endif
