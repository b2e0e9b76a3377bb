// SPDX-License-Identifier: MIT
#include "oci/config.h"

#include <stdlib.h>
#include <string.h>

#define RULE_BYTES "oci.config.bytes"
#define RULE_JSON "oci.config.json"
#define RULE_PLATFORM "oci.config.platform"
#define RULE_MEMBERS "oci.config.members"
#define RULE_ROOTFS "oci.config.rootfs"
#define RULE_DIFF_IDS "oci.config.diff-ids"
#define RULE_HISTORY "oci.config.history"

static enum lp_code parse_rootfs(const json_t *doc, struct lp_config *c, struct lp_err *err)
{
	json_t *rootfs, *ids;
	const char *type;
	size_t n;

	if (lp_json_child(doc, "rootfs", JSON_OBJECT, LP_JSON_REQUIRED, RULE_ROOTFS, &rootfs,
			  err) ||
	    lp_json_string(rootfs, "type", LP_JSON_REQUIRED, RULE_ROOTFS, &type, err))
		return err->code;
	/* config.md: type MUST be set to layers */
	if (strcmp(type, "layers"))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_ROOTFS,
			       "rootfs of type \"%.60s\", want \"layers\"", type);
	if (lp_json_child(rootfs, "diff_ids", JSON_ARRAY, LP_JSON_REQUIRED, RULE_DIFF_IDS, &ids,
			  err))
		return err->code;
	n = json_array_size(ids);
	if (n > LP_LAYERS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_DIFF_IDS,
			       "%zu layers, the limit is %d", n, LP_LAYERS_MAX);
	c->diffid = calloc(n ? n : 1, sizeof(*c->diffid));
	if (!c->diffid)
		return lp_fail_errno(err, "allocate %zu digests", n);
	for (; c->ndiffid < n; c->ndiffid++) {
		const json_t *id = json_array_get(ids, c->ndiffid);

		if (!json_is_string(id))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DIFF_IDS,
				       "diff_id %zu is not a string", c->ndiffid);
		if (lp_digest_parse(json_string_value(id), json_string_length(id),
				    &c->diffid[c->ndiffid], err))
			return lp_within(err, "diff_id %zu", c->ndiffid);
	}
	return LP_OK;
}

/* The member @key: an array of strings, or absent. */
static enum lp_code parse_words(const json_t *o, const char *key, json_t **out,
				struct lp_err *err)
{
	json_t *word;
	size_t i;

	if (lp_json_child(o, key, JSON_ARRAY, LP_JSON_OPTIONAL, RULE_MEMBERS, out, err))
		return err->code;
	json_array_foreach(*out, i, word)
		if (!json_is_string(word))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MEMBERS,
				       "word %zu of \"%s\" is not a string", i, key);
	return LP_OK;
}

static enum lp_code parse_process(const json_t *doc, struct lp_config *c, struct lp_err *err)
{
	json_t *o, *label;
	const char *key;

	if (lp_json_child(doc, "config", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_MEMBERS, &o, err))
		return err->code;
	if (!o)
		return LP_OK;
	if (parse_words(o, "Env", &c->env, err) ||
	    parse_words(o, "Entrypoint", &c->entrypoint, err) ||
	    parse_words(o, "Cmd", &c->cmd, err) ||
	    lp_json_string(o, "User", LP_JSON_OPTIONAL, RULE_MEMBERS, &c->user, err) ||
	    lp_json_string(o, "WorkingDir", LP_JSON_OPTIONAL, RULE_MEMBERS, &c->workdir, err) ||
	    lp_json_string(o, "StopSignal", LP_JSON_OPTIONAL, RULE_MEMBERS, &c->stop_signal,
			   err) ||
	    lp_json_child(o, "Labels", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_MEMBERS, &c->labels,
			  err))
		return err->code;
	json_object_foreach(c->labels, key, label)
		if (!json_is_string(label))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MEMBERS,
				       "label \"%.100s\" is not a string", key);
	return LP_OK;
}

/* History is read only to be written again; its entries must be objects for that. */
static enum lp_code check_history(const json_t *doc, struct lp_err *err)
{
	json_t *history, *entry;
	size_t i;

	if (lp_json_child(doc, "history", JSON_ARRAY, LP_JSON_OPTIONAL, RULE_HISTORY, &history,
			  err))
		return err->code;
	json_array_foreach(history, i, entry) {
		const json_t *empty = json_object_get(entry, "empty_layer");

		if (!json_is_object(entry) ||
		    (empty && !json_is_boolean(empty) && !json_is_null(empty)))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_HISTORY,
				       "history entry %zu is malformed", i);
	}
	return LP_OK;
}

enum lp_code lp_config_parse(const void *p, size_t n, struct lp_config *out, struct lp_err *err)
{
	LP_AUTO(lp_config_free) struct lp_config c = {0};

	*out = c;
	if (n > LP_CONFIG_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_BYTES,
			       "a configuration of %zu bytes, the limit is %zu", n, LP_CONFIG_MAX);
	if (lp_json_parse(p, n, RULE_JSON, &c.document, err) ||
	    lp_platform_read(c.document, RULE_PLATFORM, &c.platform, err) ||
	    parse_rootfs(c.document, &c, err) || parse_process(c.document, &c, err) ||
	    check_history(c.document, err))
		return err->code;
	*out = c;
	c = (struct lp_config){0};
	return LP_OK;
}

void lp_config_free(struct lp_config *c)
{
	json_decref(c->document);
	free(c->diffid);
	*c = (struct lp_config){0};
}

/* @history with @n entries that made a layer, and all that made none. */
static json_t *fit_history(json_t *history, size_t n)
{
	LP_AUTO(lp_json_free) json_t *out = json_array();
	size_t i, left = n;
	json_t *entry;
	bool bad = !out;

	json_array_foreach(history, i, entry) {
		bool empty = json_is_true(json_object_get(entry, "empty_layer"));

		if (!empty && !left)
			continue;
		left -= !empty;
		bad |= json_array_append(out, entry);
	}
	while (left--)
		bad |= json_array_append_new(out, json_pack("{s:s}", "created_by", "lazypull"));
	return bad ? NULL : json_incref(out);
}

static json_t *make_rootfs(const struct lp_digest *diffid, size_t n)
{
	json_t *ids = json_array();
	LP_AUTO(lp_json_free)
	json_t *rootfs = json_pack("{s:s, s:o}", "type", "layers", "diff_ids", ids);
	char text[LP_DIGEST_TEXT];

	for (size_t i = 0; rootfs && i < n; i++) {
		lp_digest_text(&diffid[i], text);
		if (json_array_append_new(ids, json_string(text)))
			return NULL;
	}
	return json_incref(rootfs);
}

enum lp_code lp_config_rewrite(const struct lp_config *c, const struct lp_digest *diffid,
			       size_t n, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *doc = json_copy(c->document);
	json_t *history = json_object_get(doc, "history");

	if (json_object_set_new(doc, "rootfs", make_rootfs(diffid, n)) ||
	    (json_is_array(history) &&
	     json_object_set_new(doc, "history", fit_history(history, n))))
		return lp_fail_errno(err, "rewrite a configuration");
	return lp_json_print(doc, out, LP_CONFIG_MAX, err);
}
