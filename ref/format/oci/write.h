/* SPDX-License-Identifier: MIT */
/* write - a layer as a legacy blob: a tar in members that every reader takes for one stream. */
#ifndef LP_WRITE_H
#define LP_WRITE_H

#include "format/format.h"

/* lp_oci_build - build_layer() of struct lp_format.  LP_EUSAGE: a codec without media type */
LP_MUST_CHECK enum lp_code lp_oci_build(const struct lp_spool *in,
					const struct lp_build_options *options,
					struct lp_writer *out, struct lp_built *built,
					struct lp_err *err);

#endif
