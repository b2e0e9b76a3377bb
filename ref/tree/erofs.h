/* SPDX-License-Identifier: MIT */
/*
 * erofs - file trees as EROFS metadata: the one encoding that everybody reads.
 *
 * Chunk-based regular files that point at (device, block), directories and symlinks inline
 * where they fit, one chunk index for a contiguous file, root inode first.  The same bytes
 * are mounted by the kernel, served by FUSE (inode number = nid), merged, listed, extracted.
 *
 * A tree of a layer keeps whiteouts as overlayfs writes them: a 0:0 character device, and
 * trusted.overlay.opaque=y on a directory; merged trees have neither.
 *
 * Reading believes nothing: every access is bounded, whatever the bytes say; and
 * lp_erofs_check() walks the whole tree once, so that what the kernel is given is sound.
 *
 * Specification: Linux fs/erofs/erofs_fs.h, 6.18; spec/erofs.md has the rules
 */
#ifndef LP_EROFS_H
#define LP_EROFS_H

#include "base/digest.h"
#include "base/file.h"
#include "tree/tree.h"

#define LP_EROFS_TAG_BYTES 64

/* What a device slot says. */
struct lp_erofs_device {
	char tag[LP_EROFS_TAG_BYTES + 1];	/* hex of the layer's digest: order is checked by it */
	uint64_t bytes;				/* a multiple of LP_BLOCK */
};

/*
 * lp_erofs_write - encode @t (ended) into @fd (empty, at 0).
 *
 * Deterministic.  Extents whose device is above @ndevice, or that end past it, are our bug
 * and are LP_EFORMAT erofs.chunk.device.
 */
LP_MUST_CHECK enum lp_code lp_erofs_write(const struct lp_tree *t,
					  const struct lp_erofs_device *device, uint32_t ndevice,
					  int fd, struct lp_err *err);

/* An open tree; borrows the bytes. */
struct lp_erofs {
	const uint8_t *p;
	size_t bytes;
	uint64_t root;		/* nid */
	uint64_t inodes;
	uint64_t inode_base;	/* of nid 0, in bytes: meta_blkaddr */
	uint64_t xattr_base;	/* of the shared xattrs, in bytes */
	uint32_t ndevice;
	uint32_t device_slot;	/* byte offset of the first */
};

struct lp_erofs_inode {
	uint64_t nid;
	uint32_t mode, uid, gid, nlink, rdev_major, rdev_minor;
	uint64_t size;
	int64_t mtime;
	uint32_t mtime_ns;
	/* how its data lies; for this file's functions */
	uint16_t layout, xattr_icount;
	uint32_t u;
	uint64_t after;		/* byte offset behind the inode and its xattrs */
	uint32_t serial;	/* 0 in the tree of a layer: a directory that it did not name */
};

/* Check the superblock.  LP_EFORMAT, LP_EUNSUP: erofs.super.* */
LP_MUST_CHECK enum lp_code lp_erofs_open(struct lp_erofs *e, const void *p, size_t bytes,
					 struct lp_err *err);
void lp_erofs_device(const struct lp_erofs *e, uint32_t number, struct lp_erofs_device *out);

/* LP_EFORMAT  erofs.inode.*, erofs.dir.*, erofs.chunk.*, erofs.xattr.*, at the byte */
LP_MUST_CHECK enum lp_code lp_erofs_inode(const struct lp_erofs *e, uint64_t nid,
					  struct lp_erofs_inode *out, struct lp_err *err);

/*
 * lp_erofs_behind - the inode that stands behind @inode in the file: in trees of ours the next
 * one of its directory, sorted by name, and behind the last one those of another directory.
 *
 * A guess: what is behind the last inode, or in a tree of another writer, may be no inode.
 *
 * LP_EFORMAT  there is none
 */
LP_MUST_CHECK enum lp_code lp_erofs_behind(const struct lp_erofs *e,
					   const struct lp_erofs_inode *inode,
					   struct lp_erofs_inode *out, struct lp_err *err);

