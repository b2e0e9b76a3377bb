/* SPDX-License-Identifier: MIT */
/*
 * unpack - the layers of an image as directories of the store: layers/<diffid hex>/.
 *
 * What --mount=extract lays over each other, and the classical baseline.  Each layer goes
 * straight from the stream into a staged directory, by a child that can write nowhere else;
 * it is renamed when the blob's digest and the diffID matched and its file system is synced.
 */
#ifndef LP_UNPACK_H
#define LP_UNPACK_H

#include "base/log.h"
#include "image/image.h"
#include "mount/unpacked.h"

/*
 * lp_unpack - all layers of @i, in parallel; those that are there stay.
 *
 * @u         out: the record, which keeps prune off the layers until lp_unpacked_free()
 * @progress  NULL, or told the bytes that came
 *
 * Afterwards the name of @i leads to the record.
 *
 * Errors of lp_parse_run() and lp_extract_end(), "layer N: ..."; LP_EDIGEST oci.config.diffid
 */
LP_MUST_CHECK enum lp_code lp_unpack(struct lp_image *i, struct lp_store *s,
				     struct lp_progress *progress, struct lp_unpacked *u,
				     struct lp_err *err);

#endif
