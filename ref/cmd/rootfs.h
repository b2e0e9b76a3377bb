/* SPDX-License-Identifier: MIT */
/*
 * rootfs - an image as a directory: what mount, run and record have in common.
 *
 *	open:    start the keeper -> resolve -> publish (or unpack) -> ask for the mount
 *	attach:  receive the mount -> put it somewhere
 *
 * A command's struct has the members `common` (cmd/common.h) and `struct lp_rootfs_args
 * rootfs`, its table the rows of LP_ROOTFS_OPTIONS.
 */
#ifndef LP_ROOTFS_H
#define LP_ROOTFS_H

#include "cmd/common.h"
#include "image/local.h"
#include "layer/settler.h"
#include "mount/client.h"
#include "mount/unpacked.h"

enum lp_mode { LP_MODE_AUTO, LP_MODE_KERNEL, LP_MODE_FUSE, LP_MODE_EXTRACT };
enum lp_pull { LP_PULL_MISSING, LP_PULL_ALWAYS, LP_PULL_NEVER };

struct lp_rootfs_args {
	unsigned mode, pull, prefetch, background;
	const char *list;
	uint64_t read_timeout_ns, events;
};

#define LP_ROOTFS_DEFAULTS {.prefetch = LP_PREFETCH_ASYNC, .read_timeout_ns = 60000000000ull}

#define LP_ROOTFS_OPTIONS(type)                                                                \
	{"mount", 0, LP_OPT_CHOICE, offsetof(type, rootfs.mode), "auto|kernel|fuse|extract",   \
	 "how the image becomes a directory"},                                                 \
	{"pull", 0, LP_OPT_CHOICE, offsetof(type, rootfs.pull), "missing|always|never",        \
	 "when to ask the registry what the name means"},                                      \
	{"prefetch", 0, LP_OPT_CHOICE, offsetof(type, rootfs.prefetch), LP_POLICY_WORDS,       \
	 "fetch what the image's list names, before it is asked for"},                         \
	{"prefetch-list", 0, LP_OPT_TEXT, offsetof(type, rootfs.list), "FILE",                 \
	 "a list of `lazypull record` instead of the image's own"},                            \
	{"background", 0, LP_OPT_CHOICE, offsetof(type, rootfs.background), "off|on",          \
	 "fetch the rest as well"},                                                            \
	{"read-timeout", 0, LP_OPT_NS, offsetof(type, rootfs.read_timeout_ns), "TIME",         \
	 "after that a read that waits fails (60s)"},                                          \
	{"events", 0, LP_OPT_COUNT, offsetof(type, rootfs.events), "FD",                       \
	 "write phase events as JSON lines to this descriptor"}

struct lp_rootfs {
	struct lp_store store;
	struct lp_settler settler;
	struct lp_client client;	/* of mounts that the keeper serves */
	struct lp_unpacked unpacked;	/* of EXTRACT */
	struct lp_image image;		/* while it is asked for */
	struct lp_local local;		/* of those */
	const struct lp_config *config;	/* borrowed from one of the two */
	enum lp_mode mode;		/* not AUTO, after open */
	struct lp_events events;
};

#define LP_ROOTFS_EMPTY                                                                        \
	{.store = {.dir = -1}, .client = {.socket = -1, .ready = -1},                          \
	 .unpacked = LP_UNPACKED_EMPTY, .image = LP_IMAGE_EMPTY, .local = LP_LOCAL_EMPTY,      \
	 .events = {.fd = -1}}

/*
 * lp_rootfs_open - everything up to the request for the mount.
 *
 * @name   the image's
 * @at     where it will be attached, for `status`; "" where nobody else sees it
 * @trace  where the keeper writes what was read, or -1 (then the mode is FUSE)
 *
 * LP_EUNSUP  --mount=kernel where the kernel, or the file system of the store, cannot
 */
LP_MUST_CHECK enum lp_code lp_rootfs_open(struct lp_rootfs *r, const struct lp_common *c,
					  const struct lp_rootfs_args *a, const char *name,
					  const char *at, int trace, struct lp_err *err);
void lp_rootfs_free(struct lp_rootfs *r);

/* Attach the image to the directory @at, read-only. */
LP_MUST_CHECK enum lp_code lp_rootfs_attach(struct lp_rootfs *r, const char *at,
					    struct lp_err *err);

/*
 * lp_rootfs_overlay - in the working directory: the image below a writable layer, at rootfs/.
 *
 * Needs a mount namespace of its own.  Tells "rootfs" and "overlay".
 */
LP_MUST_CHECK enum lp_code lp_rootfs_overlay(struct lp_rootfs *r, struct lp_err *err);

#endif
