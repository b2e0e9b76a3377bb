// SPDX-License-Identifier: MIT
#include "layer/table.h"

#include "base/cursor.h"
#include "base/stream.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "LPTABLE1"
#define HEADER_BYTES 128
#define TRAILER_BYTES 32
#define RECORD_BYTES 32		/* of a frame, and of a chunk */

#define RULE_MAGIC "store.table.magic"
#define RULE_BYTES "store.table.bytes"
#define RULE_RESERVED "store.table.reserved"
#define RULE_BLOB "store.table.blob"
#define RULE_DIGEST "store.table.digest"

/*
 * The header as it lies in the file, little endian like the records; foreign headers are
 * read with a cursor.
 */
struct header {
	char magic[8];
	uint32_t nframe, nchunk;
	uint32_t digest_bytes;
	uint32_t alg;			/* of the blob's digest */
	uint64_t device_bytes, blob_bytes;
	uint8_t blob[LP_DIGEST_MAX];
	uint32_t nwindow;
	uint8_t reserved[20];
} __attribute__((packed));

_Static_assert(sizeof(struct header) == HEADER_BYTES, "layer.table: a header of 128 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "layer.table is mapped as it lies");

static enum lp_code append(struct lp_buf *b, const void *record, size_t bytes,
			   struct lp_err *err)
{
	if (b->len / bytes >= LP_CHUNKS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "layer.chunk.count",
			       "more than %u frames or chunks", LP_CHUNKS_MAX);
	return lp_buf_add(b, record, bytes, (size_t)LP_CHUNKS_MAX * bytes, err);
}

enum lp_code lp_table_add_frame(struct lp_table_build *b, const struct lp_frame *f,
				const uint8_t *window, uint32_t *index, struct lp_err *err)
{
	struct lp_frame record = *f;

	record.window = 0;
	if (window) {
		if (append(&b->window, window, LP_WINDOW_BYTES, err))
			return err->code;
		record.window = (uint32_t)(b->window.len / LP_WINDOW_BYTES);
	}
	if (append(&b->frame, &record, sizeof(record), err))
		return err->code;
	if (index)
		*index = (uint32_t)(b->frame.len / sizeof(*f) - 1);
	return LP_OK;
}

enum lp_code lp_table_add_chunk(struct lp_table_build *b, const struct lp_chunk *c,
				const struct lp_digest *digest, struct lp_err *err)
{
	struct lp_chunk record = *c;

	record.alg = (uint8_t)digest->alg;
	if (append(&b->digest, digest->b, sizeof(digest->b), err))
		return err->code;
	if (append(&b->chunk, &record, sizeof(record), err)) {
		b->digest.len -= sizeof(digest->b);
		return err->code;
	}
	return LP_OK;
}

void lp_table_build_free(struct lp_table_build *b)
{
	lp_buf_free(&b->frame);
	lp_buf_free(&b->chunk);
	lp_buf_free(&b->digest);
	lp_buf_free(&b->window);
}

/* Where each record goes: its key, and where it came from. */
struct place {
	uint64_t key, key2;
	uint32_t from;
};

static int compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->key2 != b->key2)
		return a->key2 < b->key2 ? -1 : 1;
	return a->from < b->from ? -1 : a->from > b->from;
}

static bool sorted(const struct place *place, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (compare(&place[i - 1], &place[i]) > 0)
			return false;
	return true;
}

/* Records of @bytes in the order of @place. */
static enum lp_code rearrange(struct lp_buf *b, size_t bytes, const struct place *place,
			      struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf moved = {0};

	if (lp_buf_reserve(&moved, b->len, b->len, err))
		return err->code;
	for (; moved.len < b->len; moved.len += bytes)
		memcpy(moved.p + moved.len, b->p + place[moved.len / bytes].from * bytes, bytes);
	lp_buf_move(b, &moved);
	return LP_OK;
}

static enum lp_code sort_chunks(struct lp_table_build *b, struct place *place,
				struct lp_err *err)
{
	uint32_t n = (uint32_t)(b->chunk.len / RECORD_BYTES);

	for (uint32_t i = 0; i < n; i++) {
		struct lp_chunk c;

		memcpy(&c, b->chunk.p + (size_t)i * sizeof(c), sizeof(c));
		place[i] = (struct place){c.device_off, 0, i};
	}
	if (sorted(place, n))
		return LP_OK;
	qsort(place, n, sizeof(*place), compare);
	if (rearrange(&b->chunk, RECORD_BYTES, place, err) ||
	    rearrange(&b->digest, LP_DIGEST_MAX, place, err))
		return err->code;
	return LP_OK;
}

