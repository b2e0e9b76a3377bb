// SPDX-License-Identifier: MIT
#include "format/pack.h"

#include <stdlib.h>
#include <string.h>

/*
 * Ours: enough members for a job that its start costs nothing, and enough batches for many
 * cores.  In flight are FLYING_MAX, one batch more, and as many encoded bytes at most.
 */
#define BATCH_BYTES ((size_t)512 << 10)
#define FLYING_MAX ((size_t)12 << 20)
#define KEEP_BYTES (4 * BATCH_BYTES) /* of a buffer that is used again; longer ones are freed */

struct member {
	size_t start, end;		/* in the batch's plain bytes */
	size_t body_bytes;
	size_t stored_end;		/* in its stored bytes */
	bool raw;			/* they are the plain ones */
	struct lp_digest digest;
};

/* Bytes of the spool that the job reads to their place. */
struct hole {
	size_t at, bytes;
	uint64_t spool_off;
};

struct lp_pack_batch {
	struct lp_job job;
	const struct lp_pack *pack;	/* constant while jobs run */
	struct lp_pack_batch *next;
	struct lp_buf plain, stored;
	size_t room;			/* bytes of the longer of these, when it was handed over */
	struct lp_buf member;		/* of struct member */
	struct lp_buf hole;		/* of struct hole */
	enum lp_code code;
	struct lp_err err;
};

static struct member *members(const struct lp_pack_batch *b, size_t *n)
{
	*n = b->member.len / sizeof(struct member);
	return (struct member *)(void *)b->member.p;
}

static struct member *last_member(const struct lp_pack_batch *b)
{
	size_t n;
	struct member *m = members(b, &n);

	return &m[n - 1];
}

static void batch_free(struct lp_pack_batch *b)
{
	lp_buf_free(&b->plain);
	lp_buf_free(&b->stored);
	lp_buf_free(&b->member);
	lp_buf_free(&b->hole);
	free(b);
}

static void recycle(struct lp_buf *b)
{
	if (b->cap > KEEP_BYTES)
		lp_buf_free(b);
	b->len = 0;
}

/* What is written may be filled again: fresh memory costs more than what is put there. */
static void batch_spare(struct lp_pack *p, struct lp_pack_batch *b)
{
	recycle(&b->plain);
	recycle(&b->stored);
	b->member.len = b->hole.len = 0;
	b->next = p->spare;
	p->spare = b;
}

static enum lp_code encode_member(struct lp_pack_batch *b, struct member *m)
{
	const struct lp_pack *p = b->pack;
	const uint8_t *plain = b->plain.p + m->start;
	size_t n = m->end - m->start, start = b->stored.len;

	if (m->body_bytes)
		lp_digest_of(p->alg, plain, m->body_bytes, &m->digest);
	if (p->codec->encode(plain, n, p->level, &b->stored, &b->err))
		return b->err.code;
	if (!p->chunks || b->stored.len - start < n)
		return LP_OK;
	m->raw = true;
	b->stored.len = start;
	return lp_buf_add(&b->stored, plain, n, SIZE_MAX, &b->err);
}

static enum lp_code encode_batch(struct lp_pack_batch *b)
{
	const struct hole *h = (const struct hole *)(const void *)b->hole.p;
	size_t n;
	struct member *m = members(b, &n);

	for (size_t i = 0; i < b->hole.len / sizeof(*h); i++)
		if (lp_spool_read(b->pack->in, h[i].spool_off, b->plain.p + h[i].at, h[i].bytes,
				  &b->err))
			return b->err.code;
	for (size_t i = 0; i < n; i++) {
		m[i].stored_end = b->stored.len;
		if (m[i].start < m[i].end && encode_member(b, &m[i]))
			return b->err.code;
		m[i].stored_end = b->stored.len;
	}
	return LP_OK;
}

static void run_batch(struct lp_job *j)
{
	struct lp_pack_batch *b = (struct lp_pack_batch *)(void *)j;

	b->code = encode_batch(b);
}

