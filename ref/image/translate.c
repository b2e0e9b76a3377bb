// SPDX-License-Identifier: MIT
#include "image/translate.h"

#include "tree/erofs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS_MAX (sizeof(struct lp_translate_run) << 20) /* bytes, ours: a million runs */

/* The device that frames and chunks are of. */
static struct lp_translate_device *last_device(struct lp_translate *t)
{
	return (struct lp_translate_device *)(void *)(t->device.p + t->device.len) - 1;
}

static enum lp_code take_device(struct lp_sink *s, uint32_t number, size_t blob, uint64_t bytes,
				struct lp_err *err)
{
	struct lp_translate *t = (struct lp_translate *)s;
	struct lp_translate_device new = {.blob = blob, .bytes = bytes};

	if (number != t->number + 1 || number > t->devices_max)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "device %u after %u", number,
			       t->number);
	/* The first was there. */
	if (number > 1 && lp_buf_add(&t->device, &new, sizeof(new), SIZE_MAX, err))
		return err->code;
	last_device(t)->blob = blob;
	last_device(t)->bytes = bytes;
	t->number = number;
	return LP_OK;
}

static enum lp_code take_frame(struct lp_sink *s, const struct lp_frame *f,
			       const uint8_t *window, uint32_t *index, struct lp_err *err)
{
	return lp_table_add_frame(&last_device((struct lp_translate *)s)->table, f, window, index,
				  err);
}

static enum lp_code take_chunk(struct lp_sink *s, const struct lp_chunk *c,
			       const struct lp_digest *d, struct lp_err *err)
{
	return lp_table_add_chunk(&last_device((struct lp_translate *)s)->table, c, d, err);
}

static enum lp_code take_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	struct lp_translate *t = (struct lp_translate *)s;

	if (e->kind == LP_ENTRY_NODE && S_ISREG(e->mode) && e->nextent) {
		t->body_off = e->extent[0].device_off;
		t->body_left = e->size;
		t->chunk = (struct lp_chunk){.device_off = t->body_off, .alg = LP_SHA256};
	}
	return lp_tree_add(&t->tree, e, err);
}

/* The chunk is full, or its body has ended. */
static enum lp_code end_chunk(struct lp_translate *t, struct lp_err *err)
{
	struct lp_digest d;

	lp_hash_end(&t->hash, &d);
	if (lp_table_add_chunk(&last_device(t)->table, &t->chunk, &d, err))
		return err->code;
	t->chunk.device_off += t->chunk.bytes;
	t->chunk.bytes = 0;
	return LP_OK;
}

