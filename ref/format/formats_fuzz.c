// SPDX-License-Identifier: MIT
/*
 * formats_fuzz - any bytes as a layer of any format; what open() tells must make sense.
 *
 * The first byte says how the rest is used: 0 to 0x7f, as the blob of each format; above, as
 * the JSON of an eStargz TOC, which is put in a blob first so that it gets past the gzip.
 */
#include "format/estargz/footer.h"
#include "format/estargz/toc.h"
#include "format/format.h"
#include "tree/tar.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define BLOB_MAX ((size_t)64 << 20)
#define DATA_BYTES 64	/* before the wrapped TOC: what offsets may name */

struct counting {
	struct lp_sink sink;
	uint64_t blob_bytes, chunk_end, device_end, body_left;
	struct lp_buf frame;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static enum lp_code frame(struct lp_sink *sink, const struct lp_frame *f,
			  const uint8_t *window, uint32_t *index, struct lp_err *err)
{
	struct counting *c = (struct counting *)(void *)sink;

	must(f->bit < 8 && (!f->bit || window));
	must(f->stored_bytes && f->off < c->blob_bytes &&
	     f->stored_bytes <= c->blob_bytes - f->off);
	*index = (uint32_t)(c->frame.len / sizeof(*f));
	return lp_buf_add(&c->frame, f, sizeof(*f), BLOB_MAX, err);
}

static enum lp_code chunk(struct lp_sink *sink, const struct lp_chunk *k,
			  const struct lp_digest *d, struct lp_err *err)
{
	struct counting *c = (struct counting *)(void *)sink;
	const struct lp_frame *f;

	(void)err;
	must(k->frame < c->frame.len / sizeof(*f));
	f = (const struct lp_frame *)(const void *)c->frame.p + k->frame;
	must(k->bytes && k->frame_off < f->plain_bytes &&
	     k->bytes <= f->plain_bytes - k->frame_off);
	must(k->device_off >= c->chunk_end && d->alg == k->alg && lp_alg_bytes(d->alg));
	c->chunk_end = k->device_off + k->bytes;
	return LP_OK;
}

static void check_path(const char *path)
{
	must(*path != '/' && !strstr(path, "//") && strncmp(path, "../", 3) != 0 &&
	     !strstr(path, "/../") && strcmp(path, "..") != 0 && strcmp(path, ".") != 0);
}

static enum lp_code entry(struct lp_sink *sink, const struct lp_entry *e, struct lp_err *err)
{
	struct counting *c = (struct counting *)(void *)sink;

	(void)err;
	check_path(e->path);
	if (e->kind == LP_ENTRY_HARDLINK)
		check_path(e->link);
	must(e->mtime_ns < 1000000000 && !c->body_left);
	must(!(S_ISCHR(e->mode) && !e->major && !e->minor));
	for (size_t i = 0; i < e->nextent; i++) {
		must(e->extent[i].device_off % LP_BLOCK == 0 &&
		     e->extent[i].device_off >= c->device_end);
		c->device_end = e->extent[i].device_off + e->extent[i].bytes;
		c->body_left = c->sink.body ? e->extent[i].bytes : 0;
	}
	return LP_OK;
}

static enum lp_code body(struct lp_sink *sink, const void *p, size_t n, struct lp_err *err)
{
	struct counting *c = (struct counting *)(void *)sink;

	(void)p, (void)err;
	must(n && n <= c->body_left);
	c->body_left -= n;
	return LP_OK;
}

static enum lp_code prefetch(struct lp_sink *sink, uint32_t device, uint64_t off, uint64_t bytes,
			     struct lp_err *err)
{
	(void)err;
	must(device == 1 && bytes && off + bytes <= ((struct counting *)(void *)sink)->chunk_end);
	return LP_OK;
}

static enum lp_code end_tree(struct lp_sink *sink, uint64_t device_bytes, struct lp_err *err)
{
	struct counting *c = (struct counting *)(void *)sink;

	(void)err;
	must(device_bytes % LP_BLOCK == 0 && device_bytes >= c->chunk_end &&
	     device_bytes >= c->device_end && !c->body_left);
	return LP_OK;
}

static void open_as(const struct lp_format *f, const uint8_t *p, size_t n)
{
	static const struct lp_open_options lenient = {.allow_unverified = true};
	struct counting c = {
		.sink = {.frame = frame, .chunk = chunk, .entry = entry, .prefetch = prefetch,
			 .end_tree = end_tree, .body = f->stream ? body : NULL},
		.blob_bytes = n,
	};
	LP_AUTO(lp_source_free) struct lp_source source = {0};
	struct lp_descriptor d = {.bytes = n};
	struct lp_err err;

	if (!lp_source_mem(&source, p, n, &err) &&
	    f->open(&d, &source, 1, &lenient, &c.sink, &err) && err.code == LP_OK)
		abort();
	lp_buf_free(&c.frame);
}

/* A blob around the TOC @json. */
static enum lp_code wrap(const uint8_t *json, size_t n, struct lp_buf *out, struct lp_err *err)
{
	static const uint8_t zero[512];
	LP_AUTO(lp_buf_free) struct lp_buf tar = {0};
	struct lp_entry toc = {.path = LP_TOC_NAME, .mode = S_IFREG, .size = n};
	uint8_t footer[LP_FOOTER_BYTES];
	size_t toc_off;

	if (lp_codec_gzip.encode(zero, DATA_BYTES, 1, out, err))
		return err->code;
	toc_off = out->len;
	lp_footer_print(toc_off, footer);
	if (lp_tar_header(&toc, &tar, err) || lp_buf_add(&tar, json, n, BLOB_MAX, err) ||
	    lp_codec_gzip.encode(tar.p, tar.len, 1, out, err))
		return err->code;
	return lp_buf_add(out, footer, sizeof(footer), BLOB_MAX, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf blob = {0};
	struct lp_err err;

	if (!n)
		return 0;
	if (data[0] < 0x80) {
		for (size_t i = 0; lp_formats[i]; i++)
			if (!lp_formats[i]->image)
				open_as(lp_formats[i], data + 1, n - 1);
		return 0;
	}
	if (!wrap(data + 1, n - 1, &blob, &err))
		open_as(lp_format_named("estargz"), blob.p, blob.len);
	return 0;
}
