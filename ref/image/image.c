// SPDX-License-Identifier: MIT
#include "image/image.h"

#include "fetch/referrers.h"
#include "image/bare.h"
#include "image/borrowed.h"
#include "oci/subject.h"

#include <string.h>

/* The document that @d names, or @tag where @d has no digest; @d is completed. */
static enum lp_code load_manifest(struct lp_image *i, const char *tag, struct lp_descriptor *d,
				  struct lp_err *err)
{
	i->manifest_text.len = 0;
	if (i->registry)
		return lp_registry_manifest(i->registry, tag, &d->digest, &i->manifest_text,
					    &i->digest, d->media_type, err);
	if (d->digest.alg == LP_NO_DIGEST && lp_layout_find(&i->layout, tag, d, err))
		return err->code;
	i->digest = d->digest;
	return lp_layout_load(&i->layout, d, LP_MANIFEST_MAX, "oci.manifest.digest",
			      &i->manifest_text, err);
}

static bool is_preferred(const struct lp_image *i)
{
	return lp_manifest_is_nydus(&i->manifest) == (i->prefer == LP_KIND_NYDUS);
}

/* The manifest that an index's entry names, as the image's. */
static enum lp_code take_entry(struct lp_image *i, const json_t *entry, struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};

	lp_manifest_free(&i->manifest);
	if (lp_descriptor_parse(entry, &d, err) || load_manifest(i, "", &d, err) ||
	    lp_manifest_parse(i->manifest_text.p, i->manifest_text.len, d.media_type,
			      &i->manifest, err))
		return err->code;
	return LP_OK;
}

/* The document that came is an index. */
static enum lp_code resolve_index(struct lp_image *i, const struct lp_platform *platform,
				  struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	struct lp_candidates c;

	i->index_digest = i->digest;
	lp_buf_move(&i->index_text, &i->manifest_text);
	if (lp_index_parse(i->index_text.p, i->index_text.len, NULL, &ix, err) ||
	    lp_index_choose(&ix, platform, i->prefer, &c, err))
		return err->code;
	for (size_t k = 0; k < c.n; k++) {
		if (take_entry(i, c.entry[k].json, err))
			return err->code;
		if (is_preferred(i))
			return LP_OK;
	}
	return c.n > 1 ? take_entry(i, c.entry[0].json, err) : LP_OK;
}

/*
 * Is @e better than @best?  The newer one by its annotation, then the smaller digest: registries
 * list them in any order.
 */
static bool is_better(const json_t *e, const json_t *best)
{
	static const char created[] = "org.opencontainers.image.created";
	const char *text[2] = {"", ""}, *digest[2] = {"", ""};
	const json_t *of[2] = {e, best};
	int order;

	for (size_t k = 0; best && k < 2; k++) {
		json_t *note = json_object_get(json_object_get(of[k], "annotations"), created);
		json_t *d = json_object_get(of[k], "digest");

		text[k] = json_is_string(note) ? json_string_value(note) : "";
		digest[k] = json_is_string(d) ? json_string_value(d) : "";
	}
	order = strcmp(text[0], text[1]);
	return !best || order > 0 || (!order && strcmp(digest[0], digest[1]) < 0);
}

/* A Nydus manifest that refers to the image's, if there is one, in its place. */
static enum lp_code follow_referrer(struct lp_image *i, struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};
	const struct lp_digest subject = i->digest;
	const json_t *best = NULL;

	if (lp_image_referrers(i, &list, err))
		return err->code;
	for (size_t k = 0; k < json_array_size(list.entries); k++) {
		struct lp_index_entry e;

		if (lp_index_read(&list, k, &e, err))
			return lp_within(err, "referrers");
		if (e.media == LP_MEDIA_MANIFEST && e.kind == LP_KIND_NYDUS &&
		    is_better(e.json, best))
			best = e.json;
	}
	if (!best)
		return LP_OK;
	if (take_entry(i, best, err))
		return lp_within(err, "referrer");
	if (!lp_digest_equal(&i->manifest.subject.digest, &subject))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "oci.referrers.subject",
			       "a referrer has another subject than the manifest it is listed for");
	return LP_OK;
}

static enum lp_code resolve_name(struct lp_image *i, const struct lp_platform *platform,
				 struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {.digest = i->ref.digest};
	bool index = false;

	if (load_manifest(i, i->ref.tag, &d, err) ||
	    lp_manifest_is_index(i->manifest_text.p, i->manifest_text.len, d.media_type, &index,
				 err))
		return err->code;
	if (index)
		return resolve_index(i, platform, err);
	return lp_manifest_parse(i->manifest_text.p, i->manifest_text.len, d.media_type,
				 &i->manifest, err);
}

static enum lp_code resolve(struct lp_image *i, const struct lp_platform *platform,
			    struct lp_err *err)
{
	if (resolve_name(i, platform, err))
		return err->code;
	return is_preferred(i) || i->prefer != LP_KIND_NYDUS ? LP_OK : follow_referrer(i, err);
}

