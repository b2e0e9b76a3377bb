// SPDX-License-Identifier: MIT
#include "run/adapter.h"

#include "base/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULE "lazyconf.adapter.json"
#define HELLO "lazyconf.adapter.hello"
#define FILE_MAX ((size_t)64 << 10)
#define DATA_MIB 1024		/* ours: four times of what the largest vector needs */
#define AS_MIB 8192		/* ours: run-time systems reserve gigabytes */

enum lp_code lc_adapter_json(const void *said, size_t n, const char *what, json_t **out,
			     struct lp_err *err)
{
	const char *text = n ? said : "";
	json_error_t e;
	json_t *first;
	size_t i;

	*out = NULL;
	for (i = 0; i < n && isspace((unsigned char)text[i]); i++)
		;
	if (i == n)
		return lp_fail(err, LP_EFORMAT, 0, NULL, "%s: nothing, want one JSON document", what);
	if (!lp_json_parse(text, n, HELLO, out, err))
		return LP_OK;
	first = json_loadb(text, n, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &e);
	if (!first)
		return lp_within(err, "%s", what);
	json_decref(first);
	return lp_fail(err, LP_EFORMAT, (uint64_t)e.position, NULL,
		       "%s: more than one JSON document", what);
}

/* Append @text to @out, $BUILD and $PEERS replaced. */
static enum lp_code expand(const char *text, const struct lc_where *w, char **out,
			   struct lp_err *err)
{
	char word[PATH_MAX];
	size_t n = 0;

	while (*text && n < sizeof(word)) {
		const char *with = NULL;
		size_t skip = 6;

		if (!strncmp(text, "$BUILD", 6))
			with = w->build;
		else if (!strncmp(text, "$PEERS", 6))
			with = w->peers;
		if (with)
			n += (size_t)snprintf(word + n, sizeof(word) - n, "%s", with);
		else
			word[n++] = *text, skip = 1;
		text += skip;
	}
	if (n >= sizeof(word))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "a word of its command is too long");
	word[n] = '\0';
	*out = strdup(word);
	return *out ? LP_OK : lp_fail_errno(err, "command");
}

/* The program @name: beside adapter.json in @beside, else in PATH; NULL: nowhere. */
static char *find_program(const char *name, const char *beside)
{
	const char *path = getenv("PATH");
	char at[PATH_MAX];

	if (*name == '/')
		return access(name, X_OK) ? NULL : strdup(name);
	if ((size_t)snprintf(at, sizeof(at), "%s/%s", beside, name) < sizeof(at) &&
	    !access(at, X_OK))
		return realpath(at, NULL);
	while (path && *path && !strchr(name, '/')) {
		int n = (int)strcspn(path, ":");

		if (n && (size_t)snprintf(at, sizeof(at), "%.*s/%s", n, path, name) < sizeof(at) &&
		    !access(at, X_OK))
			return realpath(at, NULL);
		path += n + (path[n] == ':');
	}
	return NULL;
}

static enum lp_code take_command(struct lc_adapter *a, const struct lc_where *w,
				 const char *beside, struct lp_err *err)
{
	json_t *command;
	char *program;

	if (lp_json_child(a->file, "command", JSON_ARRAY, LP_JSON_REQUIRED, RULE, &command, err))
		return err->code;
	if (!json_array_size(command) || json_array_size(command) > LC_WORDS_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "\"command\" has 1 to %d words",
			       LC_WORDS_MAX);
	for (size_t i = 0; i < json_array_size(command); i++) {
		const char *word = json_string_value(json_array_get(command, i));

		if (!word)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE,
				       "\"command\" has words only");
		if (expand(word, w, &a->word[a->nword], err))
			return err->code;
		a->nword++;
	}
	program = find_program(a->word[0], beside);
	if (!program)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s is not installed%s%s",
			       a->word[0], *a->missing ? ": " : "", a->missing);
	free(a->word[0]);
	a->word[0] = program;
	return LP_OK;
}

/* Files beside adapter.json may stand in further words: those that are there become paths. */
static enum lp_code find_files(struct lc_adapter *a, const char *beside, struct lp_err *err)
{
	char at[PATH_MAX];

	for (size_t i = 1; i < a->nword; i++) {
		if (*a->word[i] == '/' || *a->word[i] == '-' ||
		    (size_t)snprintf(at, sizeof(at), "%s/%s", beside, a->word[i]) >= sizeof(at) ||
		    access(at, R_OK))
			continue;
		free(a->word[i]);
		a->word[i] = realpath(at, NULL);
		if (!a->word[i])
			return lp_fail_errno(err, "%s", at);
	}
	return LP_OK;
}

