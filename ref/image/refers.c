// SPDX-License-Identifier: MIT
#include "image/refers.h"

#include "image/parse.h"

#define RULE_RESULT "image.parser.result"

struct referring {
	struct lp_parse parse;
	const struct lp_format *format;
};

/* In the child. */
static enum lp_code list(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			 struct lp_err *err)
{
	const struct referring *r = (const struct referring *)(const void *)p;

	return r->format->blobs(blob, result, err);
}

enum lp_code lp_refers(const struct lp_format *format, const struct lp_descriptor *layer,
		       struct lp_source *source, struct lp_buf *out, struct lp_err *err)
{
	struct referring r = {.parse = {.run = list, .layer = layer, .dir = -1},
			      .format = format};

	if (lp_parse_run(&r.parse, source, 1, out, err))
		return err->code;
	if (out->len % sizeof(struct lp_digest))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "%zu bytes of digests",
			       out->len);
	return LP_OK;
}
