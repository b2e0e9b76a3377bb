// SPDX-License-Identifier: MIT
#include "image/beside.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Documents on their way from one place to another. */
struct copying {
	struct lp_image *from;
	struct lp_target *to;
	unsigned ndocument;
};

/* Are both one repository, or one layout? */
static bool same_place(const struct lp_image *from, const struct lp_target *to)
{
	struct stat a, b;

	if (from->registry || to->registry)
		return from->registry && to->registry && !strcmp(from->ref.host, to->ref.host) &&
		       !strcmp(from->ref.name, to->ref.name);
	return from->layout.dir >= 0 && !fstat(from->layout.dir, &a) &&
	       !fstat(to->layout.dir, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Those who distribute such a layer do it at its URLs: image-spec, layer.md. */
static bool is_elsewhere(const char *media_type)
{
	return strstr(media_type, ".nondistributable.") || strstr(media_type, ".foreign.");
}

static enum lp_code copy_blob(struct copying *c, const json_t *o, struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	bool had = false;

	if (lp_descriptor_parse(o, &d, err))
		return err->code;
	if (is_elsewhere(d.media_type))
		return LP_OK;
	if (lp_target_has(c->to, &d, &had, err) ||
	    (!had && lp_target_copy(c->to, c->from, &d, err)))
		return err->code;
	return LP_OK;
}

/* What a manifest names: the members of an image's, which artifacts have too. */
static enum lp_code copy_blobs(struct copying *c, const json_t *doc, struct lp_err *err)
{
	const json_t *layers = json_object_get(doc, "layers");

	if (copy_blob(c, json_object_get(doc, "config"), err))
		return lp_within(err, "config");
	for (size_t i = 0; i < json_array_size(layers); i++)
		if (copy_blob(c, json_array_get(layers, i), err))
			return lp_within(err, "layer %zu", i);
	return LP_OK;
}

/* The document that @entry names, below @depth indexes, and all below it, which comes first. */
static enum lp_code copy_document(struct copying *c, const json_t *entry, unsigned depth,
				  struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0}, made = {0};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	enum lp_media kind;
	const char *name;
	json_t *below;

	if (depth > LP_BESIDE_DEPTH)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "oci.index.depth",
			       "indexes in indexes, more than %d deep", LP_BESIDE_DEPTH);
	if (c->ndocument++ == LP_BESIDE_DOCUMENTS)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "oci.index.documents",
			       "more than %d manifests", LP_BESIDE_DOCUMENTS);
	if (lp_descriptor_parse(entry, &d, err) || lp_image_document(c->from, &d, &text, err) ||
	    lp_document_parse(text.p, text.len, d.media_type, &doc, &kind, &name, err))
		return err->code;
	below = json_object_get(doc, "manifests");
	for (size_t i = 0; i < json_array_size(below); i++)
		if (copy_document(c, json_array_get(below, i), depth + 1, err))
			return lp_within(err, "entry %zu", i);
	if ((!below && copy_blobs(c, doc, err)) ||
	    lp_target_document(c->to, &text, d.media_type, "", &made, err))
		return err->code;
	return LP_OK;
}

/* The index that the source is in, or a new one with it alone. */
static enum lp_code open_index(struct lp_image *from, struct lp_index *ix, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *entry = NULL;
	struct lp_descriptor d = {.digest = from->digest, .bytes = from->manifest_text.len};

	if (from->index_text.len)
		return lp_index_parse(from->index_text.p, from->index_text.len, NULL, ix, err);
	snprintf(d.media_type, sizeof(d.media_type), "%s", from->manifest.media_type);
	entry = lp_index_entry_json(&d, &from->config.platform, NULL);
	if (!entry)
		return lp_fail_errno(err, "an entry");
	if (lp_index_empty(ix, err) || lp_index_add(ix, entry, err))
		return err->code;
	return LP_OK;
}

static bool same_machine(const struct lp_platform *a, const struct lp_platform *b)
{
	return !strcmp(a->os, b->os) && !strcmp(a->arch, b->arch) &&
	       !strcmp(a->variant, b->variant);
}

