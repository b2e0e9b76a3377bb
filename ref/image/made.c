// SPDX-License-Identifier: MIT
#include "image/made.h"

#include <stdio.h>
#include <string.h>

#define RULE_RESULT "image.parser.result"

void lp_made_pack(const struct lp_built *built, struct lp_made *out)
{
	*out = (struct lp_made){.digest = built->digest, .bytes = built->bytes,
				.diffid = built->diffid, .nnote = (uint32_t)built->nnote};
	if (!out->diffid.alg)
		out->diffid = out->digest;
	snprintf(out->media_type, sizeof(out->media_type), "%s", built->media_type);
	for (size_t i = 0; i < built->nnote; i++) {
		snprintf(out->note[i].key, sizeof(out->note[i].key), "%s", built->note[i].key);
		snprintf(out->note[i].value, sizeof(out->note[i].value), "%s",
			 built->note[i].value);
	}
}

enum lp_code lp_made_accept(const struct lp_buf *result, struct lp_descriptor *d,
			    struct lp_digest *diffid, struct lp_err *err)
{
	struct lp_made m;

	if (result->len != sizeof(m))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "%zu bytes",
			       result->len);
	memcpy(&m, result->p, sizeof(m));
	if (m.nnote > LP_BUILT_NOTES)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RESULT, "%u notes", m.nnote);
	*diffid = m.diffid;
	d->digest = m.digest;
	d->bytes = m.bytes;
	snprintf(d->media_type, sizeof(d->media_type), "%.*s", (int)sizeof(m.media_type) - 1,
		 m.media_type);
	for (size_t i = 0; i < m.nnote; i++) {
		m.note[i].key[sizeof(m.note[i].key) - 1] = '\0';
		m.note[i].value[sizeof(m.note[i].value) - 1] = '\0';
		if (lp_descriptor_set_note(d, m.note[i].key, m.note[i].value, err))
			return err->code;
	}
	return LP_OK;
}
