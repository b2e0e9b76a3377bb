/* SPDX-License-Identifier: MIT */
/*
 * platform - the machine that an image is for: system, architecture, variant.
 *
 * Specification: OCI image-spec v1.1, image-index.md, "platform"
 */
#ifndef LP_PLATFORM_H
#define LP_PLATFORM_H

#include "base/json.h"

struct lp_platform {
	char os[32], arch[32], variant[32];	/* "" matches all */
};

#define LP_PLATFORM_TEXT 96	/* bytes: three words, two slashes, and the NUL */

/* "linux/arm64/v8"; NULL: linux on the machine that runs us.  LP_EUSAGE. */
LP_MUST_CHECK enum lp_code lp_platform_parse(const char *text, struct lp_platform *out,
					     struct lp_err *err);

/* The members os, architecture and variant of @o; the first two are required. */
LP_MUST_CHECK enum lp_code lp_platform_read(const json_t *o, const char *rule,
					    struct lp_platform *out, struct lp_err *err);

void lp_platform_text(const struct lp_platform *p, char out[static LP_PLATFORM_TEXT]);

/*
 * How well @have serves @want: 0 not at all, else the higher the better.
 *
 * arm64 and arm64/v8 are one; arm without a variant is v7, and an arm machine runs every
 * variant that is not above its own.
 */
unsigned lp_platform_rank(const struct lp_platform *have, const struct lp_platform *want);

#endif
