// SPDX-License-Identifier: MIT
#include "image/local.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define RULE_JSON "store.image.json"
#define JSON_MAX ((size_t)64 << 20) /* bytes, ours: a million prefetch runs */

/* The file @name of the image's directory @dir, mapped, its digest compared. */
static enum lp_code map_checked(int dir, const char *name, const struct lp_digest *want,
				const char *rule, struct lp_map *m, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct lp_digest got;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", name);
	if (lp_map_fd(m, fd, err))
		return err->code;
	lp_digest_of(LP_SHA256, m->p, m->bytes, &got);
	return lp_digest_check(&got, want, LP_NO_OFFSET, rule, name, err);
}

static enum lp_code parse_layer(const json_t *o, struct lp_local_layer *l, struct lp_err *err)
{
	const char *device, *format;

	if (lp_json_digest(o, "blob", LP_JSON_REQUIRED, RULE_JSON, &l->blob, err) ||
	    lp_json_u64(o, "blob_bytes", LP_JSON_REQUIRED, RULE_JSON, &l->blob_bytes, err) ||
	    lp_json_digest(o, "diffid", LP_JSON_OPTIONAL, RULE_JSON, &l->diffid, err) ||
	    lp_json_string(o, "device", LP_JSON_REQUIRED, RULE_JSON, &device, err) ||
	    lp_json_string(o, "format", LP_JSON_REQUIRED, RULE_JSON, &format, err))
		return err->code;
	if ((size_t)snprintf(l->device, sizeof(l->device), "%s", device) >= sizeof(l->device) ||
	    (size_t)snprintf(l->format, sizeof(l->format), "%s", format) >= sizeof(l->format))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_JSON, "a name is too long");
	return LP_OK;
}

static enum lp_code parse_layers(struct lp_local *l, const json_t *document, struct lp_err *err)
{
	json_t *array;

	if (lp_json_child(document, "layers", JSON_ARRAY, LP_JSON_REQUIRED, RULE_JSON, &array, err))
		return err->code;
	l->layer = calloc(json_array_size(array) + 1, sizeof(*l->layer));
	if (!l->layer)
		return lp_fail_errno(err, "layers");
	l->nlayer = json_array_size(array);
	for (size_t i = 0; i < l->nlayer; i++)
		if (parse_layer(json_array_get(array, i), &l->layer[i], err))
			return err->code;
	return LP_OK;
}

static enum lp_code parse_prefetch(struct lp_local *l, const json_t *document, struct lp_err *err)
{
	json_t *array;

	if (lp_json_child(document, "prefetch", JSON_ARRAY, LP_JSON_REQUIRED, RULE_JSON, &array,
			  err))
		return err->code;
	l->prefetch = calloc(json_array_size(array) + 1, sizeof(*l->prefetch));
	if (!l->prefetch)
		return lp_fail_errno(err, "prefetch runs");
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *run = json_array_get(array, i);
		json_int_t device = json_integer_value(json_array_get(run, 0));
		json_int_t off = json_integer_value(json_array_get(run, 1));
		json_int_t bytes = json_integer_value(json_array_get(run, 2));

		if (device < 0 || (size_t)device >= l->nlayer || off < 0 || bytes <= 0)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_JSON,
				       "prefetch run %zu", i);
		l->prefetch[l->nprefetch++] = (struct lp_run){
			(uint32_t)device, (uint64_t)off, (uint64_t)bytes};
	}
	return LP_OK;
}

static enum lp_code load_config(struct lp_local *l, int dir, const struct lp_digest *want,
				struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_digest got;

	if (lp_file_load(dir, "config.json", LP_CONFIG_MAX, &text, err))
		return err->code;
	lp_digest_of(LP_SHA256, text.p, text.len, &got);
	if (lp_digest_check(&got, want, LP_NO_OFFSET, "store.image.config", "config.json", err) ||
	    lp_config_parse(text.p, text.len, &l->config, err))
		return err->code;
	return LP_OK;
}

static enum lp_code parse_image(struct lp_local *l, const json_t *j, int dir, struct lp_err *err)
{
	struct lp_digest meta, config;
	uint64_t version;
	const char *name;

	if (lp_json_u64(j, "version", LP_JSON_REQUIRED, RULE_JSON, &version, err))
		return err->code;
	if (version != LP_LOCAL_VERSION)
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE_JSON, "made by version %llu",
			       (unsigned long long)version);
	if (lp_json_digest(j, "manifest", LP_JSON_REQUIRED, RULE_JSON, &l->manifest, err) ||
	    lp_json_digest(j, "config", LP_JSON_REQUIRED, RULE_JSON, &config, err) ||
	    lp_json_digest(j, "meta", LP_JSON_REQUIRED, RULE_JSON, &meta, err) ||
	    lp_json_string(j, "name", LP_JSON_REQUIRED, RULE_JSON, &name, err) ||
	    parse_layers(l, j, err) || parse_prefetch(l, j, err) ||
	    load_config(l, dir, &config, err))
		return err->code;
	snprintf(l->name, sizeof(l->name), "%s", name);
	if (map_checked(dir, "meta.erofs", &meta, "store.image.meta", &l->meta, err) ||
	    lp_erofs_open(&l->tree, l->meta.p, l->meta.bytes, err))
		return err->code;
	if (l->tree.ndevice != l->nlayer)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_JSON,
			       "meta.erofs has %u devices for %zu layers", l->tree.ndevice,
			       l->nlayer);
	return LP_OK;
}