/* One directory entry; @name is borrowed and not NUL-terminated. */
struct lp_erofs_dirent {
	const char *name;
	size_t name_bytes;
	uint64_t nid;
	uint8_t type;		/* 1 reg 2 dir 3 chr 4 blk 5 fifo 6 sock 7 symlink */
};

/*
 * lp_erofs_dirent - entry at *@cookie of a directory, "." and ".." among them.
 *
 * @cookie  in: 0, or what the last call left; out: the next one's.  block << 12 | index
 * @more    out: false behind the last one
 */
LP_MUST_CHECK enum lp_code lp_erofs_dirent(const struct lp_erofs *e,
					   const struct lp_erofs_inode *dir, uint64_t *cookie,
					   struct lp_erofs_dirent *out, bool *more,
					   struct lp_err *err);

/* Find @name by bisection.  LP_EMISSING erofs.path.missing. */
LP_MUST_CHECK enum lp_code lp_erofs_lookup(const struct lp_erofs *e,
					   const struct lp_erofs_inode *dir, const char *name,
					   size_t name_bytes, uint64_t *nid, struct lp_err *err);

/* Walk a clean path from the root; symlinks are not followed.  LP_EMISSING. */
LP_MUST_CHECK enum lp_code lp_erofs_path(const struct lp_erofs *e, const char *path,
					 struct lp_erofs_inode *out, struct lp_err *err);

/* The target of a symlink: @inode->size bytes at *@target, borrowed, no NUL. */
LP_MUST_CHECK enum lp_code lp_erofs_symlink(const struct lp_erofs *e,
					    const struct lp_erofs_inode *inode,
					    const char **target, struct lp_err *err);

/*
 * lp_erofs_extent - the run of @inode's data at file offset @off (< size).
 *
 * @out  as long as it is contiguous on one device; device 0: a hole.  (After a thousand
 *       chunks it ends, so that no call takes long: the next one goes on from there.)
 *
 * LP_EFORMAT  erofs.chunk.device: no such device, or outside of it
 */
LP_MUST_CHECK enum lp_code lp_erofs_extent(const struct lp_erofs *e,
					   const struct lp_erofs_inode *inode, uint64_t off,
					   struct lp_extent *out, struct lp_err *err);

/* One xattr. */
struct lp_erofs_xattr {
	char name[256];		/* prefix and suffix, NUL-terminated */
	const void *value;	/* borrowed */
	size_t bytes;
};

/* The xattr at *@cookie, as lp_erofs_dirent() goes through entries. */
LP_MUST_CHECK enum lp_code lp_erofs_xattr(const struct lp_erofs *e,
					  const struct lp_erofs_inode *inode, uint64_t *cookie,
					  struct lp_erofs_xattr *out, bool *more,
					  struct lp_err *err);

/* Whose tree it is. */
enum lp_erofs_kind {
	LP_EROFS_LAYER,		/* ours, of a layer */
	LP_EROFS_MERGED,	/* ours, of an image: no whiteouts */
	LP_EROFS_FOREIGN,	/* of another writer: link counts may be wrong, and are for nobody */
};

/*
 * lp_erofs_check - everything a kernel would believe, for the whole tree.
 *
 * Directories sorted, with right "." and "..", types and no cycles; every inode, xattr,
 * target and chunk index in range, extents inside their devices; link counts right; every
 * inode reached once (directories) or as often as nlink says; at most LP_ENTRIES_MAX.
 */
LP_MUST_CHECK enum lp_code lp_erofs_check(const struct lp_erofs *e, enum lp_erofs_kind kind,
					  struct lp_err *err);

/* Called for each path of the tree, parents first, names in order; stops at an error. */
struct lp_erofs_visitor {
	enum lp_code (*visit)(struct lp_erofs_visitor *v, const char *path,
			      const struct lp_erofs_inode *inode, struct lp_err *err);
};

LP_MUST_CHECK enum lp_code lp_erofs_walk(const struct lp_erofs *e, struct lp_erofs_visitor *v,
					 struct lp_err *err);

#endif
