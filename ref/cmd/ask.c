// SPDX-License-Identifier: MIT
#include "cmd/ask.h"

#include <stdlib.h>
#include <string.h>

#define FIRST "in"

/* The place of an input among the others: 0 the first, N blob N; -1: it is no role. */
static int place_of(const char *role)
{
	static const char *const first[] = {FIRST, "layer", "bootstrap", "document"};
	char *end;
	long n;

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		if (!strcmp(role, first[i]))
			return 0;
	if (strncmp(role, "blob", 4))
		return -1;
	if (!role[4])
		return 1;
	if (role[4] < '1' || role[4] > '9')
		return -1;
	n = strtol(role + 4, &end, 10);
	return *end || n >= LP_ASK_INPUTS ? -1 : (int)n;
}

static enum lp_code add_input(struct lp_ask *a, int place, const char *role, const char *file,
			      struct lp_err *err)
{
	struct lp_ask_pair *at = &a->input[place];

	/* The first may be named twice: as the first, and by its role. */
	if (a->input[0].value && !strcmp(a->input[0].value, file))
		return LP_OK;
	if (at->value)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "two inputs are %.40s", role);
	*at = (struct lp_ask_pair){role, file};
	if ((size_t)place >= a->ninput)
		a->ninput = (size_t)place + 1;
	return LP_OK;
}

static enum lp_code add_flag(struct lp_ask *a, const char *name, struct lp_err *err)
{
	if (strcmp(name, "full"))
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, NULL, "no flag \"%.40s\" here", name);
	a->full = true;
	return LP_OK;
}

/* An input or an argument: @value by @name. */
static enum lp_code add(struct lp_ask *a, const char *name, const char *value,
			struct lp_err *err)
{
	int place = place_of(name);

	if (place >= 0)
		return add_input(a, place, name, value, err);
	if (!strcmp(name, "flag"))
		return add_flag(a, value, err);
	if (!strcmp(name, "full")) {
		a->full = strcmp(value, "0") != 0;
		return LP_OK;
	}
	if (!strcmp(name, "format")) {
		a->format = value;
		return LP_OK;
	}
	if (a->narg == LP_ASK_ARGS)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "more than %d arguments",
			       LP_ASK_ARGS);
	a->arg[a->narg++] = (struct lp_ask_pair){name, value};
	return LP_OK;
}

/* No input is left out between others. */
static enum lp_code check(const struct lp_ask *a, struct lp_err *err)
{
	if (!a->format)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no format");
	for (size_t i = 0; i < a->ninput; i++)
		if (!a->input[i].value)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no input %zu of %zu", i,
				       a->ninput);
	if (!a->ninput && strcmp(a->format, "http") != 0)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no input");
	return LP_OK;
}

enum lp_code lp_ask_argv(struct lp_ask *a, int argc, char **argv, struct lp_err *err)
{
	*a = (struct lp_ask){.op = argv[0]};
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (strncmp(argv[i], "--", 2) || !value)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "\"%.80s\" is not --NAME=VALUE", argv[i]);
		*value = '\0';
		if (add(a, argv[i] + 2, value + 1, err))
			return err->code;
	}
	return check(a, err);
}

/* The text of @v, a member of @o: numbers become texts, in the document; true is "1". */
static enum lp_code text_of(json_t *o, const char *key, json_t *v, const char **out,
			    struct lp_err *err)
{
	json_t *text;

	if (json_is_boolean(v)) {
		*out = json_is_true(v) ? "1" : "0";
		return LP_OK;
	}
	if (json_is_integer(v)) {
		text = json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
		if (!text || json_object_set_new(o, key, text))
			return lp_fail_errno(err, "a number");
		v = text;
	}
	*out = json_string_value(v);
	return *out ? LP_OK
		    : lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "\"%.40s\" is no text", key);
}

static enum lp_code add_members(struct lp_ask *a, const char *key, struct lp_err *err)
{
	json_t *o = json_object_get(a->document, key), *v;
	const char *name, *text = NULL;
	void *next;

	if (o && !json_is_object(o))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "\"%s\" is no object", key);
	json_object_foreach_safe(o, next, name, v)
		if (text_of(o, name, v, &text, err) || add(a, name, text, err))
			return err->code;
	return LP_OK;
}

static enum lp_code add_flags(struct lp_ask *a, struct lp_err *err)
{
	json_t *flags = json_object_get(a->document, "flags"), *v;
	size_t i;

	if (flags && !json_is_array(flags))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "\"flags\" is no array");
	json_array_foreach(flags, i, v)
		if (!json_is_string(v))
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "a flag is no text");
		else if (add_flag(a, json_string_value(v), err))
			return err->code;
	return LP_OK;
}

/* What stands in front: seq, op, format, in. */
static enum lp_code read_head(struct lp_ask *a, struct lp_err *err)
{
	json_t *d = a->document;
	const char *in;

	a->seq = json_object_get(d, "seq");
	if (lp_json_string(d, "op", LP_JSON_REQUIRED, NULL, &a->op, err) ||
	    lp_json_string(d, "format", LP_JSON_OPTIONAL, NULL, &a->format, err) ||
	    lp_json_string(d, FIRST, LP_JSON_OPTIONAL, NULL, &in, err))
		return err->code;
	return in ? add_input(a, 0, FIRST, in, err) : LP_OK;
}

enum lp_code lp_ask_json(struct lp_ask *a, const char *text, size_t n, struct lp_err *err)
{
	*a = (struct lp_ask){.served = true};
	if (lp_json_parse(text, n, NULL, &a->document, err) || read_head(a, err))
		return err->code;
	if (!strcmp(a->op, "hello"))
		return LP_OK;
	if (add_members(a, "inputs", err) || add_members(a, "args", err) || add_flags(a, err))
		return err->code;
	return check(a, err);
}

void lp_ask_free(struct lp_ask *a)
{
	lp_json_free(&a->document);
	*a = (struct lp_ask){.op = NULL};
}

const char *lp_ask_arg(const struct lp_ask *a, const char *name)
{
	for (size_t i = 0; i < a->narg; i++)
		if (!strcmp(a->arg[i].name, name))
			return a->arg[i].value;
	return NULL;
}
