// SPDX-License-Identifier: MIT
#include "oci/index.h"

#include <stdio.h>
#include <string.h>

#define RULE_MANIFESTS "oci.index.manifests"
#define RULE_PLATFORM "oci.index.platform"
#define RULE_ARTIFACT "oci.index.artifact-type"
#define RULE_GRAMMAR "oci.index.artifact-grammar"
#define RULE_MEDIA_TYPE "oci.index.media-type"
#define RULE_SUBJECT "oci.index.subject"
#define RULE_NOTES "oci.index.annotations"

#define MEDIA_INDEX "application/vnd.oci.image.index.v1+json"

/* Members that no image needs: what is there must be right. */
static enum lp_code check_others(const json_t *doc, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *notes = NULL;
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {.bytes = 0};
	const char *said, *type;
	json_t *subject;

	if (lp_json_string(doc, "mediaType", LP_JSON_OPTIONAL, RULE_MEDIA_TYPE, &said, err) ||
	    lp_media_parse(doc, "artifactType", LP_JSON_OPTIONAL, RULE_GRAMMAR, &type, err) ||
	    lp_json_child(doc, "subject", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_SUBJECT, &subject,
			  err) ||
	    lp_notes_parse(doc, RULE_NOTES, &notes, err))
		return err->code;
	if (said && lp_media_of(said) != LP_MEDIA_INDEX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MEDIA_TYPE,
			       "\"%.100s\" is not an image index", said);
	if (subject && lp_descriptor_parse(subject, &d, err))
		return lp_within(err, "subject");
	return LP_OK;
}

enum lp_code lp_index_parse(const void *p, size_t n, const char *media_type, struct lp_index *out,
			    struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	enum lp_media kind;
	const char *name;

	*out = ix;
	if (lp_document_parse(p, n, media_type, &ix.document, &kind, &name, err) ||
	    lp_json_child(ix.document, "manifests", JSON_ARRAY, LP_JSON_REQUIRED, RULE_MANIFESTS,
			  &ix.entries, err) ||
	    check_others(ix.document, err))
		return err->code;
	*out = ix;
	ix.document = NULL;
	return LP_OK;
}

enum lp_code lp_index_empty(struct lp_index *out, struct lp_err *err)
{
	out->document = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", MEDIA_INDEX,
				  "manifests");
	out->entries = json_object_get(out->document, "manifests");
	return out->entries ? LP_OK : lp_fail_errno(err, "an index");
}

void lp_index_free(struct lp_index *ix)
{
	json_decref(ix->document);
	*ix = (struct lp_index){.document = NULL};
}

enum lp_code lp_index_read(const struct lp_index *ix, size_t i, struct lp_index_entry *out,
			   struct lp_err *err)
{
	struct lp_index_entry e = {.json = json_array_get(ix->entries, i)};
	const char *type;
	json_t *platform;

	if (lp_json_string(e.json, "mediaType", LP_JSON_REQUIRED, "oci.descriptor.media-type",
			   &type, err) ||
	    lp_json_string(e.json, "artifactType", LP_JSON_OPTIONAL, RULE_ARTIFACT,
			   &e.artifact_type, err) ||
	    lp_json_child(e.json, "platform", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_PLATFORM,
			  &platform, err) ||
	    (platform && lp_platform_read(platform, RULE_PLATFORM, &e.platform, err)))
		return lp_within(err, "entry %zu of the index", i);
	e.media = lp_media_of(type);
	e.placed = platform;
	if ((e.artifact_type && !strcmp(e.artifact_type, LP_TYPE_NYDUS)) ||
	    lp_platform_has(&e.platform, LP_FEATURE_NYDUS, strlen(LP_FEATURE_NYDUS)))
		e.kind = LP_KIND_NYDUS;
	*out = e;
	return LP_OK;
}

/* May it be an image?  A list of referrers says of images what their configuration is. */
static bool is_image(const struct lp_index_entry *e)
{
	return (e->media == LP_MEDIA_MANIFEST || e->media == LP_MEDIA_INDEX) &&
	       (!e->artifact_type || e->kind == LP_KIND_NYDUS ||
		lp_media_of(e->artifact_type) == LP_MEDIA_CONFIG);
}

