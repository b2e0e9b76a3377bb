// SPDX-License-Identifier: MIT
#include "oci/document.h"

#include <inttypes.h>
#include <string.h>

#define RULE_BYTES "oci.manifest.bytes"
#define RULE_JSON "oci.manifest.json"
#define RULE_SCHEMA "oci.manifest.schema-version"
#define RULE_MEDIA_TYPE "oci.manifest.media-type"
#define RULE_AMBIGUOUS "oci.manifest.ambiguous"

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

enum lp_code lp_document_parse(const void *p, size_t n, const char *said, json_t **out,
			       enum lp_media *kind, const char **name, struct lp_err *err)
{
	*out = NULL;
	if (parse_document(p, n, out, err) || kind_of(*out, said, kind, name, err))
		return err->code;
	return LP_OK;
}
