// SPDX-License-Identifier: MIT
#include "mount/unpacked.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define RULE_JSON "store.image.json"
#define JSON_MAX ((size_t)64 << 10) /* bytes, ours */

static enum lp_code parse(struct lp_unpacked *u, const json_t *j, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_digest config, got;
	uint64_t version;
	const char *name;

	if (lp_json_u64(j, "version", LP_JSON_REQUIRED, RULE_JSON, &version, err))
		return err->code;
	if (version != LP_UNPACKED_VERSION)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE_JSON, "made by version %llu",
			       (unsigned long long)version);
	if (lp_json_digest(j, "manifest", LP_JSON_REQUIRED, RULE_JSON, &u->manifest, err) ||
	    lp_json_digest(j, "config", LP_JSON_REQUIRED, RULE_JSON, &config, err) ||
	    lp_json_string(j, "name", LP_JSON_REQUIRED, RULE_JSON, &name, err) ||
	    lp_file_load(u->dir, "config.json", LP_CONFIG_MAX, &text, err))
		return err->code;
	snprintf(u->name, sizeof(u->name), "%s", name);
	lp_digest_of(LP_SHA256, text.p, text.len, &got);
	if (lp_digest_check(&got, &config, LP_NO_OFFSET, "store.image.config", "config.json",
			    err) ||
	    lp_config_parse(text.p, text.len, &u->config, err))
		return err->code;
	return LP_OK;
}

static enum lp_code load(struct lp_unpacked *u, struct lp_store *s,
			 const struct lp_digest *manifest, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *j = NULL;
	char name[LP_STORE_NAME];

	lp_store_unpacked_name(manifest, name);
	if (!lp_store_has(s, name))
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: not in the store", name);
	u->dir = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->dir < 0 || flock(u->dir, LOCK_SH))
		return lp_fail_errno(err, "%s", name);
	/* Somebody pruned it while we waited for the lock. */
	if (!lp_store_has(s, name))
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: was removed", name);
	if (lp_file_load(u->dir, "image.json", JSON_MAX, &text, err) ||
	    lp_json_parse(text.p, text.len, RULE_JSON, &j, err) || parse(u, j, err))
		return err->code;
	if (!lp_digest_equal(&u->manifest, manifest))
		return lp_fail(err, LP_EDIGEST, LP_NO_OFFSET, RULE_JSON,
			       "image.json is of another image");
	return LP_OK;
}

enum lp_code lp_unpacked_open(struct lp_unpacked *u, struct lp_store *s,
			      const struct lp_digest *manifest, struct lp_err *err)
{
	*u = (struct lp_unpacked)LP_UNPACKED_EMPTY;
	if (!load(u, s, manifest, err))
		return LP_OK;
	lp_unpacked_free(u);
	return lp_within(err, "unpacked image");
}

void lp_unpacked_free(struct lp_unpacked *u)
{
	lp_config_free(&u->config);
	lp_fd_close(&u->dir);
	*u = (struct lp_unpacked)LP_UNPACKED_EMPTY;
}

static enum lp_code save(const struct lp_image *i, int dir, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char manifest[LP_DIGEST_TEXT], config[LP_DIGEST_TEXT], name[LP_REFERENCE_TEXT];
	struct lp_digest d;

	lp_digest_text(&i->digest, manifest);
	lp_digest_of(LP_SHA256, i->config_text.p, i->config_text.len, &d);
	lp_digest_text(&d, config);
	lp_reference_text(&i->ref, name);
	j = json_pack("{s:i, s:s, s:s, s:s}", "version", LP_UNPACKED_VERSION, "manifest",
		      manifest, "config", config, "name", name);
	if (!j)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "image.json: no memory");
	if (lp_json_print(j, &text, JSON_MAX, err) ||
	    lp_file_put(dir, "image.json", text.p, text.len, err) ||
	    lp_file_put(dir, "config.json", i->config_text.p, i->config_text.len, err))
		return err->code;
	return LP_OK;
}

static enum lp_code make(struct lp_store *s, const struct lp_image *i, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int dir = -1;
	char staged[LP_STAGE_NAME], final[LP_STORE_NAME];
	struct lp_err left;

	lp_store_unpacked_name(&i->digest, final);
	if (lp_store_stage(s, staged, &dir, err))
		return err->code;
	if (!save(i, dir, err) && !lp_store_publish(s, staged, final, err))
		return LP_OK;
	if (lp_store_remove(s, staged, &left))
		return err->code; /* what is left is swept once we are gone */
	return err->code;
}

enum lp_code lp_unpacked_make(struct lp_unpacked *u, struct lp_store *s,
			      const struct lp_image *i, struct lp_err *err)
{
	enum lp_code code = lp_unpacked_open(u, s, &i->digest, err);

	if (code != LP_EMISSING)
		return code;
	if (make(s, i, err) || lp_unpacked_open(u, s, &i->digest, err))
		return err->code;
	return LP_OK;
}

bool lp_unpacked_whole(const struct lp_unpacked *u, struct lp_store *s)
{
	char name[LP_STORE_NAME];

	for (size_t i = 0; i < u->config.ndiffid; i++) {
		lp_store_layer_name(&u->config.diffid[i], name);
		if (!lp_store_has(s, name))
			return false;
	}
	return true;
}

/* Does a line of the file name @source as the source of a mount? */
static bool names_source(const char *path, const char *source)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (f && !found && getline(&line, &room, f) > 0) {
		const char *rest = strstr(line, " - overlay ");

		found = rest && strstr(rest, source);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

bool lp_unpacked_mounted(const struct lp_digest *manifest)
{
	char source[LP_DIGEST_TEXT + sizeof(LP_UNPACKED_SOURCE)], hex[LP_DIGEST_TEXT], path[300];
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	lp_digest_hex(manifest, hex);
	snprintf(source, sizeof(source), "%s%s", LP_UNPACKED_SOURCE, hex);
	while (proc && !found && (e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/mountinfo", e->d_name);
		found = names_source(path, source);
	}
	if (proc)
		closedir(proc);
	return found;
}
