/* SPDX-License-Identifier: MIT */
/*
 * archive - an uncompressed tar on disk, read by the names of its members.
 *
 * Only what the archives of image tools need: regular files, found by one walk over the
 * headers that seeks past the bodies.  Layers are read by tree/tar.h, not by this.
 *
 * Specification: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar, base-256 numbers
 */
#ifndef LP_ARCHIVE_H
#define LP_ARCHIVE_H

#include "base/file.h"

#define LP_ARCHIVE_MEMBERS 65536	/* ours: an image has a few blobs a layer */

struct lp_archive_member {
	char *name;		/* without "./" in front; owned */
	uint64_t off, bytes;	/* of the body, in the file */
};

struct lp_archive {
	struct lp_archive_member *member;	/* [n], in the order of the file */
	size_t n, room;
};

/* Walk the tar in @fd, which stays the caller's.  LP_EFORMAT oci.archive.*  LP_ELIMIT */
LP_MUST_CHECK enum lp_code lp_archive_open(struct lp_archive *a, int fd, struct lp_err *err);
void lp_archive_free(struct lp_archive *a);

/* The last member called @name, as extracting would leave it, or NULL. */
const struct lp_archive_member *lp_archive_find(const struct lp_archive *a, const char *name);

#endif
