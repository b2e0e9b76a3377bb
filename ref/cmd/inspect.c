// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/common.h"
#include "format/format.h"

#include <stdio.h>

struct args {
	struct lp_common common;
	bool raw, config;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{"raw", 0, LP_OPT_FLAG, offsetof(struct args, raw), NULL, "the manifest, byte for byte"},
	{"config", 0, LP_OPT_FLAG, offsetof(struct args, config), NULL,
	 "the configuration, byte for byte"},
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

static json_t *layer_json(struct lp_image *i, size_t n, const struct lp_open_options *o,
			  struct lp_err *err)
{
	const struct lp_descriptor *d = &i->manifest.layer[n];
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	char blob[LP_DIGEST_TEXT], diffid[LP_DIGEST_TEXT];
	const struct lp_format *format;
	json_t *j;

	if (lp_image_source(i, n, &source, err) || lp_format_of(d, &source, o, &format, err))
		return NULL;
	lp_digest_text(&d->digest, blob);
	lp_digest_text(&i->config.diffid[n], diffid);
	j = json_pack("{s:s, s:s, s:I, s:s, s:s}", "digest", blob, "media_type", d->media_type,
		      "stored_bytes", (json_int_t)d->bytes, "diffid", diffid, "format",
		      format->name);
	if (j && d->notes)
		json_object_set(j, "annotations", d->notes);
	if (!j)
		lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no memory");
	return j;
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

	for (size_t n = 0; n < i->manifest.nlayer; n++) {
		json_t *layer = layer_json(i, n, &o, err);

		if (!layer)
			return lp_within(err, "layer %zu", n);
		json_array_append_new(layers, layer);
	}
	lp_reference_text(&i->ref, name);
	lp_digest_text(&i->digest, digest);
	j = json_pack("{s:s, s:s, s:s, s:s, s:O}", "name", name, "digest", digest, "os",
		      i->config.platform.os, "architecture", i->config.platform.arch, "layers",
		      layers);
	if (!j)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no memory");
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

	if (!lp_common_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_common_end(&usage, inspect(&a, argv[operand], &err), &err, a.common.json);
}