/* Sorted frames make neighbours in the blob neighbours in the table; chunks follow them. */
static enum lp_code sort_frames(struct lp_table_build *b, struct place *place,
				struct lp_err *err)
{
	uint32_t n = (uint32_t)(b->frame.len / RECORD_BYTES);
	LP_AUTO(lp_buf_free) struct lp_buf to = {0};
	uint32_t now;

	for (uint32_t i = 0; i < n; i++) {
		struct lp_frame f;

		memcpy(&f, b->frame.p + (size_t)i * sizeof(f), sizeof(f));
		place[i] = (struct place){f.off, f.stored_bytes, i};
	}
	if (sorted(place, n))
		return LP_OK;
	qsort(place, n, sizeof(*place), compare);
	if (rearrange(&b->frame, RECORD_BYTES, place, err) ||
	    lp_buf_reserve(&to, (size_t)n * sizeof(now), (size_t)n * sizeof(now), err))
		return err->code;
	for (now = 0; now < n; now++)
		memcpy(to.p + place[now].from * sizeof(now), &now, sizeof(now));
	for (size_t at = 0; at < b->chunk.len; at += RECORD_BYTES) {
		struct lp_chunk c;

		memcpy(&c, b->chunk.p + at, sizeof(c));
		if (c.frame < n)
			memcpy(&c.frame, to.p + c.frame * sizeof(now), sizeof(now));
		memcpy(b->chunk.p + at, &c, sizeof(c));
	}
	return LP_OK;
}

static enum lp_code sort(struct lp_table_build *b, struct lp_err *err)
{
	size_t most = b->chunk.len > b->frame.len ? b->chunk.len : b->frame.len;
	LP_AUTO(lp_buf_free) struct lp_buf room = {0};
	size_t bytes = most / RECORD_BYTES * sizeof(struct place);

	if (lp_buf_reserve(&room, bytes, bytes, err))
		return err->code;
	if (most && (sort_chunks(b, (struct place *)(void *)room.p, err) ||
		     sort_frames(b, (struct place *)(void *)room.p, err)))
		return err->code;
	return LP_OK;
}

/* Narrow the digests to the widest that is used; returns that width. */
static uint32_t narrow(struct lp_table_build *b, const struct lp_chunk *chunk, uint32_t nchunk)
{
	size_t width = lp_alg_bytes(LP_SHA256);

	for (uint32_t i = 0; i < nchunk; i++)
		if (lp_alg_bytes((enum lp_alg)chunk[i].alg) > width)
			width = lp_alg_bytes((enum lp_alg)chunk[i].alg);
	for (size_t i = 1; i < nchunk && width < LP_DIGEST_MAX; i++)
		memmove(b->digest.p + i * width, b->digest.p + i * LP_DIGEST_MAX, width);
	b->digest.len = nchunk * width;
	return (uint32_t)width;
}

static enum lp_code write_all(const struct lp_layer *l, int fd, const struct header *header,
			      struct lp_digest *digest, struct lp_err *err)
{
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer hash = {0};
	struct lp_fd_writer file;
	struct lp_writer *w = &hash.writer;

	lp_fd_writer_open(&file, fd);
	if (lp_hash_writer_open(&hash, &file.writer, LP_SHA256, err) ||
	    lp_write(w, header, sizeof(*header), err) ||
	    lp_write(w, l->frame, l->nframe * sizeof(*l->frame), err) ||
	    lp_write(w, l->chunk, l->nchunk * sizeof(*l->chunk), err) ||
	    lp_write(w, l->digest, (size_t)l->nchunk * l->digest_bytes, err) ||
	    lp_write(w, l->window, (size_t)l->nwindow * LP_WINDOW_BYTES, err))
		return err->code;
	lp_hash_end(&hash.hash, digest);
	return lp_file_write(fd, digest->b, TRAILER_BYTES, err);
}

enum lp_code lp_table_write(struct lp_table_build *b, int fd, const struct lp_digest *blob,
			    uint64_t blob_bytes, uint64_t device_bytes, struct lp_digest *digest,
			    struct lp_err *err)
{
	struct header h = {.magic = MAGIC, .alg = (uint32_t)blob->alg,
			   .device_bytes = device_bytes, .blob_bytes = blob_bytes};
	struct lp_layer l = {.device_bytes = device_bytes, .blob_bytes = blob_bytes};

