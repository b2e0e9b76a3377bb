// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "format/format.h"

#include <stdio.h>

struct args {
	struct lp_common common;
	bool raw, config, referrers;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{"raw", 0, LP_OPT_FLAG, offsetof(struct args, raw), NULL, "the manifest, byte for byte"},
	{"config", 0, LP_OPT_FLAG, offsetof(struct args, config), NULL,
	 "the configuration, byte for byte"},
	{"referrers", 0, LP_OPT_FLAG, offsetof(struct args, referrers), NULL,
	 "also what refers to the manifest"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull inspect",
	.operands = "IMAGE",
	.what = "show what an image is made of",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 1,
	.most = 1,
};

/*
 * Layer @n, which is looked at if nobody knows.
 *
 * @format  in and out: a format of whole images, or NULL
 */
static json_t *layer_json(struct lp_image *i, size_t n, const struct lp_open_options *o,
			  const struct lp_format **format, struct lp_err *err)
{
	const struct lp_descriptor *d = &i->manifest.layer[n];
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	char blob[LP_DIGEST_TEXT], diffid[LP_DIGEST_TEXT];
	const struct lp_format *is = *format;
	json_t *j;

	if (!is && (lp_image_source(i, n, &source, err) || lp_format_of(d, &source, o, &is, err)))
		return NULL;
	*format = is->image ? is : NULL;
	lp_digest_text(&d->digest, blob);
	lp_digest_text(&i->config.diffid[n], diffid);
	j = json_pack("{s:s, s:s, s:I, s:s, s:s}", "digest", blob, "media_type", d->media_type,
		      "stored_bytes", (json_int_t)d->bytes, "diffid", diffid, "format",
		      is->name);
	if (j && d->notes)
		json_object_set(j, "annotations", d->notes);
	if (!j)
		lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no memory");
	return j;
}

static const char *const kinds[] = {"oci", "nydus"};

/* One entry of an index or of a list of referrers; NULL: @err says why. */
static json_t *entry_json(const struct lp_index_entry *e, const struct lp_image *i,
			  struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	char digest[LP_DIGEST_TEXT], platform[LP_PLATFORM_TEXT];
	bool chosen;
	enum lp_kind kind = e->kind;
	json_t *j;

	if (lp_descriptor_parse(e->json, &d, err))
		return NULL;
	chosen = lp_digest_equal(&d.digest, &i->digest);
	if (chosen && lp_manifest_is_nydus(&i->manifest))
		kind = LP_KIND_NYDUS;
	lp_digest_text(&d.digest, digest);
	lp_platform_text(&e->platform, platform);
	j = json_pack("{s:s, s:s, s:s, s:I, s:s*, s:s*, s:b}", "digest", digest, "media_type",
		      d.media_type, "kind", kinds[kind], "stored_bytes", (json_int_t)d.bytes,
		      "platform", e->placed ? platform : NULL, "artifact_type", e->artifact_type,
		      "chosen", chosen);
	if (!j)
		lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no memory");
	return j;
}

/* All entries of @ix as the member @name of @out. */
static enum lp_code add_entries(json_t *out, const char *name, const struct lp_index *ix,
				const struct lp_image *i, struct lp_err *err)
{
	json_t *list = json_array();

	if (json_object_set_new(out, name, list))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no memory");
	for (size_t n = 0; n < json_array_size(ix->entries); n++) {
		struct lp_index_entry e;
		json_t *j;

		if (lp_index_read(ix, n, &e, err))
			return err->code;
		j = entry_json(&e, i, err);
		if (!j)
			return lp_within(err, "entry %zu", n);
		json_array_append_new(list, j);
	}
	return LP_OK;
}

/* What else there is: in the index that the name leads to, and what refers to the manifest. */
static enum lp_code add_others(json_t *out, const struct args *a, struct lp_image *i,
			       struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index ix = {.document = NULL};
	LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};
	char digest[LP_DIGEST_TEXT];

