// SPDX-License-Identifier: MIT
#include "cmd/transfer.h"

#include <stdio.h>

static uint64_t layer_bytes(const struct lp_image *i)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < i->manifest.nlayer; k++)
		sum += i->manifest.layer[k].bytes;
	return sum;
}

enum lp_code lp_transfer(const struct lp_common *c, const char *from, const char *to,
			 const struct lp_convert_options *wanted, struct lp_err *err)
{
	LP_AUTO(lp_image_free) struct lp_image image = LP_IMAGE_EMPTY;
	LP_AUTO(lp_target_free) struct lp_target target = LP_TARGET_EMPTY;
	struct lp_progress progress;
	struct lp_convert_options o = *wanted;
	struct lp_image_options options;
	struct lp_reference ref;
	struct lp_digest digest;
	char creds[256], text[LP_DIGEST_TEXT];
	enum lp_code rc;

	if (lp_common_open(c, from, &image, err) || lp_common_image(c, creds, &options, err) ||
	    lp_reference_parse(to, &ref, err) ||
	    lp_target_open(&target, &ref, &options.registry, o.tmp, err))
		return err->code;
	o.progress = &progress;
	o.store = c->store;
	lp_progress_start(&progress, o.to ? "convert" : "copy", layer_bytes(&image));
	rc = lp_convert(&image, &target, &o, &digest, err);
	lp_progress_end(&progress);
	if (rc)
		return rc;
	lp_digest_text(&digest, text);
	printf(c->json ? "{\"digest\":\"%s\"}\n" : "%s\n", text);
	return LP_OK;
}
