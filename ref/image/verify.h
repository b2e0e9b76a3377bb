/* SPDX-License-Identifier: MIT */
/*
 * verify - the blobs of an image whose metadata is its last layer, whole.
 *
 *	each blob --hash--> its descriptor's digest
 *	all --sandboxed child: format.check--> what they say of themselves
 */
#ifndef LP_VERIFY_H
#define LP_VERIFY_H

#include "base/log.h"
#include "image/image.h"

/* LP_EDIGEST oci.layer.digest; errors of the format's check() and of lp_parse_run() */
LP_MUST_CHECK enum lp_code lp_verify(struct lp_image *i, struct lp_progress *progress,
				     struct lp_err *err);

#endif