/*
 * Where the source stands in @ix; what was made of it before goes.
 *
 * @placed  out: its entry names a platform, @platform
 */
static enum lp_code clear_place(struct lp_image *from, struct lp_index *ix, bool *placed,
				struct lp_platform *platform, struct lp_err *err)
{
	char digest[LP_DIGEST_TEXT];
	struct lp_index_entry e;

	lp_digest_text(&from->digest, digest);
	*placed = false;
	for (size_t i = 0; i < json_array_size(ix->entries); i++) {
		const char *text;

		if (lp_index_read(ix, i, &e, err) ||
		    lp_json_string(e.json, "digest", LP_JSON_REQUIRED, "oci.descriptor.digest",
				   &text, err))
			return err->code;
		if (strcmp(text, digest))
			continue;
		*placed = e.placed;
		*platform = e.platform;
		break;
	}
	for (size_t i = json_array_size(ix->entries); i-- > 0;) {
		if (lp_index_read(ix, i, &e, err))
			return err->code;
		if (e.kind == LP_KIND_NYDUS && e.placed == *placed &&
		    same_machine(&e.platform, platform))
			json_array_remove(ix->entries, i);
	}
	return LP_OK;
}

/* Put the new manifest @made beside the source in @ix. */
static enum lp_code add_entry(struct lp_image *from, struct lp_index *ix,
			      const struct lp_descriptor *made, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *entry = NULL;
	struct lp_platform p = {.os = ""};
	size_t used;
	bool placed;

	if (clear_place(from, ix, &placed, &p, err))
		return err->code;
	used = strlen(p.features);
	if (sizeof("+" LP_FEATURE_NYDUS) > sizeof(p.features) - used)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "oci.index.platform",
			       "no room for one more of os.features");
	snprintf(p.features + used, sizeof(p.features) - used, "+%s", LP_FEATURE_NYDUS);
	/* Where the source names no platform its twin names none either, or it would serve better. */
	entry = lp_index_entry_json(made, placed ? &p : NULL, LP_TYPE_NYDUS);
	return entry ? lp_index_add(ix, entry, err) : lp_fail_errno(err, "an entry");
}

static enum lp_code put_index(struct lp_image *from, struct lp_target *to,
			      const struct lp_descriptor *made, struct lp_digest *digest,
			      struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct copying c = {.from = from, .to = to};
	size_t others;

	if (open_index(from, &ix, err) || add_entry(from, &ix, made, err))
		return err->code;
	others = json_array_size(ix.entries) - 1;
	for (size_t i = 0; i < others && !same_place(from, to); i++)
		if (copy_document(&c, json_array_get(ix.entries, i), 1, err))
			return lp_within(err, "entry %zu of the index", i);
	if (lp_index_print(&ix, &text, err) ||
	    lp_target_document(to, &text, "application/vnd.oci.image.index.v1+json",
			       lp_target_tag(to), &d, err))
		return err->code;
	*digest = d.digest;
	return LP_OK;
}

enum lp_code lp_beside(struct lp_image *from, struct lp_target *to,
		       const struct lp_convert_options *o, struct lp_manifest *m,
		       const struct lp_buf *config, struct lp_digest *digest, struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor made = {0};
	bool hidden = o->merge_manifest ||
		      (same_place(from, to) && !strcmp(from->ref.tag, to->ref.tag));

	if (lp_manifest_is_nydus(&from->manifest))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "the source is a Nydus image: there is nothing to put it beside");
	snprintf(m->artifact_type, sizeof(m->artifact_type), "%s", LP_TYPE_NYDUS);
	if (o->with_referrer) {
		m->subject = (struct lp_descriptor){.digest = from->digest,
						    .bytes = from->manifest_text.len};
		snprintf(m->subject.media_type, sizeof(m->subject.media_type), "%s",
			 from->manifest.media_type);
	}
	if (lp_target_finish(to, m, config, hidden ? "" : lp_target_tag(to), &made, err))
		return err->code;
	*digest = made.digest;
	return o->merge_manifest ? put_index(from, to, &made, digest, err) : LP_OK;
}
