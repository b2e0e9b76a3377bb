/* SPDX-License-Identifier: MIT */
/* mustsink - for fuzz targets: a sink that aborts when what it is told makes no sense. */
#ifndef LP_MUSTSINK_H
#define LP_MUSTSINK_H

#include "format/format.h"

#include <stdlib.h>
#include <string.h>

#define MUST_DEVICES 1024
#define MUST_FRAMES_MAX ((size_t)64 << 20) /* bytes */

struct mustsink {
	struct lp_sink sink;
	size_t nblob;			/* of the image; 0: a layer */
	uint64_t blob_bytes;		/* of each */
	uint64_t chunk_end, device_end, body_left;
	uint32_t ndevice;
	uint64_t device_bytes[MUST_DEVICES];
	struct lp_buf frame;		/* of the device */
};

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

static inline enum lp_code must_device(struct lp_sink *sink, uint32_t number, size_t blob,
				       uint64_t bytes, struct lp_err *err)
{
	struct mustsink *c = (struct mustsink *)(void *)sink;

	(void)err;
	must(number == c->ndevice + 1 && number < MUST_DEVICES && blob && blob < c->nblob);
	must(bytes && bytes % LP_BLOCK == 0 && bytes <= LP_DEVICE_BYTES_MAX);
	c->ndevice = number;
	c->device_bytes[number] = bytes;
	c->chunk_end = c->frame.len = 0;
	return LP_OK;
}

static inline enum lp_code must_frame(struct lp_sink *sink, const struct lp_frame *f,
				      const uint8_t *window, uint32_t *index, struct lp_err *err)
{
	struct mustsink *c = (struct mustsink *)(void *)sink;

	must(f->bit < 8 && (!f->bit || window));
	must(f->stored_bytes && f->off < c->blob_bytes &&
	     f->stored_bytes <= c->blob_bytes - f->off);
	*index = (uint32_t)(c->frame.len / sizeof(*f));
	return lp_buf_add(&c->frame, f, sizeof(*f), MUST_FRAMES_MAX, err);
}

static inline enum lp_code must_chunk(struct lp_sink *sink, const struct lp_chunk *k,
				      const struct lp_digest *d, struct lp_err *err)
{
	struct mustsink *c = (struct mustsink *)(void *)sink;
	const struct lp_frame *f;

	(void)err;
	must(k->frame < c->frame.len / sizeof(*f));
	f = (const struct lp_frame *)(const void *)c->frame.p + k->frame;
	must(k->bytes && k->frame_off < f->plain_bytes &&
	     k->bytes <= f->plain_bytes - k->frame_off);
	must(d->alg == k->alg && lp_alg_bytes(d->alg));
	if (c->nblob)
		must(k->device_off + k->bytes <= c->device_bytes[c->ndevice]);
	else
		must(k->device_off >= c->chunk_end);
	c->chunk_end = k->device_off + k->bytes;
	return LP_OK;
}

static inline void must_be_clean(const char *path)
{
	must(*path != '/' && !strstr(path, "//") && strncmp(path, "../", 3) != 0 &&
	     !strstr(path, "/../") && strcmp(path, "..") != 0 && strcmp(path, ".") != 0);
}

/* An extent lies on a device: of an image, on one that was told; of a layer, behind the last. */
static inline void must_fit(struct mustsink *c, const struct lp_extent *x)
{
	must(x->device_off % LP_BLOCK == x->off % LP_BLOCK && x->bytes);
	if (c->nblob) {
		must(x->device && x->device <= c->ndevice &&
		     x->device_off + x->bytes <= c->device_bytes[x->device]);
		return;
	}
	must(x->device == 1 && x->device_off >= c->device_end);
	c->device_end = x->device_off + x->bytes;
	c->body_left = c->sink.body ? x->bytes : 0;
}

static inline enum lp_code must_entry(struct lp_sink *sink, const struct lp_entry *e,
				      struct lp_err *err)
{
	struct mustsink *c = (struct mustsink *)(void *)sink;
	uint64_t end = 0;

	(void)err;
	must_be_clean(e->path);
	if (e->kind == LP_ENTRY_HARDLINK)
		must_be_clean(e->link);
	must(e->mtime_ns < 1000000000 && !c->body_left);
	must(e->kind || !(S_ISCHR(e->mode) && !e->major && !e->minor));
	for (size_t i = 0; i < e->nextent; i++) {
		must(e->extent[i].off >= end && e->extent[i].off + e->extent[i].bytes <= e->size);
		end = e->extent[i].off + e->extent[i].bytes;
		must_fit(c, &e->extent[i]);
	}
	return LP_OK;
}

static inline enum lp_code must_body(struct lp_sink *sink, const void *p, size_t n,
				     struct lp_err *err)
{
	struct mustsink *c = (struct mustsink *)(void *)sink;

	(void)p, (void)err;
	must(n && n <= c->body_left);
	c->body_left -= n;
	return LP_OK;
}

static inline enum lp_code must_prefetch(struct lp_sink *sink, uint32_t device, uint64_t off,
					 uint64_t bytes, struct lp_err *err)
{
	struct mustsink *c = (struct mustsink *)(void *)sink;

	(void)err;
	if (c->nblob)
		must(device && device <= c->ndevice && off + bytes <= c->device_bytes[device]);
	else
		must(device == 1 && off + bytes <= c->chunk_end);
	must(bytes);
	return LP_OK;
}

static inline enum lp_code must_end(struct lp_sink *sink, uint64_t device_bytes,
				    struct lp_err *err)
{
	struct mustsink *c = (struct mustsink *)(void *)sink;

	(void)err;
	must(!c->body_left && (c->nblob || (device_bytes % LP_BLOCK == 0 &&
					     device_bytes >= c->chunk_end &&
					     device_bytes >= c->device_end)));
	return LP_OK;
}

/* @nblob: of an image; 0: a layer.  @stream: bodies come */
static inline void must_open(struct mustsink *c, size_t nblob, uint64_t blob_bytes, bool stream)
{
	memset(c, 0, sizeof(*c));
	c->sink = (struct lp_sink){
		.device = must_device, .frame = must_frame, .chunk = must_chunk,
		.entry = must_entry, .prefetch = must_prefetch, .end_tree = must_end,
		.body = stream ? must_body : NULL,
	};
	c->nblob = nblob;
	c->blob_bytes = blob_bytes;
}

static inline void must_free(struct mustsink *c)
{
	lp_buf_free(&c->frame);
}

#endif
