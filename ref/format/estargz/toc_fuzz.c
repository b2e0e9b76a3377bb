// SPDX-License-Identifier: MIT
/* toc_fuzz - any bytes as a TOC: entries stay inside the text, and texts are what they say. */
#include "format/estargz/toc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(const struct lp_toc *t, const struct lp_scan_text *text)
{
	if (!text->p)
		return;
	if (text->p < t->scan.start || text->p + text->bytes >= t->scan.end ||
	    strlen(text->p) != text->bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_toc_free) struct lp_toc t = {0};
	char *json = malloc(n + LP_SCAN_SLACK);
	struct lp_toc_entry e;
	struct lp_err err;
	bool more = true;

	if (!json)
		return 0;
	if (n)
		memcpy(json, data, n);
	if (lp_toc_open(&t, json, n, &err))
		more = false;
	while (more) {
		if (lp_toc_next(&t, &e, &more, &err) || !more)
			break;
		check_text(&t, &e.name);
		check_text(&t, &e.link);
		check_text(&t, &e.digest);
		check_text(&t, &e.chunk_digest);
		for (size_t i = 1; i < e.nxattr; i++)
			if (strcmp(e.xattr[i - 1].name, e.xattr[i].name) >= 0)
				abort();
	}
	free(json);
	return 0;
}
