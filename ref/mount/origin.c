// SPDX-License-Identifier: MIT
#include "mount/origin.h"

#include <string.h>

#define RULE "mount.control.message"

enum lp_code lp_origin_put(json_t *to, const char *reference, const struct lp_registry_options *o,
			   struct lp_err *err)
{
	const struct {
		const char *key, *value;
	} text[] = {
		{"reference", reference},   {"user", o->user},	   {"password", o->password},
		{"ca_file", o->ca_file}, {"mirror", o->mirror},
	};
	int bad = json_object_set_new(to, "plain_http", json_boolean(o->plain_http)) |
		  json_object_set_new(to, "connections", json_integer(o->connections)) |
		  json_object_set_new(to, "rate", json_integer((json_int_t)o->rate));

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (text[i].value)
			bad |= json_object_set_new(to, text[i].key, json_string(text[i].value));
	if (bad)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory ran out");
	return LP_OK;
}

static enum lp_code get_options(const json_t *j, struct lp_registry_options *o, struct lp_err *err)
{
	uint64_t connections = 0;

	o->plain_http = json_is_true(json_object_get(j, "plain_http"));
	if (lp_json_string(j, "user", LP_JSON_OPTIONAL, RULE, &o->user, err) ||
	    lp_json_string(j, "password", LP_JSON_OPTIONAL, RULE, &o->password, err) ||
	    lp_json_string(j, "ca_file", LP_JSON_OPTIONAL, RULE, &o->ca_file, err) ||
	    lp_json_string(j, "mirror", LP_JSON_OPTIONAL, RULE, &o->mirror, err) ||
	    lp_json_u64(j, "connections", LP_JSON_OPTIONAL, RULE, &connections, err) ||
	    lp_json_u64(j, "rate", LP_JSON_OPTIONAL, RULE, &o->rate, err))
		return err->code;
	o->connections = (unsigned)connections;
	return LP_OK;
}

enum lp_code lp_origin_open(struct lp_origin *o, json_t *document, struct lp_err *err)
{
	struct lp_registry_options options = {0};
	struct lp_reference ref = {0};
	const char *text = NULL;
	char blobs[1024];

	*o = (struct lp_origin){.layout = {.dir = -1}};
	if (lp_json_string(document, "reference", LP_JSON_REQUIRED, RULE, &text, err) ||
	    lp_reference_parse(text, &ref, err) || get_options(document, &options, err))
		return err->code;
	if (ref.transport == LP_OCI)
		return lp_layout_open(&o->layout, ref.path, err);
	if (ref.transport == LP_RAFS) {
		lp_reference_blobs(&ref, blobs);
		return lp_layout_bare(&o->layout, blobs, -1, NULL, err);
	}
	if (ref.transport != LP_DOCKER)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL, "%.200s cannot be read lazily",
			       text);
	o->document = json_incref(document);
	if (lp_registry_open(&o->registry, &ref, &options, err)) {
		lp_json_free(&o->document);
		return err->code;
	}
	return LP_OK;
}

void lp_origin_free(struct lp_origin *o)
{
	if (o->registry)
		lp_registry_free(&o->registry);
	if (o->layout.dir >= 0)
		lp_layout_free(&o->layout);
	lp_json_free(&o->document);
	o->layout.dir = -1;
}
