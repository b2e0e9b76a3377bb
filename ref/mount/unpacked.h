/* SPDX-License-Identifier: MIT */
/*
 * unpacked - an image as the store has it for --mount=extract: its configuration, and with it
 * which of layers/ belong to it.
 *
 *	unpacked/<manifest hex>/image.json     version, manifest, name, digest of config.json
 *	                        config.json    the document, byte for byte
 *
 * The record comes before the layers and is held under a shared flock while somebody makes or
 * uses them: prune keeps off.  A mount outlives whoever made it and holds no lock; prune knows
 * it by its source (LP_UNPACKED_SOURCE and the manifest's digest) in /proc/<pid>/mountinfo.
 */
#ifndef LP_UNPACKED_H
#define LP_UNPACKED_H

#include "image/image.h"
#include "layer/store.h"

#define LP_UNPACKED_VERSION 1	/* of image.json */
#define LP_UNPACKED_SOURCE "lazypull:unpacked:"

struct lp_unpacked {
	int dir;			/* the record's, locked */
	struct lp_digest manifest;
	char name[LP_REFERENCE_TEXT];	/* where it came from */
	struct lp_config config;
};

#define LP_UNPACKED_EMPTY {.dir = -1}

/*
 * lp_unpacked_open - the record of @manifest, locked.
 *
 * LP_EMISSING  there is none, or one of another LP_UNPACKED_VERSION
 * LP_EDIGEST   store.image.config         LP_EFORMAT  store.image.json
 */
LP_MUST_CHECK enum lp_code lp_unpacked_open(struct lp_unpacked *u, struct lp_store *s,
					    const struct lp_digest *manifest,
					    struct lp_err *err);
void lp_unpacked_free(struct lp_unpacked *u);

/* Make the record of @i, whose configuration is there, unless there is one; and open it. */
LP_MUST_CHECK enum lp_code lp_unpacked_make(struct lp_unpacked *u, struct lp_store *s,
					    const struct lp_image *i, struct lp_err *err);

/* Are all layers of @u in the store? */
bool lp_unpacked_whole(const struct lp_unpacked *u, struct lp_store *s);

/* Is an image of this manifest mounted, in the namespace of any process that we may see? */
bool lp_unpacked_mounted(const struct lp_digest *manifest);

#endif
