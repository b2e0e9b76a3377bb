// SPDX-License-Identifier: MIT
#include "format/estargz/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_PARTITION "estargz.chunk.partition"
#define RULE_FILE "estargz.chunk.file"
#define RULE_OFFSET "estargz.chunk.offset"
#define RULE_DIGEST "estargz.chunk.digest"
#define RULE_DEVICE "estargz.limit.device"
#define RULE_CHUNKS "estargz.limit.chunks"

#define NOWHERE UINT64_MAX	/* device offset of what is hidden */

struct planned {
	uint64_t off;		/* of its member in the blob */
	uint64_t inner;		/* first byte, from the start of the member's plain bytes */
	uint64_t bytes;
	uint64_t device_off;
	uint64_t alg;
};

/* A distinct member offset. */
struct member {
	uint64_t off;
	uint64_t plain_bytes;	/* that its chunks need; 0: only hidden ones do */
	uint32_t frame;		/* the sink's number */
};

static size_t chunk_count(const struct lp_plan *p)
{
	return p->chunk.len / sizeof(struct planned);
}

static const struct planned *chunks(const struct lp_plan *p)
{
	return (const struct planned *)(const void *)p->chunk.p;
}

static uint64_t align(uint64_t off)
{
	return (off + LP_BLOCK - 1) / LP_BLOCK * LP_BLOCK;
}

enum lp_code lp_plan_end(struct lp_plan *p, struct lp_err *err)
{
	if (p->told_bytes != p->file_bytes)
		return lp_fail(err, LP_EFORMAT, p->file_at, RULE_PARTITION,
			       "TOC: chunks cover %" PRIu64 " of %" PRIu64 " bytes", p->told_bytes,
			       p->file_bytes);
	p->told_bytes = p->file_bytes = 0;
	return LP_OK;
}

enum lp_code lp_plan_file(struct lp_plan *p, const struct lp_toc_entry *e, bool hidden,
			  uint64_t *device_off, struct lp_err *err)
{
	uint64_t bytes = e->type == LP_TOC_REG ? e->size : 0;

	if (lp_plan_end(p, err))
		return err->code;
	p->file_at = e->at;
	p->file_bytes = bytes;
	p->file_hidden = hidden;
	if (!bytes || hidden)
		return LP_OK;
	/* Both are at most LP_DEVICE_BYTES_MAX: nothing wraps. */
	if (bytes > LP_DEVICE_BYTES_MAX - p->device_bytes)
		return lp_fail(err, LP_ELIMIT, e->at, RULE_DEVICE,
			       "TOC: more than %" PRIu64 " bytes of data", LP_DEVICE_BYTES_MAX);
	*device_off = p->file_device_off = p->device_bytes;
	p->device_bytes = align(p->device_bytes + bytes);
	return LP_OK;
}

/* The digest that vouches for the chunk of @bytes that @e tells. */
static enum lp_code parse_digest(const struct lp_plan *p, const struct lp_toc_entry *e,
				 uint64_t bytes, struct lp_digest *out, struct lp_err *err)
{
	const struct lp_scan_text *text = &e->chunk_digest;

	/* Before chunkDigest there was digest, of the whole file (estargz.md 2.3). */
	if (!text->p && bytes == p->file_bytes)
		text = &e->digest;
	if (!text->p)
		return lp_fail(err, LP_EFORMAT, e->at, RULE_DIGEST, "TOC: data without a digest");
	if (!lp_digest_parse(text->p, text->bytes, out, err))
		return LP_OK;
	err->at = e->at;
	err->rule = RULE_DIGEST;
	return lp_within(err, "TOC");
}

enum lp_code lp_plan_chunk(struct lp_plan *p, const struct lp_toc_entry *e, struct lp_err *err)
{
	uint64_t left = p->file_bytes - p->told_bytes, bytes = e->chunk_bytes;
	struct planned c = {.off = e->offset, .inner = e->inner, .device_off = NOWHERE};
	struct lp_digest digest;

	if (!left)
		return lp_fail(err, LP_EFORMAT, e->at, RULE_FILE, "TOC: a chunk of no file's data");
	if (e->chunk_off != p->told_bytes)
		return lp_fail(err, LP_EFORMAT, e->at, RULE_PARTITION, "TOC: chunk at %" PRIu64
			       ", want %" PRIu64, e->chunk_off, p->told_bytes);
	if (!bytes)
		bytes = left;
	if (bytes > left)
		return lp_fail(err, LP_EFORMAT, e->at, RULE_PARTITION, "TOC: chunk of %" PRIu64
			       " bytes, but the file has %" PRIu64 " left", bytes, left);
	if (e->offset >= p->toc_off)
		return lp_fail(err, LP_EFORMAT, e->at, RULE_OFFSET, "TOC: offset %" PRIu64
			       " is not before the TOC at %" PRIu64, e->offset, p->toc_off);
	if (chunk_count(p) == LP_CHUNKS_MAX)
		return lp_fail(err, LP_ELIMIT, e->at, RULE_CHUNKS, "TOC: more than %u chunks",
			       LP_CHUNKS_MAX);
	if (parse_digest(p, e, bytes, &digest, err))
		return err->code;
	c.bytes = bytes;
	c.alg = digest.alg;
	if (!p->file_hidden)
		c.device_off = p->file_device_off + p->told_bytes;
	p->told_bytes += bytes;
	if (lp_buf_add(&p->chunk, &c, sizeof(c), SIZE_MAX, err) ||
	    lp_buf_add(&p->digest, digest.b, lp_alg_bytes(digest.alg), SIZE_MAX, err))
		return err->code;
	return LP_OK;
}