enum lp_code lp_pack_open(struct lp_pack *p, const struct lp_spool *in,
			  const struct lp_build_options *options, const struct lp_codec *codec,
			  struct lp_writer *out, struct lp_err *err)
{
	*p = (struct lp_pack){
		.in = in,
		.codec = options->codec ? options->codec : codec,
		.level = options->level,
		.pool = options->pool,
		.out = out,
		.alg = LP_SHA256,
	};
	p->newest = &p->oldest;
	if (!p->codec->encode)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s does not encode",
			       p->codec->name);
	if (p->level == LP_LEVEL_DEFAULT)
		p->level = p->codec->level_default;
	if (p->level < 0 || p->level > p->codec->level_max)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s has levels 0 to %d, not %d",
			       p->codec->name, p->codec->level_max, p->level);
	return lp_hash_begin(&p->plain, LP_SHA256, err);
}

/* Wait for the oldest batch and take it out. */
static struct lp_pack_batch *take_oldest(struct lp_pack *p)
{
	struct lp_pack_batch *b = p->oldest;

	if (p->pool)
		lp_pool_wait(p->pool, &b->job);
	p->oldest = b->next;
	if (!p->oldest)
		p->newest = &p->oldest;
	p->flying -= b->room;
	return b;
}

void lp_pack_free(struct lp_pack *p)
{
	while (p->oldest)
		batch_free(take_oldest(p));
	if (p->filling)
		batch_free(p->filling);
	while (p->spare) {
		struct lp_pack_batch *b = p->spare;

		p->spare = b->next;
		batch_free(b);
	}
	lp_hash_free(&p->plain);
	lp_gzip_writer_free(&p->wide);
	*p = (struct lp_pack){0};
}

/* Tell the members, and write them: those behind each other in one piece. */
static enum lp_code write_members(struct lp_pack *p, const struct lp_pack_batch *b,
				  struct lp_err *err)
{
	size_t n, from = 0, begin = 0;
	const struct member *m = members(b, &n);

	for (size_t i = 0; i < n; from = m[i++].stored_end) {
		struct lp_packed told = {
			.off = p->stored_bytes,
			.stored_bytes = m[i].stored_end - from,
			.body = b->plain.p + m[i].start,
			.body_bytes = m[i].body_bytes,
			.digest = m[i].digest,
			.raw = m[i].raw,
		};

		if (p->written && told.body_bytes && told.stored_bytes &&
		    p->written(p, &told, err))
			return err->code;
		if (!told.drop) {
			p->stored_bytes += told.stored_bytes;
			continue;
		}
		if (from > begin && lp_write(p->out, b->stored.p + begin, from - begin, err))
			return err->code;
		begin = m[i].stored_end;
	}
	return from > begin ? lp_write(p->out, b->stored.p + begin, from - begin, err) : LP_OK;
}

static enum lp_code write_batch(struct lp_pack *p, const struct lp_pack_batch *b,
				struct lp_err *err)
{
	if (b->code) {
		*err = b->err;
		return err->code;
	}
	if (write_members(p, b, err))
		return err->code;
	if (!p->chunks)
		lp_hash_add(&p->plain, b->plain.p, b->plain.len);
	p->plain_bytes += b->plain.len;
	return LP_OK;
}

/* Write the oldest batches until at most @flying bytes are in flight. */
static enum lp_code drain(struct lp_pack *p, size_t flying, struct lp_err *err)
{
	while (p->oldest && p->flying > flying) {
		struct lp_pack_batch *b = take_oldest(p);
		enum lp_code code = write_batch(p, b, err);

		batch_spare(p, b);
		if (code)
			return code;
	}
	return LP_OK;
}

/* Hand the batch that is being filled to the pool. */
static enum lp_code launch(struct lp_pack *p, struct lp_err *err)
{
	struct lp_pack_batch *b = p->filling;

	p->filling = NULL;
	*p->newest = b;
	p->newest = &b->next;
	b->room = b->plain.cap > b->stored.cap ? b->plain.cap : b->stored.cap;
	p->flying += b->room;
	b->job.run = run_batch;
	if (p->pool)
		lp_pool_put(p->pool, &b->job);
	else
		run_batch(&b->job);
	return drain(p, FLYING_MAX, err);
}

