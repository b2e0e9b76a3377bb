/* SPDX-License-Identifier: MIT */
/*
 * fill - data of a published image, fetched by this process (no keeper): `pull --complete`,
 * `cat`, `tree --digests`.
 */
#ifndef LP_FILL_H
#define LP_FILL_H

#include "base/log.h"
#include "image/image.h"
#include "image/local.h"
#include "layer/loader.h"
#include "tree/canonical.h"

/* An image whose data can be read. */
struct lp_filler {
	struct lp_local local;
	struct lp_device *device;	/* [local.nlayer] */
	uint32_t *index;		/* [local.nlayer] the loader's numbers */
	struct lp_loader *loader;
};

#define LP_FILLER_EMPTY {.local = LP_LOCAL_EMPTY}

/*
 * lp_filler_open - open what lp_publish() made of @i.
 *
 * @i, @s  borrowed until lp_filler_free()
 */
LP_MUST_CHECK enum lp_code lp_filler_open(struct lp_filler *f, struct lp_image *i,
					  struct lp_store *s, struct lp_err *err);
void lp_filler_free(struct lp_filler *f);

/* Up to @n bytes of a regular file at @off; 0 at its end. */
LP_MUST_CHECK enum lp_code lp_filler_read(struct lp_filler *f, const struct lp_erofs_inode *inode,
					  uint64_t off, void *p, size_t n, size_t *got,
					  struct lp_err *err);

/* The canonical text of the tree to @out; @digests: with those of files, which are read. */
LP_MUST_CHECK enum lp_code lp_filler_tree(struct lp_filler *f, bool digests,
					  struct lp_writer *out, struct lp_err *err);

/* Everything of @i, and sync it. */
LP_MUST_CHECK enum lp_code lp_fill(struct lp_image *i, struct lp_store *s,
				   struct lp_progress *progress, struct lp_err *err);

#endif