static enum lp_code take_rest(struct lc_adapter *a, struct lp_err *err)
{
	static const char *const keys[] = {"name", "command", "serve", "missing",
					   "as_mib", "data_mib", "namespaces", "notes"};
	const char *key;
	json_t *value;

	json_object_foreach(a->file, key, value) {
		bool known = false;

		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			known |= !strcmp(key, keys[i]);
		if (!known)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "unknown key \"%s\"",
				       key);
	}
	if (lp_json_string(a->file, "name", LP_JSON_REQUIRED, RULE, &a->name, err) ||
	    lp_json_string(a->file, "missing", LP_JSON_OPTIONAL, RULE, &a->missing, err) ||
	    lp_json_u64(a->file, "as_mib", LP_JSON_OPTIONAL, RULE, &a->as_mib, err) ||
	    lp_json_u64(a->file, "data_mib", LP_JSON_OPTIONAL, RULE, &a->data_mib, err))
		return err->code;
	if (!json_object_get(a->file, "as_mib"))
		a->as_mib = AS_MIB;
	if (!a->data_mib)
		a->data_mib = DATA_MIB;
	if (!a->missing)
		a->missing = "";
	a->serve = json_is_true(json_object_get(a->file, "serve"));
	a->namespaces = !json_is_false(json_object_get(a->file, "namespaces"));
	return LP_OK;
}

enum lp_code lc_adapter_load(struct lc_adapter *a, const char *which,
			     const struct lc_where *where, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	bool file = strchr(which, '/') || (strlen(which) > 5 &&
					   !strcmp(which + strlen(which) - 5, ".json"));
	char path[PATH_MAX], beside[PATH_MAX];
	const char *slash;

	*a = (struct lc_adapter){0};
	if (file)
		snprintf(path, sizeof(path), "%s", which);
	else
		snprintf(path, sizeof(path), "%s/adapters/%s/adapter.json", where->suite, which);
	slash = strrchr(path, '/');
	snprintf(beside, sizeof(beside), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	if (lp_file_load(AT_FDCWD, path, FILE_MAX, &text, err))
		return lp_within(err, "adapter %s", which);
	if (lp_json_parse(text.p, text.len, RULE, &a->file, err) || take_rest(a, err) ||
	    take_command(a, where, beside, err) || find_files(a, beside, err)) {
		lp_within(err, "adapter %s", which);
		lc_adapter_free(a);
		return err->code;
	}
	return LP_OK;
}

void lc_adapter_free(struct lc_adapter *a)
{
	for (size_t i = 0; i < a->nword; i++)
		free(a->word[i]);
	json_decref(a->file);
	json_decref(a->hello);
	*a = (struct lc_adapter){0};
}

enum lp_code lc_adapter_greet(struct lc_adapter *a, const void *said, size_t n,
			      struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *hello = NULL;
	json_t *impl, *list, *policies;
	const char *text;
	uint64_t protocol;

	if (lc_adapter_json(said, n, "hello", &hello, err))
		return err->code;
	if (lp_json_u64(hello, "protocol", LP_JSON_REQUIRED, HELLO, &protocol, err) ||
	    lp_json_child(hello, "impl", JSON_OBJECT, LP_JSON_REQUIRED, HELLO, &impl, err) ||
	    lp_json_string(impl, "name", LP_JSON_REQUIRED, HELLO, &text, err) ||
	    lp_json_string(impl, "version", LP_JSON_REQUIRED, HELLO, &text, err) ||
	    lp_json_child(hello, "formats", JSON_ARRAY, LP_JSON_REQUIRED, HELLO, &list, err) ||
	    lp_json_child(hello, "ops", JSON_ARRAY, LP_JSON_REQUIRED, HELLO, &list, err) ||
	    lp_json_child(hello, "features", JSON_ARRAY, LP_JSON_OPTIONAL, HELLO, &list, err) ||
	    lp_json_child(hello, "policies", JSON_OBJECT, LP_JSON_OPTIONAL, HELLO, &policies, err))
		return lp_within(err, "hello");
	if (protocol != 1)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, HELLO,
			       "hello: protocol %ju, want 1", (uintmax_t)protocol);
	json_decref(a->hello);
	a->hello = hello;
	hello = NULL;
	return LP_OK;
}

bool lc_adapter_has(const struct lc_adapter *a, const char *key, const char *word)
{
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(a->hello, key), i, value) {
		const char *text = json_string_value(value);

		if (text && !strcmp(text, word))
			return true;
	}
	return false;
}

bool lc_adapter_knows(const struct lc_adapter *a, const char *key)
{
	return !json_is_false(json_object_get(a->hello, key));
}

const char *lc_adapter_policy(const struct lc_adapter *a, const char *key)
{
	return json_string_value(json_object_get(json_object_get(a->hello, "policies"), key));
}
