/* SPDX-License-Identifier: MIT */
/*
 * kernel - an image's tree mounted by the kernel itself: EROFS from a file.
 *
 *	meta.erofs (names)   source=     on ext4, xfs or btrfs
 *	devices    (bytes)   device=     one per layer; the incomplete ones behind the gate
 *
 * The kernel opens the devices when the super block is made: whatever is to raise events must
 * be marked before (mount/gate.h).  A file that is mounted this way is no block device: there
 * is no loop device, and mount(8) is not used, since it makes one.
 *
 * Needs root, Linux 6.12.  Specification: spec/erofs.md 3
 */
#ifndef LP_KERNEL_H
#define LP_KERNEL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LP_KERNEL_NAMES 4	/* ours: strangers that mount EROFS in the same moment */

struct lp_kernel_setup {
	const char *source;	/* path of meta.erofs, below 256 bytes: what /proc/mounts shows */
	const int *device;	/* [ndevice] descriptors of the data files, device 1 first */
	size_t ndevice;
};

/*
 * A super block that lives.  Linux tells nobody that one is gone, but each has a directory
 * below /sys/class/bdi while it is there.  Its name is found by comparing before and after:
 * where several came, it counts as alive until all of them are gone.
 */
struct lp_kernel {
	char name[LP_KERNEL_NAMES][32];	/* "erofs-N"; "": none */
};

/* Has this kernel EROFS, for this process?  LP_EUNSUP: no, with the reason. */
LP_MUST_CHECK enum lp_code lp_kernel_try(struct lp_err *err);

/*
 * lp_kernel_mount - make the mount, read-only, attached to no directory.
 *
 * @mount  out: its descriptor, the caller's; it ends when that is closed before it was attached
 *
 * LP_EUNSUP   this kernel, or the file system of the store, cannot
 * LP_ESYSTEM  the kernel refused, with its reason
 */
LP_MUST_CHECK enum lp_code lp_kernel_mount(struct lp_kernel *k, const struct lp_kernel_setup *s,
					   int *mount, struct lp_err *err);

bool lp_kernel_alive(const struct lp_kernel *k);

/*
 * lp_kernel_watch - a socket that becomes readable when a super block may have gone; -1 where
 * the kernel does not tell.
 */
int lp_kernel_watch(void);
void lp_kernel_drain(int watch);	/* before looking */

#endif
