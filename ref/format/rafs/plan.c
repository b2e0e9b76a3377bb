// SPDX-License-Identifier: MIT
#include "format/rafs/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_CHUNKS "rafs.limit.chunks"
#define RULE_CONFLICT "rafs.chunk.conflict"
#define RULE_OVERLAP "rafs.chunk.overlap"
#define RULE_ADDRESS "rafs.chunk.address"
#define RULE_RANGE "rafs.chunk.range"
#define RULE_MISSING "rafs.blob.missing"
#define RULE_KIND "rafs6.blob.kind"

#define EXTENTS_MAX (sizeof(struct lp_extent) * LP_CHUNKS_MAX) /* bytes */

static struct lp_rafs_place *places(const struct lp_rafs_plan *p)
{
	return (struct lp_rafs_place *)(void *)p->place.p;
}

static size_t place_count(const struct lp_rafs_plan *p)
{
	return p->place.len / sizeof(struct lp_rafs_place);
}

static void read_place(const struct lp_rafs_plan *p, const struct lp_rafs_place *at,
		       struct lp_rafs_chunk *c)
{
	lp_rafs_chunk_read(p->boot + at->at, c);
}

enum lp_code lp_rafs_plan_add(struct lp_rafs_plan *p, const struct lp_rafs_chunk *c, uint64_t at,
			      struct lp_err *err)
{
	struct lp_rafs_place new = {.blob = c->blob, .number = c->number, .at = at,
				    .device_off = c->plain_off, .plain_bytes = c->plain_bytes};

	if (place_count(p) >= LP_CHUNKS_MAX)
		return lp_fail(err, LP_ELIMIT, at, RULE_CHUNKS, "more than %u chunks",
			       LP_CHUNKS_MAX);
	return lp_buf_add(&p->place, &new, sizeof(new), SIZE_MAX, err);
}