static int by_offset(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

/* List the distinct offsets; most TOCs name them in order already. */
static enum lp_code list_members(struct lp_plan *p, struct member **out, size_t *n,
				 struct lp_err *err)
{
	struct member *m = NULL;
	bool sorted = true;
	size_t kept = 0;

	*n = 0;
	for (size_t i = 0; i < chunk_count(p); i++) {
		const struct planned *c = &chunks(p)[i];
		struct member new = {c->off, 0, 0};

		if (!*n || m[*n - 1].off != c->off) {
			if (lp_buf_add(&p->frame, &new, sizeof(new), SIZE_MAX, err))
				return err->code;
			m = (struct member *)(void *)p->frame.p;
			sorted = sorted && (!*n || m[*n - 1].off < c->off);
			++*n;
		}
		/* At most 2^44 each: nothing wraps. */
		if (c->device_off != NOWHERE && m[*n - 1].plain_bytes < c->inner + c->bytes)
			m[*n - 1].plain_bytes = c->inner + c->bytes;
	}
	if (!sorted) {
		qsort(m, *n, sizeof(*m), by_offset);
		for (size_t i = 1; i < *n; i++) {
			if (m[kept].off != m[i].off)
				m[++kept] = m[i];
			else if (m[kept].plain_bytes < m[i].plain_bytes)
				m[kept].plain_bytes = m[i].plain_bytes;
		}
		*n = kept + 1;
	}
	*out = m;
	return LP_OK;
}

static enum lp_code tell_frames(const struct lp_plan *p, struct member *m, size_t n,
				struct lp_sink *sink, struct lp_err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct lp_frame f = {.off = m[i].off, .plain_bytes = m[i].plain_bytes,
				     .codec = LP_CODEC_GZIP};

		if (!f.plain_bytes)
			continue;
		f.stored_bytes = (i + 1 < n ? m[i + 1].off : p->toc_off) - f.off;
		if (sink->frame(sink, &f, NULL, &m[i].frame, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_plan_tell(struct lp_plan *p, struct lp_sink *sink, struct lp_err *err)
{
	const uint8_t *digest = p->digest.p;
	struct member *m = NULL, *at;
	size_t n;

	if (!sink->frame || !sink->chunk)
		return LP_OK;
	if (list_members(p, &m, &n, err) || tell_frames(p, m, n, sink, err))
		return err->code;
	at = m;
	for (size_t i = 0; i < chunk_count(p); i++) {
		const struct planned *c = &chunks(p)[i];
		struct lp_digest d = {.alg = (enum lp_alg)c->alg};
		struct lp_chunk told = {.device_off = c->device_off, .frame_off = c->inner,
					.bytes = c->bytes, .alg = (uint8_t)c->alg};
		const struct member key = {.off = c->off};

		memcpy(d.b, digest, lp_alg_bytes(d.alg));
		digest += lp_alg_bytes(d.alg);
		if (c->device_off == NOWHERE)
			continue;
		if (at->off != c->off && at + 1 < m + n && at[1].off == c->off)
			at++;
		else if (at->off != c->off)
			at = bsearch(&key, m, n, sizeof(*m), by_offset);
		told.frame = at->frame;
		if (sink->chunk(sink, &told, &d, err))
			return err->code;
	}
	return LP_OK;
}

static int by_place(const void *a, const void *b)
{
	const struct planned *x = a, *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	if (x->inner != y->inner)
		return x->inner < y->inner ? -1 : 1;
	return x->device_off < y->device_off ? -1 : x->device_off > y->device_off;
}

enum lp_code lp_plan_prefetch(struct lp_plan *p, uint64_t landmark_off, struct lp_sink *sink,
			      struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf early = {0};
	struct planned *list;
	uint64_t from = 0, end = 0;
	size_t n = 0;

	if (!sink->prefetch)
		return LP_OK;
	for (size_t i = 0; i < chunk_count(p); i++) {
		const struct planned *c = &chunks(p)[i];

		if (c->off >= landmark_off || c->device_off == NOWHERE)
			continue;
		if (lp_buf_add(&early, c, sizeof(*c), SIZE_MAX, err))
			return err->code;
		n++;
	}
	list = (struct planned *)(void *)early.p;
	if (n)
		qsort(list, n, sizeof(*list), by_place);
	for (size_t i = 0; i < n; i++) {
		/* What follows, perhaps behind the pad of a file's last block, joins the run. */
		if (list[i].device_off != end && list[i].device_off != align(end)) {
			if (end > from && sink->prefetch(sink, 1, from, end - from, err))
				return err->code;
			from = list[i].device_off;
		}
		end = list[i].device_off + list[i].bytes;
	}
	if (end > from && sink->prefetch(sink, 1, from, end - from, err))
		return err->code;
	return LP_OK;
}

void lp_plan_free(struct lp_plan *p)
{
	lp_buf_free(&p->chunk);
	lp_buf_free(&p->digest);
	lp_buf_free(&p->frame);
	*p = (struct lp_plan){0};
}