enum lp_code lp_image_open(struct lp_image *i, const struct lp_reference *ref,
			   const struct lp_image_options *o, struct lp_err *err)
{
	char name[LP_REFERENCE_TEXT];

	i->ref = *ref;
	i->prefer = o->prefer;
	lp_reference_text(ref, name);
	switch (ref->transport) {
	case LP_DOCKER:
		if (lp_registry_open(&i->registry, ref, &o->registry, err))
			return lp_within(err, "%.100s", name);
		break;
	case LP_OCI:
	case LP_OCI_ARCHIVE:
		if (lp_layout_open(&i->layout, ref->path, err))
			return lp_within(err, "%.100s", name);
		break;
	case LP_RAFS:
		return lp_bare_open(i, &o->platform, err) ? lp_within(err, "%.100s", name) : LP_OK;
	default:
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "%.100s names a tree or a layer, not an image", name);
	}
	if (resolve(i, &o->platform, err) || lp_borrowed_find(i, err))
		return lp_within(err, "%.100s", name);
	return LP_OK;
}

enum lp_code lp_image_config(struct lp_image *i, struct lp_err *err)
{
	const struct lp_descriptor *d = &i->manifest.config;
	enum lp_code rc;

	if (i->config.document)
		return LP_OK;
	i->config_text.len = 0;
	rc = i->registry ? lp_registry_blob(i->registry, d, LP_CONFIG_MAX, &i->config_text, err)
			 : lp_layout_load(&i->layout, d, LP_CONFIG_MAX, "oci.config.digest",
					  &i->config_text, err);
	if (rc || lp_config_parse(i->config_text.p, i->config_text.len, &i->config, err))
		return lp_within(err, "configuration");
	if (i->config.ndiffid != i->manifest.nlayer)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "oci.config.layer-count",
			       "the configuration has %zu diffIDs for %zu layers",
			       i->config.ndiffid, i->manifest.nlayer);
	return LP_OK;
}

void lp_image_free(struct lp_image *i)
{
	lp_registry_free(&i->registry);
	lp_layout_free(&i->layout);
	lp_manifest_free(&i->manifest);
	lp_config_free(&i->config);
	for (size_t n = 0; n < i->nborrowed; n++)
		lp_descriptor_free(&i->borrowed[n]);
	free(i->borrowed);
	lp_buf_free(&i->manifest_text);
	lp_buf_free(&i->index_text);
	lp_buf_free(&i->config_text);
}

void lp_image_key(const struct lp_reference *ref, enum lp_kind prefer,
		  char out[static LP_REFERENCE_TEXT])
{
	static const char mark[] = "#nydus";	/* no tag, digest or path that we print ends so */
	size_t n;

	lp_reference_text(ref, out);
	n = strlen(out);
	if (prefer == LP_KIND_NYDUS && n + sizeof(mark) <= LP_REFERENCE_TEXT)
		memcpy(out + n, mark, sizeof(mark));
}

enum lp_code lp_image_document(struct lp_image *i, const struct lp_descriptor *d,
			       struct lp_buf *out, struct lp_err *err)
{
	char media_type[LP_MEDIA_TYPE];
	struct lp_digest digest;

	out->len = 0;
	return i->registry ? lp_registry_manifest(i->registry, "", &d->digest, out, &digest,
						  media_type, err)
			   : lp_layout_load(&i->layout, d, LP_MANIFEST_MAX, "oci.manifest.digest",
					    out, err);
}

enum lp_code lp_image_referrers(struct lp_image *i, struct lp_index *out, struct lp_err *err)
{
	return i->registry ? lp_registry_referrers(i->registry, &i->digest, LP_TYPE_NYDUS, out,
						   err)
			   : lp_subject_list(&i->layout, &i->digest, out, err);
}

enum lp_code lp_image_blob(struct lp_image *i, const struct lp_descriptor *d,
			   struct lp_source *out, struct lp_err *err)
{
	int fd = -1;

	if (i->registry)
		return lp_registry_source(i->registry, d, out, err);
	if (lp_layout_blob(&i->layout, &d->digest, &fd, err) || lp_source_file(out, fd, err))
		return err->code;
	if (out->bytes != d->bytes) {
		uint64_t bytes = out->bytes;

		lp_source_free(out);
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "oci.descriptor.size",
			       "the blob has %llu bytes, its descriptor says %llu",
			       (unsigned long long)bytes, (unsigned long long)d->bytes);
	}
	return LP_OK;
}

size_t lp_image_blobs(const struct lp_image *i)
{
	return i->manifest.nlayer + i->nborrowed;
}

const struct lp_descriptor *lp_image_descriptor(const struct lp_image *i, size_t n)
{
	size_t layers = i->manifest.nlayer;

	return n < layers ? &i->manifest.layer[n] : &i->borrowed[n - layers];
}

enum lp_code lp_image_source(struct lp_image *i, size_t n, struct lp_source *out,
			     struct lp_err *err)
{
	return lp_image_blob(i, lp_image_descriptor(i, n), out, err);
}
