/* SPDX-License-Identifier: MIT */
/*
 * gate - readers of incomplete devices, held by the kernel until their bytes are there.
 *
 *	reader --> EROFS --> device file, marked FAN_PRE_ACCESS
 *	                       |  an event: a range that is about to be read
 *	gate's thread <--------+
 *	  ready:   allowed at once
 *	  absent:  the worker is asked; allowed when the bits are set, denied (EIO) when it
 *	           cannot be, or when it takes longer than the read time-out
 *
 * The group belongs to no process alone: while one has it open, readers wait.  Whoever closes
 * it last lets everybody through, who then reads zeros where nothing was written; so the
 * watchdog has it open as well (mount/watchdog.h).  Events are answered by the number of their
 * descriptor: a reader's event that was taken by a keeper that died is denied by number.
 *
 * A descriptor that was opened before its file was marked raises no events: the keeper and
 * its worker use such.  Needs root, Linux 6.14, a store on ext4, xfs or btrfs.
 *
 * Specification: fanotify(7); include/uapi/linux/fanotify.h; spec/systems.md 5, spec/erofs.md 4
 */
#ifndef LP_GATE_H
#define LP_GATE_H

#include "mount/devices.h"
#include "mount/waits.h"

/* What the gates of keepers that follow each other share: a page of its own. */
struct lp_gate_page {
	_Atomic uint32_t highest;	/* number of a descriptor that came with an event */
};

/* A new group.  LP_EUNSUP: this kernel, or this process, cannot. */
LP_MUST_CHECK enum lp_code lp_gate_group(int *group, struct lp_err *err);

/*
 * lp_gate_try - can files of the directory @dir be marked, by this process?
 *
 * LP_EUNSUP  no, with the reason
 */
LP_MUST_CHECK enum lp_code lp_gate_try(int dir, struct lp_err *err);

/*
 * lp_gate_deny - deny with EIO whatever was taken from the group and not answered.
 *
 * Only while nobody reads events from it.
 */
void lp_gate_deny(int group, const struct lp_gate_page *page);

struct lp_gate;

/* A gate that nobody stands at yet: readers wait.  All is borrowed until lp_gate_free(). */
LP_MUST_CHECK enum lp_code lp_gate_open(struct lp_gate **out, int group,
					struct lp_gate_page *page, struct lp_link *link,
					struct lp_err *err);
void lp_gate_free(struct lp_gate **g);

/* From now on events are answered: those of devices that were never closed here, by EIO. */
LP_MUST_CHECK enum lp_code lp_gate_serve(struct lp_gate *g, struct lp_err *err);

/*
 * lp_gate_close - from now on readers of @h wait for what is absent.
 *
 * Before the super block is made.  One that is closed already gets one more user.
 *
 * LP_EUNSUP  the file system that the device is on has no such events
 */
LP_MUST_CHECK enum lp_code lp_gate_close(struct lp_gate *g, struct lp_held *h,
					 uint64_t timeout_ns, struct lp_err *err);

/*
 * A user less; with the last one the mark goes, after the reads under way.  How many are left.
 */
size_t lp_gate_leave(struct lp_gate *g, struct lp_held *h);

/* Does @h raise events? */
bool lp_gate_asks(struct lp_gate *g, const struct lp_held *h);

/*
 * lp_gate_open_wide - all of @h is there, and survives a crash: readers need not ask any more.
 *
 * Its users still leave.
 */
void lp_gate_open_wide(struct lp_gate *g, struct lp_held *h);

struct lp_gate_count {
	uint64_t events;	/* that readers raised */
	uint64_t waited;	/* those for which the worker was asked */
	uint64_t failed;	/* those that were denied */
};

/* The waits for device @h since it was closed, borrowed until it is left; NULL: it is not. */
struct lp_waits *lp_gate_waits(struct lp_gate *g, const struct lp_held *h);

/* Of device @h since it was closed. */
void lp_gate_count(struct lp_gate *g, const struct lp_held *h, struct lp_gate_count *out);

#endif
