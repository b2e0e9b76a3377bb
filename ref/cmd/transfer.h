/* SPDX-License-Identifier: MIT */
/* transfer - from one name to another: what `convert` and `push` share. */
#ifndef LP_TRANSFER_H
#define LP_TRANSFER_H

#include "cmd/common.h"
#include "image/convert.h"

/*
 * lp_transfer - open the image @from, write it to @to as @o says, with a progress bar, and
 * print the digest of the manifest.
 */
LP_MUST_CHECK enum lp_code lp_transfer(const struct lp_common *c, const char *from,
				       const char *to, const struct lp_convert_options *o,
				       struct lp_err *err);

#endif
