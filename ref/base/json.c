// SPDX-License-Identifier: MIT
#include "base/json.h"

#include <stdbool.h>
#include <string.h>

#define RULE_DEPTH "json.limit.depth"
#define RULE_VALUES "json.limit.values"

void lp_json_free(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

/*
 * Depth and number of values, before anything is built: jansson recurses 2048 deep, and
 * spends 250 bytes on each "{},".
 */
static enum lp_code measure(const char *text, size_t n, struct lp_err *err)
{
	size_t depth = 0, values = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++, values++;
		else if (!quoted && (c == '}' || c == ']'))
			depth -= depth > 0;
		else if (!quoted && c == ',')
			values++;
		if (depth > LP_JSON_DEPTH)
			return lp_fail(err, LP_ELIMIT, i, RULE_DEPTH,
				       "JSON is nested deeper than %d", LP_JSON_DEPTH);
		if (values > LP_JSON_VALUES)
			return lp_fail(err, LP_ELIMIT, i, RULE_VALUES,
				       "JSON has more than %d values", LP_JSON_VALUES);
	}
	return LP_OK;
}

/* The clause that a document breaks: what all our documents forbid, else the caller's. */
static const char *rule_of(const json_error_t *e, const char *rule)
{
	switch (json_error_code(e)) {
	case json_error_duplicate_key:
		return "json.object.duplicate-key";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "json.string.nul";
	case json_error_invalid_utf8:
		return "json.string.utf8";
	case json_error_numeric_overflow:
		return "json.number.range";
	default:
		return rule;
	}
}

enum lp_code lp_json_parse(const void *p, size_t n, const char *rule, json_t **out,
			   struct lp_err *err)
{
	const char *text = n ? p : "";
	json_error_t e;
	json_t *j;

	*out = NULL;
	if (measure(text, n, err))
		return err->code;
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!j && json_error_code(&e) == json_error_out_of_memory)
		return lp_fail_errno(err, "parse %zu bytes of JSON", n);
	if (!j)
		return lp_fail(err, LP_EFORMAT, e.position > 0 ? (uint64_t)e.position : 0,
			       rule_of(&e, rule), "not JSON: %s", e.text);
	*out = j;
	return LP_OK;
}

static const char *type_name(json_type t)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",  [JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a fraction",  [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",      [JSON_NULL] = "null",
	};

	return names[t];
}

enum lp_code lp_json_child(const json_t *o, const char *key, json_type type,
			   enum lp_json_need need, const char *rule, json_t **out,
			   struct lp_err *err)
{
	json_t *v = json_object_get(o, key);

	*out = NULL;
	if (!json_is_object(o))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule, "%s, want an object with \"%s\"",
			       o ? type_name(json_typeof(o)) : "nothing", key);
	/* Go writes an absent list or map as null, and every reader there takes it as absent. */
	if (!v || json_is_null(v)) {
		if (need == LP_JSON_REQUIRED)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule, "\"%s\" is missing", key);
		return LP_OK;
	}
	if (json_typeof(v) != type)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule, "\"%s\" is %s, want %s", key,
			       type_name(json_typeof(v)), type_name(type));
	*out = v;
	return LP_OK;
}

enum lp_code lp_json_string(const json_t *o, const char *key, enum lp_json_need need,
			    const char *rule, const char **out, struct lp_err *err)
{
	json_t *v;

	*out = NULL;
	if (lp_json_child(o, key, JSON_STRING, need, rule, &v, err))
		return err->code;
	*out = json_string_value(v);
	return LP_OK;
}

enum lp_code lp_json_u64(const json_t *o, const char *key, enum lp_json_need need,
			 const char *rule, uint64_t *out, struct lp_err *err)
{
	json_t *v;

	*out = 0;
	if (lp_json_child(o, key, JSON_INTEGER, need, rule, &v, err))
		return err->code;
	if (json_integer_value(v) < 0)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule,
			       "\"%s\" is %" JSON_INTEGER_FORMAT ", want 0 or more", key,
			       json_integer_value(v));
	*out = (uint64_t)json_integer_value(v);
	return LP_OK;
}

enum lp_code lp_json_digest(const json_t *o, const char *key, enum lp_json_need need,
			    const char *rule, struct lp_digest *out, struct lp_err *err)
{
	const char *text;

	*out = (struct lp_digest){0};
	if (lp_json_string(o, key, need, rule, &text, err))
		return err->code;
	if (text && lp_digest_parse(text, strlen(text), out, err))
		return lp_within(err, "\"%s\"", key);
	return LP_OK;
}

struct printing {
	struct lp_buf *out;
	size_t max;
	enum lp_code code;
	struct lp_err *err;
};

static int print_some(const char *p, size_t n, void *arg)
{
	struct printing *to = arg;

	to->code = lp_buf_add(to->out, p, n, to->max, to->err);
	return to->code ? -1 : 0;
}

enum lp_code lp_json_print(const json_t *j, struct lp_buf *out, size_t max, struct lp_err *err)
{
	struct printing to = {.out = out, .max = max, .err = err};
	size_t before = out->len;
	int rc = json_dump_callback(j, print_some, &to,
				    JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (!rc)
		return LP_OK;
	out->len = before;
	return to.code ? to.code : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "print JSON");
}
