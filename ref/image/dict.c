// SPDX-License-Identifier: MIT
#include "image/dict.h"

#include "image/parse.h"

#include <fcntl.h>

#define RULE_FORMAT "image.dict.format"
#define RULE_BLOB "image.dict.blob"

struct loading {
	struct lp_parse parse;
	const struct lp_convert_options *options;
	int out;
};

/* In the child. */
static enum lp_code load(struct lp_parse *p, struct lp_source *blob, struct lp_buf *result,
			 struct lp_err *err)
{
	const struct loading *l = (const struct loading *)(const void *)p;
	struct lp_fd_writer out;

	(void)result;
	lp_fd_writer_open(&out, l->out);
	return l->options->to->dictionary(p->layer, blob, 1, &l->options->build, &out.writer, err);
}

/* The last layer of @i, which has to be metadata of @to. */
static enum lp_code open_last(struct lp_image *i, const struct lp_format *to,
			      struct lp_source *source, struct lp_err *err)
{
	const struct lp_open_options options = {.allow_unverified = false};
	const struct lp_format *format = NULL;
	size_t n = i->manifest.nlayer;

	if (n && (lp_image_source(i, n - 1, source, err) ||
		  lp_format_of(&i->manifest.layer[n - 1], source, &options, &format, err)))
		return err->code;
	if (format != to)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_FORMAT,
			       "the image is not of the format %s", to->name);
	return LP_OK;
}

static enum lp_code map_chunks(const struct lp_convert_options *o, struct lp_map *out,
			       struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf result = {.p = NULL};
	LP_AUTO(lp_fd_close) int fd = openat(o->tmp, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	struct loading l = {.options = o, .out = fd};

	if (fd < 0)
		return lp_fail_errno(err, "create a temporary file");
	if (open_last(o->dict, o->to, &source, err))
		return err->code;
	l.parse = (struct lp_parse){.run = load, .keep = &fd, .nkeep = 1, .dir = -1,
				    .layer = &o->dict->manifest.layer[o->dict->manifest.nlayer - 1]};
	if (lp_parse_run(&l.parse, &source, 1, &result, err))
		return err->code;
	return lp_map_fd(out, fd, err);
}

enum lp_code lp_dict_load(const struct lp_convert_options *o, struct lp_map *out,
			  struct lp_err *err)
{
	*out = (struct lp_map){0};
	if (o->dict && map_chunks(o, out, err))
		return lp_within(err, "chunk dictionary");
	return LP_OK;
}

static bool has_layer(const struct lp_manifest *m, const struct lp_digest *d)
{
	for (size_t n = 0; n < m->nlayer; n++)
		if (lp_digest_equal(&m->layer[n].digest, d))
			return true;
	return false;
}

/* Blob @d of @dict as the next layer of @m, and its bytes to @to. */
static enum lp_code lend(struct lp_image *dict, struct lp_target *to, const struct lp_digest *d,
			 struct lp_manifest *m, struct lp_err *err)
{
	const struct lp_descriptor *blob = NULL;
	char hex[LP_DIGEST_TEXT];
	bool had = false;

	lp_digest_hex(d, hex);
	for (size_t n = 0; n < lp_image_blobs(dict) && !blob; n++)
		if (lp_digest_equal(&lp_image_descriptor(dict, n)->digest, d))
			blob = lp_image_descriptor(dict, n);
	if (!blob)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_BLOB,
			       "blob %s is no layer of the dictionary's image", hex);
	if (lp_target_has(to, blob, &had, err) || (!had && lp_target_copy(to, dict, blob, err)) ||
	    lp_descriptor_copy(&m->layer[m->nlayer], blob, err))
		return lp_within(err, "blob %.12s", hex);
	m->nlayer++;
	return LP_OK;
}

enum lp_code lp_dict_lend(struct lp_image *dict, struct lp_target *to, const struct lp_buf *needs,
			  struct lp_manifest *m, struct lp_digest *diffid,
			  struct lp_descriptor *last, struct lp_err *err)
{
	const struct lp_digest *d = (const struct lp_digest *)(const void *)needs->p;
	LP_AUTO(lp_json_free) json_t *ids = json_array();
	LP_AUTO(lp_buf_free) struct lp_buf text = {.p = NULL};

	for (size_t i = 0; i < needs->len / sizeof(*d); i++) {
		char hex[LP_DIGEST_TEXT];

		if (has_layer(m, &d[i]))
			continue;
		diffid[m->nlayer] = d[i];
		lp_digest_hex(&d[i], hex);
		if (lend(dict, to, &d[i], m, err))
			return lp_within(err, "chunk dictionary");
		if (json_array_append_new(ids, json_string(hex)))
			return lp_fail_errno(err, "a list of blobs");
	}
	if (!json_array_size(ids))
		return LP_OK;
	if (lp_json_print(ids, &text, LP_MANIFEST_MAX, err) || lp_buf_add(&text, "", 1, SIZE_MAX, err))
		return err->code;
	return lp_descriptor_set_note(last, LP_NOTE_NYDUS_REFERENCES, (const char *)text.p, err);
}
