// SPDX-License-Identifier: MIT
#include "cmd/common.h"

#include <stdio.h>
#include <string.h>

#define CONNECTIONS_MAX 64u	/* ours: far more than registries like */
#define RATE_LEAST 1024u	/* ours: less in a second looks like silence */

enum lp_code lp_common_image(const struct lp_common *c, char creds[static 256],
			     struct lp_image_options *out, struct lp_err *err)
{
	char *colon;

	*out = (struct lp_image_options){
		.registry = {.plain_http = c->plain_http, .ca_file = c->ca_file,
			     .mirror = c->mirror, .rate = c->limit_rate,
			     .connections = (unsigned)c->max_connections},
		.prefer = (enum lp_kind)c->prefer,
		.allow_unverified = c->allow_unverified,
	};
	if (c->max_connections == 1 || c->max_connections > CONNECTIONS_MAX)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "--max-connections wants 2 to %u: one is for what is waited for",
			       CONNECTIONS_MAX);
	if (c->limit_rate && c->limit_rate < RATE_LEAST)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "--limit-rate wants at least 1k");
	if (c->creds) {
		colon = snprintf(creds, 256, "%s", c->creds) < 256 ? strchr(creds, ':') : NULL;
		if (!colon)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "--creds wants USER:PASSWORD of less than 256 bytes");
		*colon = '\0';
		out->registry.user = creds;
		out->registry.password = colon + 1;
	}
	return lp_platform_parse(c->platform, &out->platform, err);
}

enum lp_code lp_common_open(const struct lp_common *c, const char *text, struct lp_image *out,
			    struct lp_err *err)
{
	struct lp_image_options o;
	struct lp_reference ref;
	char creds[256];

	*out = (struct lp_image)LP_IMAGE_EMPTY;
	if (lp_common_image(c, creds, &o, err) || lp_reference_parse(text, &ref, err) ||
	    lp_reference_absolute(&ref, err) || lp_image_open(out, &ref, &o, err))
		return err->code;
	return LP_OK;
}