/* Without a platform: better than nothing, worse than a match. */
static unsigned rank_of(const struct lp_index_entry *e, const struct lp_platform *want)
{
	unsigned rank = e->placed ? lp_platform_rank(&e->platform, want) : 0;

	return rank ? rank + 1 : !e->placed;
}

/* Keep the order, but the preferred kind in front. */
static void insert(struct lp_candidates *c, const struct lp_index_entry *e, enum lp_kind prefer)
{
	size_t at = c->n;

	if (e->kind == prefer)
		for (at = 0; at < c->n && c->entry[at].kind == prefer;)
			at++;
	if (at == LP_CANDIDATES_MAX)
		return;
	if (c->n == LP_CANDIDATES_MAX)
		c->n--;
	memmove(&c->entry[at + 1], &c->entry[at], (c->n - at) * sizeof(*e));
	c->entry[at] = *e;
	c->n++;
}

static void note_other(const struct lp_index_entry *e, char *others, size_t max)
{
	size_t used = strlen(others);
	char text[LP_PLATFORM_TEXT];

	if (!e->placed)
		return;
	lp_platform_text(&e->platform, text);
	snprintf(others + used, max - used, "%s%.60s", used ? ", " : "", text);
}

enum lp_code lp_index_choose(const struct lp_index *ix, const struct lp_platform *want,
			     enum lp_kind prefer, struct lp_candidates *out, struct lp_err *err)
{
	char others[160] = "", text[LP_PLATFORM_TEXT];
	unsigned best = 0;

	out->n = 0;
	for (size_t i = 0; i < json_array_size(ix->entries); i++) {
		struct lp_index_entry e;
		unsigned rank;

		if (lp_index_read(ix, i, &e, err))
			return err->code;
		/* image-index.md: a reader MUST NOT fail on a media type that it does not know */
		if (!is_image(&e))
			continue;
		note_other(&e, others, sizeof(others));
		rank = rank_of(&e, want);
		if (rank > best)
			out->n = 0;
		best = rank > best ? rank : best;
		if (rank && rank == best)
			insert(out, &e, prefer);
	}
	if (out->n)
		return LP_OK;
	lp_platform_text(want, text);
	return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE_PLATFORM,
		       "no image for %.60s, there is: %.100s", text, *others ? others : "nothing");
}

static json_t *platform_json(const struct lp_platform *p)
{
	json_t *o = json_pack("{s:s, s:s, s:s*}", "os", p->os, "architecture", p->arch, "variant",
			      *p->variant ? p->variant : NULL);
	json_t *features = *p->features ? json_array() : NULL;
	bool ok = !*p->features || !json_object_set_new(o, "os.features", features);

	for (const char *at = p->features; ok && *at; at += 1 + strcspn(at + 1, "+"))
		ok = !json_array_append_new(features,
					    json_stringn(at + 1, strcspn(at + 1, "+")));
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

json_t *lp_index_entry_json(const struct lp_descriptor *d, const struct lp_platform *platform,
			    const char *artifact_type)
{
	LP_AUTO(lp_json_free) json_t *o = lp_descriptor_json(d);

	if (!o || (platform && json_object_set_new(o, "platform", platform_json(platform))) ||
	    (artifact_type &&
	     json_object_set_new(o, "artifactType", json_string(artifact_type))))
		return NULL;
	return json_incref(o);
}

enum lp_code lp_index_add(struct lp_index *ix, json_t *entry, struct lp_err *err)
{
	const json_t *digest = json_object_get(entry, "digest");

	json_incref(entry); /* it may be one of them */
	for (size_t i = json_array_size(ix->entries); i-- > 0;)
		if (json_equal(json_object_get(json_array_get(ix->entries, i), "digest"), digest))
			json_array_remove(ix->entries, i);
	return json_array_append_new(ix->entries, entry) ? lp_fail_errno(err, "add to an index")
							  : LP_OK;
}

enum lp_code lp_index_print(const struct lp_index *ix, struct lp_buf *out, struct lp_err *err)
{
	/* Docker's lists hold no artifactType: what has entries of ours is OCI's. */
	if (json_object_set_new(ix->document, "mediaType", json_string(MEDIA_INDEX)))
		return lp_fail_errno(err, "print an index");
	return lp_json_print(ix->document, out, LP_MANIFEST_MAX, err);
}
