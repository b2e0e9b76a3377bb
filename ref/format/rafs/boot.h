/* SPDX-License-Identifier: MIT */
/*
 * boot - the bootstrap of an image: the last layer, or a file of its own.
 *
 *	layer --gunzip--> tar --> image/image.boot, or image.boot in old images
 *
 * Specification: spec/rafs.md 1.3
 */
#ifndef LP_RAFS_BOOT_H
#define LP_RAFS_BOOT_H

#include "base/buf.h"
#include "fetch/source.h"

#define LP_RAFS_BOOT_MAX ((size_t)512 << 20)	/* bytes, ours: 4 M entries need less */

/* {0} is valid and empty. */
struct lp_rafs_boot {
	struct lp_buf bytes;
	unsigned version;	/* 5 or 6 */
};

/* Who is shown what else is in the layer. */
struct lp_rafs_files {
	/* A regular file, in order; @body need not be read. */
	enum lp_code (*file)(struct lp_rafs_files *f, const char *path, struct lp_reader *body,
			     struct lp_err *err);
};

/*
 * lp_rafs_boot_load - read all of @source; keep the bootstrap in it.
 *
 * @others   NULL: nobody wants them; its errors are returned
 *
 * LP_EFORMAT  rafs.boot.missing: there is none; rafs.boot.magic: it is neither version;
 *             rafs.boot.twice; tar.*, codec.*
 * LP_EUNSUP   rafs.boot.version: version 4
 * LP_ELIMIT   rafs.boot.size
 */
LP_MUST_CHECK enum lp_code lp_rafs_boot_load(struct lp_rafs_boot *b, struct lp_source *source,
					     struct lp_rafs_files *others, struct lp_err *err);
void lp_rafs_boot_free(struct lp_rafs_boot *b);

#endif
