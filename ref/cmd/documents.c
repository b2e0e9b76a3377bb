// SPDX-License-Identifier: MIT
#include "cmd/documents.h"

#include "oci/config.h"
#include "oci/index.h"
#include "oci/layout.h"
#include "oci/manifest.h"

#include <string.h>

#define RULE_MANIFEST "oci.manifest.digest"
#define RULE_CONFIG "oci.config.digest"
#define RULE_BLOB "oci.layer.digest"
#define RULE_DESCRIPTOR "oci.descriptor.object"
#define RULE_SIZE "oci.descriptor.size"

static enum lp_code check_manifest(const struct lp_inputs *in, const char *media_type,
				   struct lp_err *err)
{
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {.nlayer = 0};

	return lp_manifest_parse(in->map[0].p, in->map[0].bytes, media_type, &m, err);
}

static enum lp_code check_entry(const struct lp_index *ix, size_t i, struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {.bytes = 0};
	struct lp_index_entry e;

	if (lp_index_read(ix, i, &e, err) || lp_descriptor_parse(e.json, &d, err))
		return lp_within(err, "entry %zu", i);
	return LP_OK;
}

static enum lp_code check_index(const struct lp_inputs *in, const char *media_type,
				struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};

	if (lp_index_parse(in->map[0].p, in->map[0].bytes, media_type, &ix, err))
		return err->code;
	for (size_t i = 0; i < json_array_size(ix.entries); i++)
		if (check_entry(&ix, i, err))
			return err->code;
	return LP_OK;
}

static enum lp_code check_config(const struct lp_inputs *in, const char *media_type,
				 struct lp_err *err)
{
	LP_AUTO(lp_config_free) struct lp_config c = {.ndiffid = 0};

	(void)media_type;
	return lp_config_parse(in->map[0].p, in->map[0].bytes, &c, err);
}

static enum lp_code check_layout(const struct lp_inputs *in, const char *media_type,
				 struct lp_err *err)
{
	(void)media_type;
	return lp_layout_marker(in->map[0].p, in->map[0].bytes, err);
}

/* The descriptor, and the blob that it describes, if that is there. */
static enum lp_code check_descriptor(const struct lp_inputs *in, const char *media_type,
				     struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {.bytes = 0};
	const struct lp_map *blob = &in->map[1];
	struct lp_digest got;

	(void)media_type;
	if (lp_json_parse(in->map[0].p, in->map[0].bytes, RULE_DESCRIPTOR, &o, err) ||
	    lp_descriptor_parse(o, &d, err))
		return err->code;
	if (in->n < 2)
		return LP_OK;
	if (blob->bytes != d.bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_SIZE,
			       "the blob has %zu bytes, its descriptor says %llu", blob->bytes,
			       (unsigned long long)d.bytes);
	lp_digest_of(d.digest.alg, blob->p, blob->bytes, &got);
	return lp_digest_check(&got, &d.digest, LP_NO_OFFSET, RULE_BLOB, "the blob", err);
}

static const struct lp_document_kind kinds[] = {
	{"manifest", RULE_MANIFEST, check_manifest},
	{"index", RULE_MANIFEST, check_index},
	{"config", RULE_CONFIG, check_config},
	{"layout", RULE_BLOB, check_layout},
	{"descriptor", RULE_BLOB, check_descriptor},
};

const struct lp_document_kind *lp_document_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}