static int by_number(const void *left, const void *right)
{
	const struct lp_rafs_place *a = left, *b = right;

	if (a->blob != b->blob)
		return a->blob < b->blob ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int by_address(const void *left, const void *right)
{
	const struct lp_rafs_place *a = left, *b = right;

	if (a->blob != b->blob)
		return a->blob < b->blob ? -1 : 1;
	return a->device_off < b->device_off ? -1 : a->device_off > b->device_off;
}

/* Sort, unless it is: writers number chunks by address, and tell them by number. */
static void sort(struct lp_rafs_place *at, size_t n,
		 int (*order)(const void *left, const void *right))
{
	size_t i = 1;

	while (i < n && order(&at[i - 1], &at[i]) <= 0)
		i++;
	if (i < n)
		qsort(at, n, sizeof(*at), order);
}

/* A chunk that several files have is told again, and may differ in its place in them only. */
static enum lp_code check_twin(const struct lp_rafs_plan *p, const struct lp_rafs_place *first,
			       const struct lp_rafs_place *other, struct lp_err *err)
{
	struct lp_rafs_chunk a, b;

	read_place(p, first, &a);
	read_place(p, other, &b);
	if (a.off == b.off && a.plain_off == b.plain_off && a.stored_bytes == b.stored_bytes &&
	    a.plain_bytes == b.plain_bytes && a.flags == b.flags && a.crc == b.crc &&
	    !memcmp(a.digest, b.digest, sizeof(a.digest)))
		return LP_OK;
	return lp_fail(err, LP_EFORMAT, other->at, RULE_CONFLICT,
		       "chunk %u of blob %u differs from its record at %" PRIu64, other->number,
		       other->blob, first->at);
}

/* Sort by number, drop what was told again. */
static enum lp_code settle(struct lp_rafs_plan *p, struct lp_err *err)
{
	struct lp_rafs_place *at = places(p);
	size_t n = place_count(p), kept = 0;

	sort(at, n, by_number);
	for (size_t i = 0; i < n; i++) {
		const struct lp_rafs_place *last = kept ? &at[kept - 1] : NULL;

		if (!last || last->blob != at[i].blob || last->number != at[i].number)
			at[kept++] = at[i];
		else if (check_twin(p, last, &at[i], err))
			return err->code;
	}
	p->place.len = kept * sizeof(*at);
	return LP_OK;
}

static uint64_t whole_blocks(uint64_t bytes)
{
	return (bytes + LP_BLOCK - 1) / LP_BLOCK * LP_BLOCK;
}

/*
 * Do any chunks share addresses of theirs?  Readers keep what they fetched there.
 *
 * @unit   of addresses, bytes
 */
static enum lp_code check_addresses(struct lp_rafs_plan *p, uint64_t unit, struct lp_err *err)
{
	struct lp_rafs_place *at = places(p);
	size_t n = place_count(p);
	enum lp_code code = LP_OK;

	sort(at, n, by_address);
	for (size_t i = 1; i < n && !code; i++) {
		const struct lp_rafs_place *a = &at[i - 1];

		if (at[i].blob == a->blob &&
		    at[i].device_off < a->device_off + (a->plain_bytes + unit - 1) / unit * unit)
			code = lp_fail(err, LP_EFORMAT, at[i].at, RULE_OVERLAP,
				       "chunks %u and %u of blob %u share addresses", at[i].number,
				       a->number, a->blob);
	}
	sort(at, n, by_number);
	return code;
}

static enum lp_code place_by_address(struct lp_rafs_plan *p, struct lp_err *err)
{
	struct lp_rafs_place *at = places(p);

	for (size_t i = 0; i < place_count(p); i++) {
		const struct lp_rafs_place *c = &at[i];
		uint64_t end = c->device_off + whole_blocks(c->plain_bytes);

		if (c->device_off % LP_BLOCK)
			return lp_fail(err, LP_EFORMAT, c->at, RULE_ADDRESS,
				       "a chunk at address %" PRIu64, c->device_off);
		if (end > whole_blocks(p->blob[c->blob].plain_bytes))
			return lp_fail(err, LP_EFORMAT, c->at, RULE_RANGE,
				       "a chunk at address %" PRIu64 " of %" PRIu64, c->device_off,
				       p->blob[c->blob].plain_bytes);
		if (end > p->device_bytes[c->blob])
			p->device_bytes[c->blob] = end;
	}
	return check_addresses(p, LP_BLOCK, err);
}

static enum lp_code place_in_order(struct lp_rafs_plan *p, struct lp_err *err)
{
	struct lp_rafs_place *at = places(p);

	if (check_addresses(p, 1, err))
		return err->code;
	for (size_t i = 0; i < place_count(p); i++) {
		at[i].device_off = p->device_bytes[at[i].blob];
		p->device_bytes[at[i].blob] += whole_blocks(at[i].plain_bytes);
	}
	return LP_OK;
}

enum lp_code lp_rafs_plan_end(struct lp_rafs_plan *p, bool addressed, struct lp_err *err)
{
	uint32_t number = 0;

	p->device = calloc((size_t)p->nblob + 1, sizeof(*p->device));
	p->device_bytes = calloc((size_t)p->nblob + 1, sizeof(*p->device_bytes));
	if (!p->device || !p->device_bytes)
		return lp_fail_errno(err, "%u blobs", p->nblob);
	if (settle(p, err))
		return err->code;
	for (size_t i = 0; i < place_count(p); i++)
		if (!p->device[places(p)[i].blob])
			p->device[places(p)[i].blob] = ++number;
	return addressed ? place_by_address(p, err) : place_in_order(p, err);
}

void lp_rafs_plan_free(struct lp_rafs_plan *p)
{
	lp_buf_free(&p->place);
	free(p->device);
	free(p->device_bytes);
	for (uint32_t i = 0; p->zran && i < p->nblob; i++)
		lp_rafs_zran_free(&p->zran[i]);
	free(p->zran);
	*p = (struct lp_rafs_plan){.nblob = 0};
}

uint32_t lp_rafs_plan_devices(const struct lp_rafs_plan *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->nblob; i++)
		n += p->device[i] != 0;
	return n;
}

const struct lp_rafs_place *lp_rafs_plan_find(const struct lp_rafs_plan *p, uint32_t blob,
					      uint32_t number)
{
	const struct lp_rafs_place *at = places(p);
	size_t low = 0, high = place_count(p);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (at[mid].blob < blob || (at[mid].blob == blob && at[mid].number < number))
			low = mid + 1;
		else
			high = mid;
	}
	return low < place_count(p) && at[low].blob == blob && at[low].number == number ? &at[low]
											: NULL;
}

enum lp_code lp_rafs_plan_extent(const struct lp_rafs_plan *p, const struct lp_rafs_place *at,
				 uint64_t off, uint64_t bytes, struct lp_buf *extents,
				 struct lp_err *err)
{
	struct lp_extent new = {.off = off, .bytes = bytes, .device_off = at->device_off,
				.device = p->device[at->blob]};
	size_t n = extents->len / sizeof(new);
	struct lp_extent *last = n ? (struct lp_extent *)(void *)extents->p + n - 1 : NULL;

	if (last && last->device == new.device && last->off + last->bytes == off &&
	    last->device_off + last->bytes == new.device_off) {
		last->bytes += bytes;
		return LP_OK;
	}
	return lp_buf_add(extents, &new, sizeof(new), EXTENTS_MAX, err);
}

