/* SPDX-License-Identifier: MIT */
/*
 * entry - one name of a layer, in the neutral form that formats translate from and to.
 *
 * Paths are clean: relative, no "." or "..", no empty component, no slash at either end, ""
 * for the root.  Whiteouts are an entry kind of their own here; tars spell them ".wh.NAME",
 * trees as overlayfs does.
 */
#ifndef LP_ENTRY_H
#define LP_ENTRY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* design.md, "Limits" */
#define LP_NAME_MAX 255			/* bytes */
#define LP_PATH_MAX 4096		/* bytes, with the NUL */
#define LP_SYMLINK_MAX 4095		/* bytes */
#define LP_XATTR_VALUE_MAX 65536	/* bytes */
#define LP_ENTRIES_MAX (4u << 20)	/* an image */

enum lp_entry_kind {
	LP_ENTRY_NODE,		/* a file, directory, symlink, device, fifo */
	LP_ENTRY_HARDLINK,	/* another name of the node @link, in the same layer */
	LP_ENTRY_WHITEOUT,	/* @path is hidden in the layers below */
	LP_ENTRY_OPAQUE,	/* the directory @path hides all of its kind below */
};

struct lp_xattr {
	const char *name;	/* "user.a", "security.capability": never trusted.overlay.* */
	const void *value;
	size_t bytes;
};

/* Where a run of a regular file lies.  Extents are sorted and cover no byte twice. */
struct lp_extent {
	uint64_t off;		/* in the file */
	uint64_t bytes;
	uint64_t device_off;	/* first byte on the device; off and it agree modulo LP_BLOCK */
	uint32_t device;	/* 1-based; 1 in the tree of a layer */
};

struct lp_entry {
	enum lp_entry_kind kind;
	const char *path;	/* clean */
	const char *link;	/* symlink: the target verbatim; hard link: a clean path */
	uint32_t mode;		/* S_IFMT and 07777 */
	uint32_t uid, gid;
	uint32_t major, minor;	/* devices; 0:0 is not a device: see kind */
	uint64_t size;		/* of a regular file */
	int64_t mtime;		/* seconds */
	uint32_t mtime_ns;	/* < 10^9 */
	const struct lp_xattr *xattr;	/* [nxattr] */
	size_t nxattr;
	const struct lp_extent *extent;	/* [nextent]; what none covers is zero */
	size_t nextent;
};

/*
 * lp_path_clean - the clean form of a name from an archive.
 *
 * As estargz.md's readers do (specification 1.8): lexical clean of "/" + @name, then without
 * the "/": ".." cannot leave the root.
 *
 * @out   LP_PATH_MAX bytes
 *
 * LP_ELIMIT   tar.name.length: a component above LP_NAME_MAX, a path above LP_PATH_MAX
 */
LP_MUST_CHECK enum lp_code lp_path_clean(const char *name, char out[static LP_PATH_MAX],
					 struct lp_err *err);

/*
 * lp_entry_whiteout - turn a tar's spelling into the kind: ".wh..wh..opq" and ".wh.NAME".
 *
 * Rewrites @e->kind and @path (the buffer behind e->path, LP_PATH_MAX bytes) for regular
 * files and hard links so named.  What AUFS kept for itself, names with ".wh..wh.", is for
 * nobody: *@skip.  A whiteout's size becomes 0.
 *
 * LP_EFORMAT  oci.layer.whiteout: ".wh." alone, ".wh..", ".wh...", or something so named
 *             that is neither a regular file nor a hard link
 */
LP_MUST_CHECK enum lp_code lp_entry_whiteout(struct lp_entry *e, char *path, bool *skip,
					     struct lp_err *err);

#endif