	if (i->index_text.len) {
		lp_digest_text(&i->index_digest, digest);
		json_object_set_new(out, "index_digest", json_string(digest));
		if (lp_index_parse(i->index_text.p, i->index_text.len, NULL, &ix, err) ||
		    add_entries(out, "manifests", &ix, i, err))
			return lp_within(err, "index");
	}
	if (a->referrers && (lp_image_referrers(i, &list, err) ||
			     add_entries(out, "referrers", &list, i, err)))
		return err->code;
	return LP_OK;
}

static void print_entries(const json_t *j, const char *name)
{
	const json_t *list = json_object_get(j, name);

	if (list)
		printf("%s:\n", name);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *e = json_array_get(list, i);
		const char *place = json_string_value(json_object_get(e, "platform"));
		const char *type = json_string_value(json_object_get(e, "artifact_type"));

		printf("%3s  %-8s %s  %s%s%s\n",
		       json_is_true(json_object_get(e, "chosen")) ? "*" : "",
		       json_string_value(json_object_get(e, "kind")),
		       json_string_value(json_object_get(e, "digest")), place ? place : "-",
		       type ? "  " : "", type ? type : "");
	}
}

static void print_text(const json_t *j)
{
	const char *arch = json_string_value(json_object_get(j, "architecture"));
	const json_t *layers = json_object_get(j, "layers");

	printf("%s\n%s, %s\n", json_string_value(json_object_get(j, "name")),
	       json_string_value(json_object_get(j, "digest")), arch ? arch : "");
	for (size_t i = 0; i < json_array_size(layers); i++) {
		const json_t *layer = json_array_get(layers, i);

		printf("%3zu  %-8s %12lld  %s\n", i,
		       json_string_value(json_object_get(layer, "format")),
		       (long long)json_integer_value(json_object_get(layer, "stored_bytes")),
		       json_string_value(json_object_get(layer, "digest")));
	}
	print_entries(j, "manifests");
	print_entries(j, "referrers");
}

static enum lp_code print_json(const json_t *j, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (lp_json_print(j, &text, SIZE_MAX, err))
		return err->code;
	printf("%.*s\n", (int)text.len, (const char *)text.p);
	return LP_OK;
}

static enum lp_code describe(const struct args *a, struct lp_image *i, struct lp_err *err)
{
	struct lp_open_options o = {.allow_unverified = a->common.allow_unverified};
	LP_AUTO(lp_json_free) json_t *layers = json_array();
	LP_AUTO(lp_json_free) json_t *j = NULL;
	char name[LP_REFERENCE_TEXT], digest[LP_DIGEST_TEXT];
	const struct lp_format *format = NULL;

	/* The last one first: it says what they all are, in formats of whole images. */
	for (size_t n = i->manifest.nlayer; n-- > 0;) {
		json_t *layer = layer_json(i, n, &o, &format, err);

		if (!layer)
			return lp_within(err, "layer %zu", n);
		json_array_insert_new(layers, 0, layer);
	}
	lp_reference_text(&i->ref, name);
	lp_digest_text(&i->digest, digest);
	j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "name", name, "digest", digest, "kind",
		      kinds[lp_manifest_is_nydus(&i->manifest)], "os", i->config.platform.os,
		      "architecture", i->config.platform.arch, "layers", layers);
	if (!j)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no memory");
	if (add_others(j, a, i, err))
		return err->code;
	if (a->common.json)
		return print_json(j, err);
	print_text(j);
	return LP_OK;
}

static enum lp_code inspect(const struct args *a, const char *name, struct lp_err *err)
{
	LP_AUTO(lp_image_free) struct lp_image image = LP_IMAGE_EMPTY;
	const struct lp_buf *text = a->raw ? &image.manifest_text : &image.config_text;

	if (lp_common_open(&a->common, name, &image, err) || lp_image_config(&image, err))
		return err->code;
	if (!a->raw && !a->config)
		return describe(a, &image, err);
	fwrite(text->p, 1, text->len, stdout);
	return LP_OK;
}

int lp_cmd_inspect(int argc, char **argv)
{
	struct args a = {.raw = false};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_command_end(&usage, inspect(&a, argv[operand], &err), &err, a.common.json);
}
