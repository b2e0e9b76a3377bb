/* SPDX-License-Identifier: MIT */
/*
 * build - a layer as an eStargz blob.
 *
 *	| headers | chunk, pad, headers | chunk ... | TOC | footer |      a member each
 *
 * Specification: spec/estargz.md 1.1, 1.3, 1.6, 1.10
 */
#ifndef LP_BUILD_H
#define LP_BUILD_H

#include "format/format.h"

/*
 * lp_estargz_build - build_layer() of struct lp_format.
 *
 * LP_EUSAGE  a codec other than gzip, or a chunk size above LP_FRAME_MAX
 * LP_EUNSUP  estargz.write.utf8
 * LP_ELIMIT  estargz.limit.toc
 */
LP_MUST_CHECK enum lp_code lp_estargz_build(const struct lp_spool *in,
					    const struct lp_build_options *options,
					    struct lp_writer *out, struct lp_built *built,
					    struct lp_err *err);

#endif