static enum lp_code take_body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	struct lp_translate *t = (struct lp_translate *)s;
	const uint8_t *at = p;

	if (t->data < 0 || n > t->body_left)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%zu bytes of no body", n);
	if (lp_file_pwrite(t->data, t->body_off, p, n, err))
		return err->code;
	t->body_off += n;
	t->body_left -= n;
	if (t->chunk.bytes && t->chunk.frame != s->in_frame && end_chunk(t, err))
		return err->code;
	while (n) {
		uint64_t room = LP_BODY_CHUNK - t->chunk.bytes;
		size_t part = n < room ? n : (size_t)room;

		if (!t->chunk.bytes) {
			t->chunk.frame = s->in_frame;
			t->chunk.frame_off = s->frame_off + (uint64_t)(at - (const uint8_t *)p);
			if (lp_hash_begin(&t->hash, LP_SHA256, err))
				return err->code;
		}
		lp_hash_add(&t->hash, at, part);
		t->chunk.bytes += part;
		at += part;
		n -= part;
		if ((t->chunk.bytes == LP_BODY_CHUNK || (!n && !t->body_left)) && end_chunk(t, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code take_prefetch(struct lp_sink *s, uint32_t device, uint64_t device_off,
				  uint64_t bytes, struct lp_err *err)
{
	struct lp_translate *t = (struct lp_translate *)s;
	struct lp_translate_run run = {device_off, bytes, device};
	struct lp_translate_run *last = (void *)(t->run.p + t->run.len);

	/* A gap below a block is the pad behind a file's end: the next file touches this one. */
	if (t->run.len && device == last[-1].device && device_off - last[-1].off >= last[-1].bytes &&
	    device_off - last[-1].off - last[-1].bytes < LP_BLOCK) {
		last[-1].bytes = device_off - last[-1].off + bytes;
		return LP_OK;
	}
	return lp_buf_add(&t->run, &run, sizeof(run), RUNS_MAX, err);
}

static enum lp_code take_diffid(struct lp_sink *s, const struct lp_digest *d, struct lp_err *err)
{
	(void)err;
	((struct lp_translate *)s)->diffid = *d;
	return LP_OK;
}

static enum lp_code take_end(struct lp_sink *s, uint64_t device_bytes, struct lp_err *err)
{
	struct lp_translate *t = (struct lp_translate *)s;

	if (!t->number)
		last_device(t)->bytes = device_bytes;
	if (t->data >= 0 && ftruncate(t->data, (off_t)device_bytes))
		return lp_fail_errno(err, "size the device");
	return lp_tree_end(&t->tree, err);
}

enum lp_code lp_translate_open(struct lp_translate *t, int data, size_t devices_max,
			       struct lp_err *err)
{
	struct lp_translate_device first = {.blob = 0};

	*t = (struct lp_translate){
		.sink = {.device = take_device, .frame = take_frame, .chunk = take_chunk,
			 .entry = take_entry, .body = take_body, .prefetch = take_prefetch,
			 .diffid = take_diffid, .end_tree = take_end},
		.data = data,
		.devices_max = devices_max,
	};
	if (lp_buf_add(&t->device, &first, sizeof(first), SIZE_MAX, err))
		return err->code;
	return lp_tree_open(&t->tree, err);
}

void lp_translate_free(struct lp_translate *t)
{
	struct lp_translate_device *d = (void *)t->device.p;

	for (size_t i = 0; i < t->device.len / sizeof(*d); i++)
		lp_table_build_free(&d[i].table);
	lp_buf_free(&t->device);
	lp_tree_free(&t->tree);
	lp_buf_free(&t->run);
	lp_hash_free(&t->hash);
}

/* An image without data has no device; a layer has one, perhaps empty. */
static size_t device_count(const struct lp_translate *t)
{
	return t->devices_max ? t->number : 1;
}

static enum lp_code write_tables(struct lp_translate *t, const struct lp_descriptor *d,
				 const int *table, struct lp_erofs_device *erofs,
				 struct lp_buf *result, struct lp_err *err)
{
	struct lp_translate_device *device = (void *)t->device.p;

	for (size_t i = 0; i < device_count(t); i++) {
		const struct lp_descriptor *blob = &d[device[i].blob];
		struct lp_translate_made made = {.bytes = device[i].bytes, .blob = device[i].blob};
		char hex[LP_DIGEST_TEXT];

		lp_digest_hex(&blob->digest, hex);
		snprintf(erofs[i].tag, sizeof(erofs[i].tag), "%.64s", hex);
		erofs[i].bytes = device[i].bytes;
		if (lp_table_write(&device[i].table, table[i], &blob->digest, blob->bytes,
				   device[i].bytes, &made.table, err) ||
		    lp_buf_add(result, &made, sizeof(made), SIZE_MAX, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_translate_end(struct lp_translate *t, const struct lp_descriptor *d,
			      const int *table, int tree, struct lp_buf *result,
			      struct lp_err *err)
{
	struct lp_translate_result r = {.diffid = t->diffid, .ndevice = device_count(t)};
	struct lp_erofs_device *erofs = calloc(device_count(t) + 1, sizeof(*erofs));
	enum lp_code code = erofs ? LP_OK : lp_fail_errno(err, "devices");

	code = code ? code : lp_buf_add(result, &r, sizeof(r), SIZE_MAX, err);
	code = code ? code : write_tables(t, d, table, erofs, result, err);
	code = code ? code : lp_erofs_write(&t->tree, erofs, (uint32_t)r.ndevice, tree, err);
	code = code ? code : lp_buf_add(result, t->run.p, t->run.len, SIZE_MAX, err);
	free(erofs);
	return code;
}
