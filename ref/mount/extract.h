/* SPDX-License-Identifier: MIT */
/*
 * extract - a layer unpacked into a directory, as overlayfs wants its lower layers.
 *
 *	format.open --entries, bodies--> lp_sink --> files below a staged directory
 *
 * The classical unpack: what --mount=extract mounts, and the baseline that lazy formats are
 * measured against.  Entries are hostile: every path is resolved beneath the directory by
 * openat2(RESOLVE_IN_ROOT), so a symlink that an earlier entry planted is followed inside it
 * and never out of it.  Whiteouts become 0:0 character devices, opaque directories
 * trusted.overlay.opaque=y.  Times of directories come last, when nothing changes them again.
 *
 * Needs the rights of root.  Nothing is synced: whoever publishes the directory does that.
 */
#ifndef LP_EXTRACT_H
#define LP_EXTRACT_H

#include "base/file.h"
#include "format/format.h"

#define LP_EXTRACT_DIRS_MAX ((size_t)256 << 20)	/* ours: bytes of names of directories kept */
#define LP_EXTRACT_LINKS_MAX ((size_t)4 << 20)	/* ours: bytes of hard links that point forwards */

struct lp_extract {
	struct lp_sink sink;		/* first: what the format is given */
	int root;			/* borrowed */
	int parent;			/* O_PATH of @dir, or -1 */
	int file;			/* whose body is being written, or -1 */
	struct lp_entry meta;		/* of file: mode, owner, time; its pointers are NULL */
	uint64_t body_left;		/* of file */
	struct lp_buf xattr;		/* of file, packed */
	struct lp_buf later_dir;	/* directories' times, packed */
	struct lp_buf later_link;	/* hard links whose target has not come, packed */
	char dir[LP_PATH_MAX];		/* the last entry's parent */
	char path[LP_PATH_MAX];		/* file's */
};

/* @dir: an empty directory on a file system with xattrs, borrowed until lp_extract_free(). */
LP_MUST_CHECK enum lp_code lp_extract_open(struct lp_extract *x, int dir, struct lp_err *err);

/*
 * lp_extract_end - the last file, the links that waited, and the directories' times.
 *
 * LP_EFORMAT  mount.extract.body, mount.extract.link (a target that is not in this layer)
 *
 * The sink fails with LP_EFORMAT mount.extract.path (not clean, or a parent that is no
 * directory), mount.extract.reserved or mount.extract.link, with LP_ELIMIT, or LP_ESYSTEM.
 */
LP_MUST_CHECK enum lp_code lp_extract_end(struct lp_extract *x, struct lp_err *err);
void lp_extract_free(struct lp_extract *x);

#endif
