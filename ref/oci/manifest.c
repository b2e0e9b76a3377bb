// SPDX-License-Identifier: MIT
#include "oci/manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_BYTES "oci.manifest.bytes"
#define RULE_JSON "oci.manifest.json"
#define RULE_SCHEMA "oci.manifest.schema-version"
#define RULE_MEDIA_TYPE "oci.manifest.media-type"
#define RULE_AMBIGUOUS "oci.manifest.ambiguous"
#define RULE_CONFIG "oci.manifest.config"
#define RULE_LAYERS "oci.manifest.layers"
#define RULE_LAYERS_MAX "oci.manifest.layers-max"
#define RULE_NOTES "oci.manifest.annotations"
#define RULE_MANIFESTS "oci.index.manifests"
#define RULE_PLATFORM "oci.index.platform"

#define SCHEMA1 "application/vnd.docker.distribution.manifest.v1+"

static enum lp_code parse_document(const void *p, size_t n, json_t **out, struct lp_err *err)
{
	uint64_t schema;

	if (n > LP_MANIFEST_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_BYTES,
			       "a manifest of %zu bytes, the limit is %zu", n, LP_MANIFEST_MAX);
	if (lp_json_parse(p, n, RULE_JSON, out, err))
		return err->code;
	/* image-spec, manifest.md: "schemaVersion" MUST be 2 */
	if (lp_json_u64(*out, "schemaVersion", LP_JSON_REQUIRED, RULE_SCHEMA, &schema, err))
		return err->code;
	if (schema != 2)
		return lp_fail(err, schema == 1 ? LP_EUNSUP : LP_EFORMAT, LP_NO_OFFSET, RULE_SCHEMA,
			       "manifest schema version %" PRIu64 ", want 2", schema);
	return LP_OK;
}

/*
 * What the document is: by the transport, by itself, and never both of two things, which
 * would let one digest name two images (CVE-2021-41190).
 */
static enum lp_code kind_of(const json_t *doc, const char *said, enum lp_media *out,
			    const char **name, struct lp_err *err)
{
	bool manifests = json_object_get(doc, "manifests");
	bool layers = json_object_get(doc, "layers") || json_object_get(doc, "config");
	enum lp_media outer = said ? lp_media_of(said) : LP_MEDIA_OTHER, inner = LP_MEDIA_OTHER;
	const char *type;

	if (said && !strncmp(said, SCHEMA1, sizeof(SCHEMA1) - 1))
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_SCHEMA, "a manifest of schema 1");
	if (lp_json_string(doc, "mediaType", LP_JSON_OPTIONAL, RULE_MEDIA_TYPE, &type, err))
		return err->code;
	if (manifests && layers)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_AMBIGUOUS,
			       "a document with \"manifests\" and \"layers\" or \"config\"");
	if (type)
		inner = lp_media_of(type);
	/* A plain web server says application/json or text/plain: that says nothing. */
	if (outer != LP_MEDIA_OTHER && type && inner != outer)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MEDIA_TYPE,
			       "the document says it is \"%.80s\", it came as \"%.80s\"", type, said);
	*out = type ? inner : outer;
	*name = type ? type : said;
	if ((*out == LP_MEDIA_INDEX && layers) || (*out == LP_MEDIA_MANIFEST && manifests))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_AMBIGUOUS,
			       "the members of the document are not those of \"%.80s\"", *name);
	return LP_OK;
}

enum lp_code lp_manifest_is_index(const void *p, size_t n, const char *media_type, bool *index,
				  struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	enum lp_media kind;
	const char *name;

	if (parse_document(p, n, &doc, err) || kind_of(doc, media_type, &kind, &name, err))
		return err->code;
	*index = kind == LP_MEDIA_INDEX ||
		 (kind == LP_MEDIA_OTHER && json_object_get(doc, "manifests"));
	return LP_OK;
}

static enum lp_code parse_layers(const json_t *doc, struct lp_manifest *m, struct lp_err *err)
{
	json_t *layers;
	size_t n;

	if (lp_json_child(doc, "layers", JSON_ARRAY, LP_JSON_REQUIRED, RULE_LAYERS, &layers, err))
		return err->code;
	n = json_array_size(layers);
	if (n > LP_LAYERS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_LAYERS_MAX,
			       "%zu layers, the limit is %d", n, LP_LAYERS_MAX);
	m->layer = calloc(n ? n : 1, sizeof(*m->layer));
	if (!m->layer)
		return lp_fail_errno(err, "allocate %zu layers", n);
	for (; m->nlayer < n; m->nlayer++)
		if (lp_descriptor_parse(json_array_get(layers, m->nlayer), &m->layer[m->nlayer],
					err))
			return lp_within(err, "layer %zu", m->nlayer);
	return LP_OK;
}

static enum lp_code parse_manifest(const json_t *doc, const char *media_type,
				   struct lp_manifest *m, struct lp_err *err)
{
	enum lp_media kind;
	const char *name;
	json_t *config;