static enum lp_code open_dir(struct lp_store *s, const struct lp_digest *manifest, int *dir,
			     struct lp_err *err)
{
	char name[LP_STORE_NAME];

	lp_store_image_name(manifest, name);
	if (!lp_store_has(s, name))
		return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "%s: not in the store", name);
	*dir = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0 || flock(*dir, LOCK_SH))
		return lp_fail_errno(err, "%s", name);
	return LP_OK;
}

enum lp_code lp_local_open(struct lp_local *l, struct lp_store *s,
			   const struct lp_digest *manifest, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *j = NULL;

	*l = (struct lp_local)LP_LOCAL_EMPTY;
	if (open_dir(s, manifest, &l->dir, err) ||
	    lp_file_load(l->dir, "image.json", JSON_MAX, &text, err) ||
	    lp_json_parse(text.p, text.len, RULE_JSON, &j, err) ||
	    parse_image(l, j, l->dir, err)) {
		lp_local_free(l);
		return lp_within(err, "stored image");
	}
	if (!lp_digest_equal(&l->manifest, manifest)) {
		lp_local_free(l);
		return lp_fail(err, LP_EDIGEST, LP_NO_OFFSET, RULE_JSON,
			       "image.json is of another image");
	}
	return LP_OK;
}

void lp_local_free(struct lp_local *l)
{
	free(l->layer);
	free(l->prefetch);
	lp_config_free(&l->config);
	lp_map_free(&l->meta);
	lp_fd_close(&l->dir);
	*l = (struct lp_local)LP_LOCAL_EMPTY;
}

static json_t *digest_json(const struct lp_digest *d)
{
	char text[LP_DIGEST_TEXT];

	lp_digest_text(d, text);
	return json_string(text);
}

static enum lp_code file_digest(int dir, const char *name, struct lp_digest *out,
				struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	LP_AUTO(lp_map_free) struct lp_map m = {0};

	if (fd < 0)
		return lp_fail_errno(err, "open %s", name);
	if (lp_map_fd(&m, fd, err))
		return err->code;
	lp_digest_of(LP_SHA256, m.p, m.bytes, out);
	return LP_OK;
}

static json_t *layer_json(const struct lp_local_layer *l, struct lp_err *err)
{
	json_t *o = json_pack("{s:o, s:I, s:s, s:s}", "blob", digest_json(&l->blob), "blob_bytes",
			      (json_int_t)l->blob_bytes, "device", l->device, "format", l->format);

	if (o && l->diffid.alg != LP_NO_DIGEST &&
	    json_object_set_new(o, "diffid", digest_json(&l->diffid)))
		lp_json_free(&o);
	if (!o)
		lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "image.json: no memory");
	return o;
}

static enum lp_code image_json(const struct lp_local *l, int dir, json_t **out,
			       struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *layers = json_array();
	LP_AUTO(lp_json_free) json_t *runs = json_array();
	struct lp_digest meta, config;

	if (file_digest(dir, "meta.erofs", &meta, err) ||
	    file_digest(dir, "config.json", &config, err))
		return err->code;
	for (size_t i = 0; i < l->nlayer; i++) {
		json_t *o = layer_json(&l->layer[i], err);

		if (!o)
			return err->code;
		json_array_append_new(layers, o);
	}
	for (size_t i = 0; i < l->nprefetch; i++)
		json_array_append_new(runs, json_pack("[I, I, I]", (json_int_t)l->prefetch[i].device,
						      (json_int_t)l->prefetch[i].off,
						      (json_int_t)l->prefetch[i].bytes));
	if (json_array_size(layers) == l->nlayer && json_array_size(runs) == l->nprefetch)
		*out = json_pack("{s:i, s:o, s:s, s:o, s:o, s:O, s:O}", "version",
				 LP_LOCAL_VERSION, "manifest", digest_json(&l->manifest), "name",
				 l->name, "meta", digest_json(&meta), "config",
				 digest_json(&config), "layers", layers, "prefetch", runs);
	if (!*out)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "image.json: no memory");
	return LP_OK;
}

enum lp_code lp_local_save(const struct lp_local *l, int dir, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (image_json(l, dir, &j, err) || lp_json_print(j, &text, JSON_MAX, err) ||
	    lp_file_put(dir, "image.json", text.p, text.len, err))
		return err->code;
	return LP_OK;
}
