// SPDX-License-Identifier: MIT
#include "image/borrowed.h"

#include <stdlib.h>
#include <string.h>

#define RULE_LIST "image.borrowed.list"
#define LIST_MAX 254u		/* blobs that a Nydus image can number: spec/rafs.md 3.4 */

static enum lp_code parse_id(const json_t *id, struct lp_digest *d, struct lp_err *err)
{
	const char *hex = json_is_string(id) ? json_string_value(id) : "";

	if (!lp_digest_of_hex(LP_SHA256, hex, d))
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

/* The blob @digest, if no layer is that. */
static enum lp_code find_one(struct lp_image *i, const struct lp_digest *digest,
			     struct lp_err *err)
{
	struct lp_descriptor *d = &i->borrowed[i->nborrowed];
	bool there = false;

	*d = (struct lp_descriptor){.digest = *digest};
	if (is_known(i, digest))
		return LP_OK;
	if (measure(i, digest, &d->bytes, &there, err))
		return err->code;
	if (!there)
		return LP_OK;
	i->nborrowed++;
	memcpy(d->media_type, LP_MEDIA_NYDUS_BLOB, sizeof(LP_MEDIA_NYDUS_BLOB));
	return lp_descriptor_set_note(d, LP_NOTE_NYDUS_BLOB, "true", err);
}

/* What the last layer's annotation lists; NULL: it has none. */
static enum lp_code parse_list(const struct lp_manifest *m, json_t **out, struct lp_err *err)
{
	const char *note = m->nlayer ? lp_descriptor_note(&m->layer[m->nlayer - 1],
							  LP_NOTE_NYDUS_REFERENCES)
				     : NULL;

	if (!note)
		return LP_OK;
	if (lp_json_parse(note, strlen(note), RULE_LIST, out, err))
		return lp_within(err, "%s", LP_NOTE_NYDUS_REFERENCES);
	if (!json_is_array(*out) || json_array_size(*out) > LIST_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_LIST,
			       "%s is no list of at most %u ids", LP_NOTE_NYDUS_REFERENCES,
			       LIST_MAX);
	return LP_OK;
}

static enum lp_code find_listed(struct lp_image *i, const json_t *list, struct lp_err *err)
{
	for (size_t k = 0; k < json_array_size(list); k++) {
		struct lp_digest d;

		if (parse_id(json_array_get(list, k), &d, err) || find_one(i, &d, err))
			return lp_within(err, "blob %zu of %s", k, LP_NOTE_NYDUS_REFERENCES);
	}
	return LP_OK;
}

/* Layers of the legacy image that the layers of this one are an index of. */
static enum lp_code find_indexed(struct lp_image *i, struct lp_err *err)
{
	const struct lp_manifest *m = &i->manifest;

	for (size_t n = 0; n < m->nlayer; n++) {
		const char *note = lp_descriptor_note(&m->layer[n], LP_NOTE_NYDUS_REF);
		struct lp_digest d;

		if (note && (lp_digest_parse(note, strlen(note), &d, err) || find_one(i, &d, err)))
			return lp_within(err, "%s of layer %zu", LP_NOTE_NYDUS_REF, n);
	}
	return LP_OK;
}

enum lp_code lp_borrowed_find(struct lp_image *i, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *list = NULL;
	size_t n = i->manifest.nlayer;

	if (parse_list(&i->manifest, &list, err))
		return err->code;
	i->borrowed = calloc(n + json_array_size(list) + 1, sizeof(*i->borrowed));
	if (!i->borrowed)
		return lp_fail_errno(err, "%zu layers", n);
	if (find_listed(i, list, err) || find_indexed(i, err))
		return err->code;
	return LP_OK;
}
