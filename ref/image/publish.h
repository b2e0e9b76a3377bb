/* SPDX-License-Identifier: MIT */
/*
 * publish - make an image part of the store: tables, trees, devices, the merged tree.
 *
 *	layers, in parallel:  source --sandboxed child--> table, tree (+ data of a stream)
 *	                      --> device                                  one per blob and table
 *	then:                 trees --merge--> meta.erofs --> images/<manifest hex>
 *
 * Lazy layers cost their metadata; a layer that can only be read as a stream is pulled whole,
 * and published when its digest and its diffID matched.  Everything is staged and renamed.
 */
#ifndef LP_PUBLISH_H
#define LP_PUBLISH_H

#include "base/log.h"
#include "image/image.h"
#include "image/local.h"

struct lp_publish_options {
	bool allow_unverified;		/* lp_open_options */
	bool plain;			/* read every layer as a tar, whatever else it is */
	struct lp_progress *progress;	/* NULL, or told the bytes of layers that are pulled whole */
};

/*
 * lp_publish - the image @i into the store @s; nothing to do when it is there.
 *
 * Afterwards lp_local_open(i->digest) succeeds, and the name of @i leads to it.
 *
 * Errors of lp_parse_run() and of the formats, "layer N: ..."; LP_EDIGEST oci.config.diffid
 */
LP_MUST_CHECK enum lp_code lp_publish(struct lp_image *i, struct lp_store *s,
				      const struct lp_publish_options *o, struct lp_err *err);

#endif
