// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include "cmd/transfer.h"
#include "image/list.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct args {
	struct lp_common common;
	const char *to, *codec, *level, *list, *tmp, *digester, *dict;
	uint64_t chunk_bytes, threads, version;
	bool merge_manifest, with_referrer;
};

static const struct lp_option table[] = {
	LP_COMMON_OPTIONS(struct args),
	{"to", 't', LP_OPT_TEXT, offsetof(struct args, to), "FORMAT",
	 "oci, estargz, rafs6, rafs5; without it the layers are copied as they are"},
	{"compressor", 0, LP_OPT_TEXT, offsetof(struct args, codec), "WORD",
	 "oci: gzip, zstd, none; rafs: zstd, lz4_block, none"},
	{"level", 0, LP_OPT_TEXT, offsetof(struct args, level), "N",
	 "compression level (6: already smaller than zlib's 9)"},
	{"chunk-size", 0, LP_OPT_BYTES, offsetof(struct args, chunk_bytes), "BYTES",
	 "of a file, under one digest (4M; rafs: 1M)"},
	{"digester", 0, LP_OPT_TEXT, offsetof(struct args, digester), "WORD",
	 "rafs: blake3, sha256"},
	{"fs-version", 0, LP_OPT_COUNT, offsetof(struct args, version), "N", "rafs: 6, 5"},
	{"chunk-dict", 0, LP_OPT_TEXT, offsetof(struct args, dict), "IMAGE",
	 "rafs: do not store the chunks that this Nydus image has; its blobs become layers too"},
	{"merge-manifest", 0, LP_OPT_FLAG, offsetof(struct args, merge_manifest), NULL,
	 "rafs: the destination is an index of the source's manifests and the new one"},
	{"with-referrer", 0, LP_OPT_FLAG, offsetof(struct args, with_referrer), NULL,
	 "rafs: the source's manifest is the new one's subject (referrers API)"},
	{"prefetch-list", 0, LP_OPT_TEXT, offsetof(struct args, list), "FILE",
	 "paths to put first, as `lazypull record` writes them"},
	{"threads", 'j', LP_OPT_COUNT, offsetof(struct args, threads), "N",
	 "of each layer; the output is the same whatever N is"},
	{"tmp", 0, LP_OPT_TEXT, offsetof(struct args, tmp), "DIR", "for spools (/var/tmp)"},
	{0},
};

static const struct lp_usage usage = {
	.program = "lazypull convert",
	.operands = "SOURCE DESTINATION",
	.what = "write an image in another format, or copy it",
	.table = table,
	.order = LP_OPT_PERMUTE,
	.least = 2,
	.most = 2,
};

/* A format's name, which may end with a version of it. */
static enum lp_code choose_format(const struct args *a, struct lp_convert_options *o,
				  struct lp_err *err)
{
	size_t n = strcspn(a->to, "0123456789");
	char name[32];

	snprintf(name, sizeof(name), "%.*s", (int)n, a->to);
	o->to = lp_format_named(name);
	o->build.version = (unsigned)a->version;
	if (a->to[n])
		o->build.version = (unsigned)strtoul(a->to + n, NULL, 10);
	if (!o->to || !o->to->build_layer || (o->build.version && !o->to->image) ||
	    (a->version && a->version != o->build.version))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "--to=%s: not a format that we write (lazypull formats)", a->to);
	return LP_OK;
}

static enum lp_code choose_words(const struct args *a, struct lp_convert_options *o,
				 struct lp_err *err)
{
	const char *codec = a->codec && !strcmp(a->codec, "lz4_block") ? "lz4" : a->codec;

	o->build.codec = codec ? lp_codec_named(codec) : NULL;
	if (codec && !o->build.codec)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "--compressor=%s: gzip, zstd, lz4_block or none", codec);
	if (!a->digester)
		return LP_OK;
	o->build.digester = !strcmp(a->digester, "blake3") ? LP_BLAKE3 :
			    !strcmp(a->digester, "sha256") ? LP_SHA256 : LP_NO_DIGEST;
	if (!o->build.digester || !o->to || !o->to->image)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "--digester=%s: blake3 or sha256, for rafs", a->digester);
	return LP_OK;
}

static enum lp_code choose(const struct args *a, struct lp_convert_options *o, struct lp_err *err)
{
	int level, end;

	if ((a->to && choose_format(a, o, err)) || choose_words(a, o, err))
		return err->code;
	o->merge_manifest = a->merge_manifest;
	o->with_referrer = a->with_referrer;
	if ((o->merge_manifest || o->with_referrer) && (!o->to || !o->to->image))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "--merge-manifest and --with-referrer are for rafs");
	if (a->dict && (!o->to || !o->to->dictionary))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "--chunk-dict is for rafs");
	o->build.level = LP_LEVEL_DEFAULT;
	if (a->level) {
		if (sscanf(a->level, "%d%n", &level, &end) != 1 || a->level[end])
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "--level=%s: not a number", a->level);
		o->build.level = level;
	}
	o->build.chunk_bytes = a->chunk_bytes;
	o->threads = (size_t)a->threads;
	return LP_OK;
}

static enum lp_code load_list(const char *file, struct lp_list_paths *paths, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (!file)
		return LP_OK;
	if (lp_file_load(AT_FDCWD, file, LP_LIST_MAX, &text, err) ||
	    lp_list_paths((const char *)text.p, text.len, paths, err))
		return err->code;
	return LP_OK;
}

/* The dictionary's image: of an index, the Nydus manifest. */
static enum lp_code open_dict(const struct args *a, struct lp_image *image,
			      struct lp_convert_options *o, struct lp_err *err)
{
	struct lp_common c = a->common;

	if (!a->dict)
		return LP_OK;
	c.prefer = LP_KIND_NYDUS;
	o->dict = image;
	return lp_common_open(&c, a->dict, image, err) ? lp_within(err, "chunk dictionary") : LP_OK;
}

static enum lp_code convert(const struct args *a, char **name, struct lp_err *err)
{
	LP_AUTO(lp_image_free) struct lp_image dict = LP_IMAGE_EMPTY;
	LP_AUTO(lp_list_paths_free) struct lp_list_paths paths = {.n = 0};
	const char *dir = a->tmp ? a->tmp : "/var/tmp";
	LP_AUTO(lp_fd_close) int tmp = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct lp_convert_options o = {.tmp = tmp};

	if (tmp < 0)
		return lp_fail_errno(err, "%s", dir);
	if (choose(a, &o, err) || load_list(a->list, &paths, err) || open_dict(a, &dict, &o, err))
		return err->code;
	o.build.prefetch = paths.path;
	o.build.nprefetch = paths.n;
	return lp_transfer(&a->common, name[0], name[1], &o, err);
}

int lp_cmd_convert(int argc, char **argv)
{
	struct args a = {.to = NULL};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &a, &operand, &status))
		return status;
	return lp_command_end(&usage, convert(&a, argv + operand, &err), &err, a.common.json);
}