	if (sort(b, err))
		return lp_within(err, "sort a layer's table");
	l.frame = (const struct lp_frame *)(const void *)b->frame.p;
	l.nframe = h.nframe = (uint32_t)(b->frame.len / sizeof(*l.frame));
	l.chunk = (const struct lp_chunk *)(const void *)b->chunk.p;
	l.nchunk = h.nchunk = (uint32_t)(b->chunk.len / sizeof(*l.chunk));
	l.digest_bytes = h.digest_bytes = narrow(b, l.chunk, l.nchunk);
	l.digest = b->digest.p;
	l.nwindow = h.nwindow = (uint32_t)(b->window.len / LP_WINDOW_BYTES);
	l.window = b->window.p;
	memcpy(h.blob, blob->b, sizeof(h.blob));
	if (lp_layer_check(&l, err))
		return err->code;
	return write_all(&l, fd, &h, digest, err);
}

static enum lp_code read_header(struct lp_table *t, struct lp_cursor *c, struct lp_err *err)
{
	struct lp_layer *l = &t->layer;
	const uint8_t *blob, *reserved;
	static const uint8_t zero[20];

	if (!lp_is(c, MAGIC))
		return lp_fail(err, LP_EFORMAT, 0, RULE_MAGIC, "the table does not begin with %s",
			       MAGIC);
	l->nframe = lp_le32(c);
	l->nchunk = lp_le32(c);
	l->digest_bytes = lp_le32(c);
	t->blob.alg = (enum lp_alg)lp_le32(c);
	l->device_bytes = lp_le64(c);
	l->blob_bytes = lp_le64(c);
	blob = lp_take(c, LP_DIGEST_MAX);
	l->nwindow = lp_le32(c);
	reserved = lp_take(c, sizeof(zero));
	if (!blob || !reserved)
		return lp_fail(err, LP_EFORMAT, 0, RULE_BYTES, "the table ends in its header");
	if (memcmp(reserved, zero, sizeof(zero)))
		return lp_fail(err, LP_EFORMAT, HEADER_BYTES - sizeof(zero), RULE_RESERVED,
			       "the table's header sets a reserved field");
	if (!lp_alg_bytes(t->blob.alg))
		return lp_fail(err, LP_EFORMAT, 20, RULE_BLOB, "the table's blob has no digest");
	memcpy(t->blob.b, blob, lp_alg_bytes(t->blob.alg));
	return LP_OK;
}

static enum lp_code read_table(struct lp_table *t, struct lp_err *err)
{
	struct lp_cursor c = {.p = t->map.p, .left = t->map.bytes};
	struct lp_layer *l = &t->layer;
	uint64_t bytes;

	if (read_header(t, &c, err))
		return err->code;
	/* 32-bit factors: no product wraps, nor does their sum. */
	bytes = (uint64_t)l->nframe * RECORD_BYTES + TRAILER_BYTES;
	bytes += (uint64_t)l->nchunk * RECORD_BYTES;
	bytes += (uint64_t)l->nwindow * LP_WINDOW_BYTES;
	if (l->digest_bytes > LP_DIGEST_MAX ||
	    bytes + (uint64_t)l->nchunk * l->digest_bytes != c.left)
		return lp_fail(err, LP_EFORMAT, 8, RULE_BYTES,
			       "a table of %u frames and %u chunks does not have %zu bytes",
			       l->nframe, l->nchunk, t->map.bytes);
	/* Packed records have no alignment; the machine is little endian as the file is. */
	l->frame = (const void *)lp_take(&c, (size_t)l->nframe * RECORD_BYTES);
	l->chunk = (const void *)lp_take(&c, (size_t)l->nchunk * RECORD_BYTES);
	l->digest = lp_take(&c, (size_t)l->nchunk * l->digest_bytes);
	l->window = lp_take(&c, (size_t)l->nwindow * LP_WINDOW_BYTES);
	t->digest.alg = LP_SHA256;
	memcpy(t->digest.b, c.p, TRAILER_BYTES);
	return LP_OK;
}

static enum lp_code verify(const struct lp_table *t, const struct lp_digest *want,
			   struct lp_err *err)
{
	size_t body = t->map.bytes - TRAILER_BYTES;
	struct lp_digest got;

	lp_digest_of(LP_SHA256, t->map.p, body, &got);
	if (lp_digest_check(&got, &t->digest, body, RULE_DIGEST, "the table", err) ||
	    (want && lp_digest_check(&got, want, body, RULE_DIGEST, "the table", err)))
		return err->code;
	return lp_layer_check(&t->layer, err);
}

enum lp_code lp_table_open(struct lp_table *t, int fd, const struct lp_digest *want,
			   struct lp_err *err)
{
	*t = (struct lp_table){0};
	if (lp_map_fd(&t->map, fd, err))
		return err->code;
	if (read_table(t, err) || verify(t, want, err)) {
		lp_table_free(t);
		return err->code;
	}
	return LP_OK;
}

void lp_table_free(struct lp_table *t)
{
	lp_map_free(&t->map);
	*t = (struct lp_table){0};
}
