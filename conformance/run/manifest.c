// SPDX-License-Identifier: MIT
#include "run/manifest.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME 256

/* Put @value, which is @o's afterwards, and may be NULL: no memory. */
static void put(json_t *o, const char *key, json_t *value)
{
	if (value)
		(void)json_object_set_new(o, key, value);
}

static void put_text(json_t *o, const char *key, const char *text)
{
	if (text)
		put(o, key, json_string(text));
}

/* @text, whose words are separated by @between, as an array. */
static json_t *split(const char *text, char between)
{
	json_t *list = json_array();
	size_t n;

	for (; text && *text; text += n + (text[n] == between)) {
		n = strcspn(text, (char[]){between, '\0'});
		(void)json_array_append_new(list, json_stringn(text, n));
	}
	return list;
}

static json_t *words(char *const *word, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, json_string(word[i]));
	return list;
}

static json_t *bytes(const char *p, size_t n)
{
	json_t *value = json_stringn(p, n), *o;
	char *hex;

	if (value)
		return value;
	hex = calloc(n + 1, 2);
	o = json_object();
	for (size_t i = 0; hex && i < n; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", (uint8_t)p[i]);
	if (hex)
		put_text(o, "hex", hex);
	free(hex);
	return o;
}

static json_t *args(const struct gen_arg *arg, size_t n, bool integers)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++)
		put(o, arg[i].name,
		    integers ? json_integer((json_int_t)strtoull(arg[i].value, NULL, 10)) :
			       bytes(arg[i].value, arg[i].n));
	return o;
}

static void input_name(const struct gen_vector *v, const struct gen_input *in, char out[NAME])
{
	(void)snprintf(out, NAME, "%s.%s.bin", v->id, in->role);
}

static json_t *inputs(const struct gen_vector *v)
{
	json_t *list = json_array(), *o;
	char text[LP_DIGEST_TEXT], name[NAME];
	struct lp_digest d;

	for (size_t i = 0; i < v->ninput; i++) {
		lp_digest_of(LP_SHA256, v->input[i].p, v->input[i].n, &d);
		lp_digest_hex(&d, text);
		input_name(v, &v->input[i], name);
		o = json_object();
		put_text(o, "role", v->input[i].role);
		put_text(o, "file", name);
		put(o, "size", json_integer((json_int_t)v->input[i].n));
		put_text(o, "sha256", text);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *expect(const struct gen_vector *v, bool tree)
{
	json_t *o = json_object();
	char name[NAME];

	put_text(o, "verdict", v->verdict);
	if (v->phase)
		put(o, "phase", split(v->phase, ','));
	put_text(o, "policy", v->policy);
	if (v->verdict[0] != 'a')
		put(o, "code", words(v->code, v->ncode));
	(void)snprintf(name, sizeof(name), "%s.tree", v->id);
	put_text(o, "tree", tree ? name : NULL);
	return o;
}

static json_t *describe(const struct gen_vector *v, bool tree)
{
	json_t *o = json_object();
	char recipe[NAME];

	(void)snprintf(recipe, sizeof(recipe), "%.200s:%u", v->file, v->line);
	put_text(o, "schema", "lazyconf-vector/1");
	put_text(o, "id", v->id);
	put_text(o, "title", v->title);
	put_text(o, "format", v->format);
	put_text(o, "op", v->op);
	put(o, "inputs", inputs(v));
	put(o, "args", args(v->arg, v->narg, false));
	put_text(o, "base", v->base);
	put_text(o, "delta", v->delta);
	put(o, "clauses", words(v->clause, v->nclause));
	put(o, "features", words(v->feature, v->nfeature));
	put(o, "profiles", split(v->profile, ' '));
	put(o, "flags", words(v->flag, v->nflag));
	put(o, "expect", expect(v, tree));
	put(o, "limits", args(v->limit, v->nlimit, true));
	put_text(o, "recipe", recipe);
	put_text(o, "sha256", v->sha256);
	return o;
}


static enum lp_code save_manifest(int dirfd, const struct gen_vector *v, bool tree,
				  struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = describe(v, tree);
	char name[NAME], *text = json_dumps(o, JSON_INDENT(1));
	enum lp_code code;

	if (!text)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no memory");
	(void)snprintf(name, sizeof(name), "%s.json", v->id);
	code = lp_file_put(dirfd, name, text, strlen(text), err);
	free(text);
	return code;
}

static enum lp_code make(const char *path, struct lp_err *err)
{
	if (mkdir(path, 0777) && errno != EEXIST)
		return lp_fail_errno(err, "make %s", path);
	return LP_OK;
}

enum lp_code lc_manifest_write(const struct gen_vector *v, const char *tree, const char *dir,
			       struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dirfd = -1;
	char path[4096], name[NAME];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, v->format);
	if (make(dir, err) || make(path, err))
		return err->code;
	dirfd = open(path, O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return lp_fail_errno(err, "open %s", path);
	for (size_t i = 0; i < v->ninput; i++) {
		input_name(v, &v->input[i], name);
		if (lp_file_put(dirfd, name, v->input[i].p, v->input[i].n, err))
			return err->code;
	}
	(void)snprintf(name, sizeof(name), "%s.tree", v->id);
	if (tree && lp_file_put(dirfd, name, tree, strlen(tree), err))
		return err->code;
	return save_manifest(dirfd, v, tree != NULL, err);
}
