// SPDX-License-Identifier: MIT
#include "oci/subject.h"

#include <string.h>

#define RULE_ARTIFACT "oci.manifest.artifact-type"
#define RULE_CONFIG "oci.manifest.config"
#define RULE_NOTES "oci.manifest.annotations"
#define RULE_SUBJECT "oci.manifest.subject"

/* "Listing Referrers": a manifest without an artifactType is of its configuration's type. */
static enum lp_code type_of(const json_t *doc, const char **type, struct lp_err *err)
{
	json_t *config;

	if (lp_json_string(doc, "artifactType", LP_JSON_OPTIONAL, RULE_ARTIFACT, type, err) ||
	    lp_json_child(doc, "config", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_CONFIG, &config, err))
		return err->code;
	return *type || !config ? LP_OK
				: lp_json_string(config, "mediaType", LP_JSON_OPTIONAL, RULE_CONFIG,
						 type, err);
}

enum lp_code lp_subject_entry(const struct lp_buf *text, const struct lp_descriptor *d,
			      json_t **out, struct lp_digest *subject, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	LP_AUTO(lp_descriptor_free) struct lp_descriptor to = {0};
	struct lp_descriptor of = *d;
	enum lp_media kind;
	const char *name;
	json_t *what;

	*out = NULL;
	*subject = (struct lp_digest){.alg = LP_NO_DIGEST};
	if (lp_document_parse(text->p, text->len, d->media_type, &doc, &kind, &name, err) ||
	    lp_json_child(doc, "subject", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_SUBJECT, &what, err))
		return err->code;
	if (!what)
		return LP_OK;
	if (lp_descriptor_parse(what, &to, err) || type_of(doc, &name, err) ||
	    lp_json_child(doc, "annotations", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_NOTES, &of.notes,
			  err))
		return err->code;
	*out = lp_index_entry_json(&of, NULL, name);
	*subject = to.digest;
	return *out ? LP_OK : lp_fail_errno(err, "an entry for a referrer");
}

/* Entry @d of the layout's index: put it into @list if it refers to @subject. */
static enum lp_code consider(struct lp_layout *l, const struct lp_descriptor *d,
			     const struct lp_digest *subject, struct lp_index *list,
			     struct lp_err *err)
{
	enum lp_media media = lp_media_of(d->media_type);
	LP_AUTO(lp_json_free) json_t *entry = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_digest to;
	enum lp_code code;

	if (media != LP_MEDIA_MANIFEST && media != LP_MEDIA_INDEX)
		return LP_OK;
	code = lp_layout_load(l, d, LP_MANIFEST_MAX, "oci.manifest.digest", &text, err);
	if (code)
		return code == LP_EMISSING ? LP_OK : code; /* a layout may have a part only */
	if (lp_subject_entry(&text, d, &entry, &to, err))
		return err->code;
	return entry && lp_digest_equal(&to, subject) ? lp_index_add(list, entry, err) : LP_OK;
}

enum lp_code lp_subject_list(struct lp_layout *l, const struct lp_digest *subject,
			     struct lp_index *out, struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index all = {.document = NULL};
	LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};

	*out = list;
	if (lp_layout_index(l, &all, err) || lp_index_empty(&list, err))
		return err->code;
	for (size_t i = 0; i < json_array_size(all.entries); i++) {
		LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};

		if (lp_descriptor_parse(json_array_get(all.entries, i), &d, err) ||
		    consider(l, &d, subject, &list, err))
			return lp_within(err, "entry %zu of index.json", i);
	}
	*out = list;
	list.document = NULL;
	return LP_OK;
}
