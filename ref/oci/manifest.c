// SPDX-License-Identifier: MIT
#include "oci/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_MEDIA_TYPE "oci.manifest.media-type"
#define RULE_CONFIG "oci.manifest.config"
#define RULE_LAYERS "oci.manifest.layers"
#define RULE_LAYERS_MAX "oci.manifest.layers-max"
#define RULE_NOTES "oci.manifest.annotations"
#define RULE_ARTIFACT "oci.manifest.artifact-type"
#define RULE_SUBJECT "oci.manifest.subject"

enum lp_code lp_manifest_is_index(const void *p, size_t n, const char *media_type, bool *index,
				  struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	enum lp_media kind;
	const char *name;

	if (lp_document_parse(p, n, media_type, &doc, &kind, &name, err))
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

/* "subject" and "artifactType", which no image needs. */
static enum lp_code parse_artifact(const json_t *doc, struct lp_manifest *m, struct lp_err *err)
{
	const char *type;
	json_t *subject;

	if (lp_media_parse(doc, "artifactType", LP_JSON_OPTIONAL, RULE_ARTIFACT, &type, err) ||
	    lp_json_child(doc, "subject", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_SUBJECT, &subject,
			  err))
		return err->code;
	snprintf(m->artifact_type, sizeof(m->artifact_type), "%s", type ? type : "");
	if (subject && lp_descriptor_parse(subject, &m->subject, err))
		return lp_within(err, "subject");
	return LP_OK;
}

static enum lp_code parse_manifest(const json_t *doc, enum lp_media kind, const char *name,
				   struct lp_manifest *m, struct lp_err *err)
{
	json_t *config;

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
	if (parse_layers(doc, m, err) || parse_artifact(doc, m, err) ||
	    lp_notes_parse(doc, RULE_NOTES, &m->notes, err))
		return err->code;
	snprintf(m->media_type, sizeof(m->media_type), "%.*s", (int)strcspn(name, "; \t"), name);
	return LP_OK;
}

enum lp_code lp_manifest_parse(const void *p, size_t n, const char *media_type,
			       struct lp_manifest *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = NULL;
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	enum lp_media kind;
	const char *name;

	*out = m;
	if (lp_document_parse(p, n, media_type, &doc, &kind, &name, err) ||
	    parse_manifest(doc, kind, name, &m, err))
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
	lp_descriptor_free(&m->subject);
	json_decref(m->notes);
	*m = (struct lp_manifest){0};
}

bool lp_manifest_is_nydus(const struct lp_manifest *m)
{
	const char *boot = m->nlayer ? lp_descriptor_note(&m->layer[m->nlayer - 1],
							  LP_NOTE_NYDUS_BOOTSTRAP)
				     : NULL;

	return !strcmp(m->artifact_type, LP_TYPE_NYDUS) || (boot && !strcmp(boot, "true"));
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
	json_t *subject = m->subject.digest.alg ? print_descriptor(&m->subject) : NULL;
	LP_AUTO(lp_json_free)
	json_t *doc = json_pack("{s:i, s:s, s:o, s:o, s:O*, s:o*, s:s*}", "schemaVersion", 2,
				"mediaType", type, "layers", layers, "config",
				print_descriptor(&m->config), "annotations",
				json_object_size(m->notes) ? m->notes : NULL, "subject", subject,
				"artifactType", *m->artifact_type ? m->artifact_type : NULL);

	if (!doc || (m->subject.digest.alg && !subject))
		return lp_fail_errno(err, "print a manifest");
	for (size_t i = 0; i < m->nlayer; i++)
		if (json_array_append_new(layers, print_descriptor(&m->layer[i])))
			return lp_fail_errno(err, "print layer %zu of a manifest", i);
	return lp_json_print(doc, out, LP_MANIFEST_MAX, err);
}
