/* SPDX-License-Identifier: MIT */
/*
 * platform - the machine that an image is for: system, architecture, variant.
 *
 * Specification: OCI image-spec v1.1, image-index.md, "platform"
 */
#ifndef LP_PLATFORM_H
#define LP_PLATFORM_H

#include "base/json.h"

#define LP_FEATURES 96		/* bytes, ours */

/* What nydusify up to 2.3.5 puts into os.features; we have it (rafs.md, 1.4). */
#define LP_FEATURE_NYDUS "nydus.remoteimage.v1"

struct lp_platform {
	char os[32], arch[32], variant[32];	/* "" matches all */
	char features[LP_FEATURES];		/* of the system: "+one+two", or "" */
};

#define LP_PLATFORM_TEXT 200	/* bytes: four words, what stands between them, and the NUL */

/*
 * "linux/arm64/v8", or as containerd spells it when features are asked for,
 * "linux(+one+two)/amd64"; NULL: linux on the machine that runs us.  LP_EUSAGE.
 */
LP_MUST_CHECK enum lp_code lp_platform_parse(const char *text, struct lp_platform *out,
					     struct lp_err *err);

/* The members os, architecture, variant and os.features of @o; the first two are required. */
LP_MUST_CHECK enum lp_code lp_platform_read(const json_t *o, const char *rule,
					    struct lp_platform *out, struct lp_err *err);

/* Does @p require, or ask for, the feature @word (@n characters)? */
bool lp_platform_has(const struct lp_platform *p, const char *word, size_t n);

void lp_platform_text(const struct lp_platform *p, char out[static LP_PLATFORM_TEXT]);

/*
 * How well @have serves @want: 0 not at all, else the higher the better.
 *
 * arm64 and arm64/v8 are one; arm without a variant is v7, and an arm machine runs every
 * variant that is not above its own.  os.features are mandatory (image-index.md): what
 * requires one that we do not have serves those alone who ask for it, and then better.
 */
unsigned lp_platform_rank(const struct lp_platform *have, const struct lp_platform *want);

#endif
