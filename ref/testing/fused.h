/* SPDX-License-Identifier: MIT */
/*
 * fused - a tree served by FUSE from a device of a store, in a directory of the test's.
 */
#ifndef LP_TESTING_FUSED_H
#define LP_TESTING_FUSED_H

#include "mount/fuse.h"
#include "testing/loading.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>

struct fused {
	char at[TEST_DIR + 8];		/* where it is mounted */
	struct lp_map map;
	struct lp_erofs tree;
	struct lp_fuse_device slot;
	struct lp_link link;
	struct lp_waits waits;
	struct lp_fuse *fuse;
	int ended;			/* eventfd */
};

/* The directory, and what needs no tree. */
static inline enum lp_code fused_begin(struct fused *f, const char *root,
				       const struct lp_device *device, struct lp_err *err)
{
	*f = (struct fused){.ended = eventfd(0, EFD_CLOEXEC), .slot = {.device = device}};
	lp_waits_init(&f->waits);
	snprintf(f->at, sizeof(f->at), "%s/at", root);
	return mkdir(f->at, 0755) ? lp_fail_errno(err, "mkdir") : LP_OK;
}

/* Serve @t, which has ended, over the device. */
static inline enum lp_code fused_tree(struct fused *f, const struct lp_tree *t, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = memfd_create("meta", MFD_CLOEXEC);
	const struct lp_erofs_device d = {.bytes = f->slot.device->table.layer.device_bytes};

	if (lp_erofs_write(t, &d, 1, fd, err) || lp_map_fd(&f->map, fd, err))
		return err->code;
	return lp_erofs_open(&f->tree, f->map.p, f->map.bytes, err);
}

/* @trace  or NULL */
static inline enum lp_code fused_mount(struct fused *f, uint64_t read_timeout_ns,
				       struct lp_trace *trace, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int mount = -1;
	const struct lp_fuse_setup setup = {
		.name = "test", .tree = &f->tree, .device = &f->slot, .ndevice = 1,
		.link = &f->link, .trace = trace, .waits = &f->waits, .ended = f->ended,
		.read_timeout_ns = read_timeout_ns,
	};

	if (lp_fuse_mount(&f->fuse, &setup, &mount, err))
		return err->code;
	if (move_mount(mount, "", AT_FDCWD, f->at, MOVE_MOUNT_F_EMPTY_PATH))
		return lp_fail_errno(err, "move_mount");
	return LP_OK;
}

static inline void fused_umount(struct fused *f)
{
	if (f->at[0])
		umount2(f->at, MNT_DETACH);
	lp_fuse_free(&f->fuse);
}

/* The link is the caller's to free before. */
static inline void fused_end(struct fused *f)
{
	if (!f->at[0])
		return;
	lp_waits_free(&f->waits);
	lp_fd_close(&f->ended);
	lp_map_free(&f->map);
}

#endif
