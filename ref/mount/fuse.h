/* SPDX-License-Identifier: MIT */
/*
 * fuse - an image's tree as a file system, served from user space.
 *
 *	meta.erofs (mapped) --> names, attributes, xattrs      no memory per inode: number = nid
 *	device files --pread--> data that is ready
 *	            --ask the worker, answer later--> the rest
 *
 * Nothing ever changes: time-outs are infinite, also of names that do not exist; opens are
 * answered ENOSYS once, so that the kernel keeps pages and directories by itself.  A read that
 * must wait holds no thread.  Only root's inode is renumbered: FUSE wants 1.
 *
 * Specification: Linux include/uapi/linux/fuse.h, 7.31 and later; spec/erofs.md 7
 */
#ifndef LP_FUSE_H
#define LP_FUSE_H

#include "layer/device.h"
#include "mount/link.h"
#include "mount/trace.h"
#include "mount/waits.h"

struct lp_fuse_device {
	const struct lp_device *device;
	uint32_t number;		/* what the worker calls it */
};

/* All borrowed until lp_fuse_free(), the name aside. */
struct lp_fuse_setup {
	const char *name;		/* the mount's source in /proc/mounts */
	const struct lp_erofs *tree;
	const struct lp_fuse_device *device;	/* [ndevice]: device i + 1 of the tree */
	size_t ndevice;
	struct lp_link *link;
	uint64_t read_timeout_ns;	/* then a reader gets EIO */
	struct lp_trace *trace;		/* or NULL */
	struct lp_waits *waits;
	int ended;			/* eventfd: gets 1 when the file system is unmounted */
};

struct lp_fuse;

/*
 * lp_fuse_mount - make the mount, attached to no directory, and serve it.
 *
 * @mount  out: its descriptor, the caller's; the file system ends when that is closed before
 *         it was attached, and with its last mount
 *
 * LP_ESYSTEM  /dev/fuse cannot be opened, or the kernel refuses
 */
LP_MUST_CHECK enum lp_code lp_fuse_mount(struct lp_fuse **out, const struct lp_fuse_setup *s,
					 int *mount, struct lp_err *err);

/* Was it unmounted?  Then it can be freed without being torn away from its readers. */
bool lp_fuse_ended(const struct lp_fuse *f);
void lp_fuse_free(struct lp_fuse **f);

/* Give back memory that is not in use. */
void lp_fuse_rest(struct lp_fuse *f);

struct lp_fuse_count {
	uint64_t requests;		/* of the kernel, but forgets */
	uint64_t reads, read_bytes;	/* those of them for data */
	uint64_t waited;		/* those that asked the worker */
	uint64_t failed;		/* those that got an error */
	uint64_t ahead, ahead_bytes;	/* files that the kernel got before it asked */
};

void lp_fuse_count(const struct lp_fuse *f, struct lp_fuse_count *out);

#endif