static enum lp_code begin_member(struct lp_pack *p, size_t body_bytes, struct lp_err *err)
{
	struct member m = {.body_bytes = body_bytes};

	if (!p->filling && p->spare) {
		p->filling = p->spare;
		p->spare = p->filling->next;
		p->filling->next = NULL;
	}
	if (!p->filling)
		p->filling = calloc(1, sizeof(*p->filling));
	if (!p->filling)
		return lp_fail_errno(err, "calloc");
	p->filling->pack = p;
	m.start = m.end = p->filling->plain.len;
	return lp_buf_add(&p->filling->member, &m, sizeof(m), SIZE_MAX, err);
}

size_t lp_pack_member_bytes(const struct lp_pack *p)
{
	const struct member *m;

	if (!p->filling || !p->filling->member.len)
		return 0;
	m = last_member(p->filling);
	return m->end - m->start;
}

enum lp_code lp_pack_cut(struct lp_pack *p, size_t body_bytes, struct lp_err *err)
{
	/* A member without bytes was begun but not used. */
	if (p->filling && p->filling->member.len && !lp_pack_member_bytes(p)) {
		last_member(p->filling)->body_bytes = body_bytes;
		return LP_OK;
	}
	if (p->filling && p->filling->plain.len >= BATCH_BYTES && launch(p, err))
		return err->code;
	return begin_member(p, body_bytes, err);
}

/* Room for @n bytes more, or as many as the member may have: *@got. */
static enum lp_code grow(struct lp_pack *p, uint64_t n, size_t *got, struct lp_err *err)
{
	struct lp_pack_batch *b;
	size_t room = SIZE_MAX / 2;

	if (p->member_max && lp_pack_member_bytes(p) == p->member_max && lp_pack_cut(p, 0, err))
		return err->code;
	if ((!p->filling || !p->filling->member.len) && begin_member(p, 0, err))
		return err->code;
	b = p->filling;
	if (p->member_max)
		room = p->member_max - lp_pack_member_bytes(p);
	*got = n < room ? (size_t)n : room;
	if (lp_buf_reserve(&b->plain, *got, SIZE_MAX, err))
		return err->code;
	b->plain.len += *got;
	last_member(b)->end = b->plain.len;
	return LP_OK;
}

enum lp_code lp_pack_add(struct lp_pack *p, const void *bytes, size_t n, struct lp_err *err)
{
	const uint8_t *from = bytes;
	size_t got;

	if (p->wide.state) {
		lp_hash_add(&p->plain, bytes, n);
		p->plain_bytes += n;
		return lp_write(&p->wide.writer, bytes, n, err);
	}
	for (; n; n -= got, from += got) {
		if (grow(p, n, &got, err))
			return err->code;
		memcpy(p->filling->plain.p + p->filling->plain.len - got, from, got);
	}
	return LP_OK;
}

enum lp_code lp_pack_spool(struct lp_pack *p, uint64_t off, uint64_t n, struct lp_err *err)
{
	size_t got;

	for (; n; n -= got, off += got) {
		struct hole h = {.spool_off = off};

		if (grow(p, n, &got, err))
			return err->code;
		h.at = p->filling->plain.len - got;
		h.bytes = got;
		if (lp_buf_add(&p->filling->hole, &h, sizeof(h), SIZE_MAX, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_pack_flush(struct lp_pack *p, struct lp_err *err)
{
	if (p->filling && p->filling->plain.len && launch(p, err))
		return err->code;
	return drain(p, 0, err);
}

enum lp_code lp_pack_widen(struct lp_pack *p, struct lp_err *err)
{
	if (lp_pack_flush(p, err))
		return err->code;
	return lp_gzip_writer_open(&p->wide, p->level, p->out, err);
}

enum lp_code lp_pack_end(struct lp_pack *p, struct lp_digest *diffid, struct lp_err *err)
{
	if (lp_pack_flush(p, err))
		return err->code;
	if (p->wide.state && lp_gzip_writer_end(&p->wide, err))
		return err->code;
	p->stored_bytes += p->wide.stored_bytes;
	lp_hash_end(&p->plain, diffid);
	return LP_OK;
}