/* The blob among @d that @id names; 0: none. */
static size_t find_blob(const char *id, const struct lp_descriptor *d, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		char hex[LP_DIGEST_TEXT];

		lp_digest_hex(&d[i].digest, hex);
		if (!strcmp(hex, id))
			return i;
	}
	return 0;
}

static enum lp_code load_contexts(struct lp_rafs_plan *p, uint32_t i,
				  const struct lp_descriptor *d, struct lp_source *source,
				  size_t n, struct lp_err *err)
{
	struct lp_digest meta = {.alg = LP_SHA256};
	char hex[LP_DIGEST_TEXT];
	size_t k;

	memcpy(meta.b, p->blob[i].meta_digest, LP_RAFS_DIGEST);
	lp_digest_hex(&meta, hex);
	k = find_blob(hex, d, n);
	if (!k)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MISSING,
			       "the contexts of blob %s, %s, are no layer of the image",
			       p->blob[i].id, hex);
	return lp_rafs_zran_load(&p->zran[i], &p->blob[i], &source[k], err);
}

enum lp_code lp_rafs_plan_load(struct lp_rafs_plan *p, const struct lp_descriptor *d,
			       struct lp_source *source, size_t n, struct lp_err *err)
{
	for (uint32_t i = 0; i < p->nblob; i++) {
		if (!(p->blob[i].features & LP_RAFS_ZRAN) || !p->device[i])
			continue;
		if (!p->zran)
			p->zran = calloc(p->nblob, sizeof(*p->zran));
		if (!p->zran)
			return lp_fail_errno(err, "%u blobs", p->nblob);
		if (load_contexts(p, i, d, source, n, err))
			return err->code;
	}
	return LP_OK;
}

/* A chunk that is a frame of its own. */
static enum lp_code tell_frame(const struct lp_rafs_plan *p, const struct lp_rafs_place *at,
			       const struct lp_rafs_chunk *c, uint64_t blob_bytes,
			       struct lp_sink *sink, uint32_t *frame, struct lp_err *err)
{
	struct lp_frame f = {.off = c->off, .stored_bytes = c->stored_bytes,
			     .plain_bytes = c->plain_bytes, .codec = LP_CODEC_NONE};

	if (c->off > blob_bytes || c->stored_bytes > blob_bytes - c->off)
		return lp_fail(err, LP_EFORMAT, at->at, RULE_RANGE,
			       "a chunk at %" PRIu64 ", behind the end of its blob", c->off);
	if (c->flags & LP_RAFS_COMPRESSED)
		f.codec = p->blob[c->blob].codec;
	return sink->frame(sink, &f, NULL, frame, err);
}

static enum lp_code tell_chunk(const struct lp_rafs_plan *p, const struct lp_rafs_place *at,
			       uint64_t blob_bytes, struct lp_sink *sink, struct lp_err *err)
{
	struct lp_digest digest = {.alg = p->alg};
	struct lp_rafs_chunk c;
	struct lp_chunk told;
	uint64_t off = 0;
	uint32_t frame;

	read_place(p, at, &c);
	memcpy(digest.b, c.digest, sizeof(c.digest));
	if (p->blob[c.blob].features & LP_RAFS_ZRAN && !p->zran)
		return lp_fail(err, LP_EUNSUP, at->at, RULE_KIND, "contexts that nobody loaded");
	if (p->blob[c.blob].features & LP_RAFS_ZRAN
		    ? lp_rafs_zran_tell(&p->zran[c.blob], &c, blob_bytes, sink, &frame, &off, err)
		    : tell_frame(p, at, &c, blob_bytes, sink, &frame, err))
		return err->code;
	told = (struct lp_chunk){.device_off = at->device_off, .bytes = c.plain_bytes,
				 .frame = frame, .frame_off = off, .alg = (uint8_t)p->alg};
	return sink->chunk(sink, &told, &digest, err);
}

enum lp_code lp_rafs_plan_tell(const struct lp_rafs_plan *p, const struct lp_descriptor *d,
			       size_t n, struct lp_sink *sink, struct lp_err *err)
{
	const struct lp_rafs_place *at = places(p);
	uint32_t number = 0;
	size_t blob = 0;

	for (size_t i = 0; i < place_count(p); i++) {
		const struct lp_rafs_blob *of = &p->blob[at[i].blob];

		if (p->device[at[i].blob] != number) {
			number = p->device[at[i].blob];
			blob = find_blob(of->id, d, n);
			if (!blob)
				return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MISSING,
					       "blob %s is no layer of the image", of->id);
			if (sink->device(sink, number, blob, p->device_bytes[at[i].blob], err))
				return err->code;
		}
		if (tell_chunk(p, &at[i], d[blob].bytes, sink, err))
			return err->code;
	}
	return LP_OK;
}
