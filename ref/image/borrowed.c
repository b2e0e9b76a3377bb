// SPDX-License-Identifier: MIT
#include "image/borrowed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_LIST "image.borrowed.list"
#define LIST_MAX 254u		/* blobs that a Nydus image can number: spec/rafs.md 3.4 */
#define HEX 64u			/* characters of an id */

static enum lp_code parse_id(const json_t *id, struct lp_digest *d, struct lp_err *err)
{
	const char *hex = json_is_string(id) ? json_string_value(id) : "";
	char text[LP_DIGEST_TEXT];
	struct lp_err ignored;

	snprintf(text, sizeof(text), "sha256:%.*s", (int)HEX, hex);
	if (strlen(hex) != HEX || lp_digest_parse(text, strlen(text), d, &ignored))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_LIST,
			       "\"%.80s\" is no id of a blob", hex);
	return LP_OK;
}

static bool is_known(const struct lp_image *i, const struct lp_digest *d)
{
	for (size_t n = 0; n < lp_image_blobs(i); n++)
		if (lp_digest_equal(&lp_image_descriptor(i, n)->digest, d))
			return true;
	return false;
}

/* How long it is; @there: or that it is not there. */
static enum lp_code measure(struct lp_image *i, const struct lp_digest *d, uint64_t *bytes,
			    bool *there, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	enum lp_code code;

	code = i->registry ? lp_registry_blob_bytes(i->registry, d, bytes, err)
			   : lp_layout_blob(&i->layout, d, &fd, err);
	*there = !code;
	if (code == LP_EMISSING)
		return LP_OK;
	if (code || i->registry)
		return code;
	return lp_file_bytes(fd, bytes, err);
}

static enum lp_code find_one(struct lp_image *i, const json_t *id, struct lp_err *err)
{
	struct lp_descriptor *d = &i->borrowed[i->nborrowed];
	bool there = false;

	*d = (struct lp_descriptor){.bytes = 0};
	if (parse_id(id, &d->digest, err))
		return err->code;
	if (is_known(i, &d->digest))
		return LP_OK;
	if (measure(i, &d->digest, &d->bytes, &there, err))
		return err->code;
	if (!there)
		return LP_OK;
	i->nborrowed++;
	memcpy(d->media_type, LP_MEDIA_NYDUS_BLOB, sizeof(LP_MEDIA_NYDUS_BLOB));
	return lp_descriptor_set_note(d, LP_NOTE_NYDUS_BLOB, "true", err);
}

enum lp_code lp_borrowed_find(struct lp_image *i, struct lp_err *err)
{
	const struct lp_manifest *m = &i->manifest;
	const char *note = m->nlayer ? lp_descriptor_note(&m->layer[m->nlayer - 1],
							  LP_NOTE_NYDUS_REFERENCES)
				     : NULL;
	LP_AUTO(lp_json_free) json_t *list = NULL;
	size_t n;

	if (!note)
		return LP_OK;
	if (lp_json_parse(note, strlen(note), RULE_LIST, &list, err))
		return lp_within(err, "%s", LP_NOTE_NYDUS_REFERENCES);
	n = json_array_size(list);
	if (!json_is_array(list) || n > LIST_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_LIST,
			       "%s is no list of at most %u ids", LP_NOTE_NYDUS_REFERENCES,
			       LIST_MAX);
	i->borrowed = calloc(n + 1, sizeof(*i->borrowed));
	if (!i->borrowed)
		return lp_fail_errno(err, "%zu blobs", n);
	for (size_t k = 0; k < n; k++)
		if (find_one(i, json_array_get(list, k), err))
			return lp_within(err, "blob %zu of %s", k, LP_NOTE_NYDUS_REFERENCES);
	return LP_OK;
}
