// SPDX-License-Identifier: MIT
/* name - names.json of the store: {"docker://host/name:tag": "sha256:..."}. */
#include "layer/store.h"

#include "base/json.h"

#include <string.h>

#define FILE_NAME "names.json"
#define RULE "store.names.json"
#define NAMES_MAX ((size_t)16 << 20)	/* bytes, ours: some 100,000 names */

static enum lp_code load(struct lp_store *s, json_t **out, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (lp_file_load(s->dir, FILE_NAME, NAMES_MAX, &text, err))
		return err->code;
	if (lp_json_parse(text.p, text.len, RULE, out, err))
		return lp_within(err, FILE_NAME);
	if (json_is_object(*out))
		return LP_OK;
	return lp_fail(err, LP_EFORMAT, 0, RULE, "%s is not an object", FILE_NAME);
}

enum lp_code lp_store_name_set(struct lp_store *s, const char *image_name,
			       const struct lp_digest *manifest, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *names = NULL;
	LP_AUTO(lp_fd_close) int lock = -1;
	char digest[LP_DIGEST_TEXT];

	if (lp_store_lock(s, FILE_NAME, &lock, err))
		return err->code;
	/* It can all be resolved again: a damaged file is begun anew. */
	if (load(s, &names, err)) {
		if (err->code != LP_EMISSING && err->code != LP_EFORMAT)
			return err->code;
		lp_json_free(&names);
		names = json_object();
	}
	lp_digest_text(manifest, digest);
	if (!names || json_object_set_new(names, image_name, json_string(digest)))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "remember the name %.60s",
			       image_name);
	if (lp_json_print(names, &text, NAMES_MAX, err) ||
	    (s->later ? lp_file_put(s->dir, FILE_NAME, text.p, text.len, err)
		      : lp_file_save(s->dir, FILE_NAME, text.p, text.len, err)))
		return err->code;
	return LP_OK;
}

enum lp_code lp_store_name_get(struct lp_store *s, const char *image_name,
			       struct lp_digest *manifest, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *names = NULL;
	enum lp_code code = load(s, &names, err);

	*manifest = (struct lp_digest){0};
	if (code && code != LP_EMISSING)
		return code;
	if (names && lp_json_digest(names, image_name, LP_JSON_OPTIONAL, RULE, manifest, err))
		return err->code;
	if (manifest->alg == LP_NO_DIGEST)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%.100s was never resolved",
			       image_name);
	return LP_OK;
}