	if (kind_of(doc, media_type, &kind, &name, err))
		return err->code;
	if (!name)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MEDIA_TYPE,
			       "nothing says what the document is");
	if (kind != LP_MEDIA_MANIFEST)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_MEDIA_TYPE,
			       "\"%.100s\" is not an image manifest", name);
	if (lp_json_child(doc, "config", JSON_OBJECT, LP_JSON_REQUIRED, RULE_CONFIG, &config, err))
		return err->code;
	if (lp_descriptor_parse(config, &m->config, err))
		return lp_within(err, "config");
	if (lp_media_of(m->config.media_type) != LP_MEDIA_CONFIG)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_CONFIG,
			       "not an image: its configuration is \"%.100s\"",
			       m->config.media_type);
	if (parse_layers(doc, m, err) || lp_notes_parse(doc, RULE_NOTES, &m->notes, err))
		return err->code;
	snprintf(m->media_type, sizeof(m->media_type), "%.*s", (int)strcspn(name, "; \t"), name);
	return LP_OK;
}

enum lp_code lp_manifest_parse(const void *p, size_t n, const char *media_type,
			       struct lp_manifest *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};

	*out = m;
	if (parse_document(p, n, &doc, err) || parse_manifest(doc, media_type, &m, err))
		return err->code;
	*out = m;
	m = (struct lp_manifest){0};
	return LP_OK;
}

void lp_manifest_free(struct lp_manifest *m)
{
	for (size_t i = 0; i < m->nlayer; i++)
		lp_descriptor_free(&m->layer[i]);
	free(m->layer);
	lp_descriptor_free(&m->config);
	json_decref(m->notes);
	*m = (struct lp_manifest){0};
}

/* The descriptor with OCI's media type; NULL: memory ran out. */
static json_t *print_descriptor(const struct lp_descriptor *d)
{
	LP_AUTO(lp_json_free) json_t *o = lp_descriptor_json(d);

	if (!o || json_object_set_new(o, "mediaType", json_string(lp_media_name(d->media_type))))
		return NULL;
	return json_incref(o);
}

enum lp_code lp_manifest_print(const struct lp_manifest *m, struct lp_buf *out,
			       struct lp_err *err)
{
	static const char type[] = "application/vnd.oci.image.manifest.v1+json";
	json_t *layers = json_array();
	LP_AUTO(lp_json_free)
	json_t *doc = json_pack("{s:i, s:s, s:o, s:o, s:O*}", "schemaVersion", 2, "mediaType", type,
				"layers", layers, "config", print_descriptor(&m->config),
				"annotations", json_object_size(m->notes) ? m->notes : NULL);

	if (!doc)
		return lp_fail_errno(err, "print a manifest");
	for (size_t i = 0; i < m->nlayer; i++)
		if (json_array_append_new(layers, print_descriptor(&m->layer[i])))
			return lp_fail_errno(err, "print layer %zu of a manifest", i);
	return lp_json_print(doc, out, LP_MANIFEST_MAX, err);
}

/* Entries seen so far: the best, and the words of those that do not serve. */
struct choice {
	unsigned rank;
	json_t *best;	/* borrowed */
	char others[160];
};

/* Look at one entry of an index. */
static enum lp_code consider(json_t *entry, const struct lp_platform *want, struct choice *c,
			     struct lp_err *err)
{
	struct lp_platform have;
	char text[LP_PLATFORM_TEXT];
	unsigned rank = 1; /* no platform: better than nothing, worse than a match */
	enum lp_media media;
	const char *type;
	size_t used = strlen(c->others);
	json_t *platform;

	if (lp_json_string(entry, "mediaType", LP_JSON_REQUIRED, "oci.descriptor.media-type", &type,
			   err) ||
	    lp_json_child(entry, "platform", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_PLATFORM,
			  &platform, err))
		return err->code;
	/* image-index.md: a reader MUST NOT fail on a media type that it does not know */
	media = lp_media_of(type);
	if (media != LP_MEDIA_MANIFEST && media != LP_MEDIA_INDEX)
		return LP_OK;
	if (platform) {
		if (lp_platform_read(platform, RULE_PLATFORM, &have, err))
			return err->code;
		rank = lp_platform_rank(&have, want);
		rank += rank > 0;
		lp_platform_text(&have, text);
		snprintf(c->others + used, sizeof(c->others) - used, "%s%s", used ? ", " : "", text);
	}
	if (rank > c->rank) {
		c->rank = rank;
		c->best = entry;
	}
	return LP_OK;
}

enum lp_code lp_index_choose(const void *p, size_t n, const struct lp_platform *want,
			     struct lp_descriptor *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	struct choice c = {0};
	char text[LP_PLATFORM_TEXT];
	enum lp_media kind;
	const char *name;
	json_t *entries;

	*out = (struct lp_descriptor){0};
	if (parse_document(p, n, &doc, err) || kind_of(doc, NULL, &kind, &name, err) ||
	    lp_json_child(doc, "manifests", JSON_ARRAY, LP_JSON_REQUIRED, RULE_MANIFESTS, &entries,
			  err))
		return err->code;
	for (size_t i = 0; i < json_array_size(entries); i++)
		if (consider(json_array_get(entries, i), want, &c, err))
			return lp_within(err, "entry %zu of the index", i);
	if (!c.best) {
		lp_platform_text(want, text);
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE_PLATFORM,
			       "no image for %s, there is: %s", text,
			       *c.others ? c.others : "nothing");
	}
	return lp_descriptor_parse(c.best, out, err);
}
