/* SPDX-License-Identifier: MIT */
/*
 * disk - a small ext4 of its own for one store, in a sparse file: it can become full, it can be
 * looked at as the whole, and whatever a program leaves behind on it keeps it busy.
 *
 * A process with an open file, a mount, a super block of EROFS whose devices are files there:
 * each of them makes umount(2) fail, whosoever it is.
 */
#ifndef LB_DISK_H
#define LB_DISK_H

#include "experiment/lab.h"

struct lb_disk {
	char file[LB_PATH], at[LB_PATH];	/* "": there is none */
};

/* Make @directory/disk of @bytes and mount it at @directory/at.  LP_EREMOTE: no ext4, no loop. */
LP_MUST_CHECK enum lp_code lb_disk_make(struct lb_disk *d, const char *directory, uint64_t bytes,
					struct lp_err *err);

/* A file that takes all but @spare bytes; and without it. */
LP_MUST_CHECK enum lp_code lb_disk_fill(const struct lb_disk *d, uint64_t spare,
					struct lp_err *err);
LP_MUST_CHECK enum lp_code lb_disk_relieve(const struct lb_disk *d, struct lp_err *err);

/*
 * lb_disk_free - unmount and remove; true: somebody was still there.
 *
 * @patience_ms  the kernel lets go of files a moment after their last user
 */
bool lb_disk_free(struct lb_disk *d, uint64_t patience_ms);

#endif
