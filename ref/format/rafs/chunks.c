// SPDX-License-Identifier: MIT
#include "format/rafs/chunks.h"

#include "tree/erofs_layout.h"

#include <stdlib.h>
#include <string.h>

enum lp_code lp_rafs_chunks_open(struct lp_rafs_chunks *c, const void *dict, size_t n,
				 struct lp_err *err)
{
	lp_siphash_key(&c->key);
	if (lp_rafs_dict_open(&c->dict, dict, n, err))
		return lp_within(err, "chunk dictionary");
	c->borrowed = calloc((size_t)c->dict.nblob + 1, sizeof(*c->borrowed));
	return c->borrowed ? LP_OK : lp_fail_errno(err, "%u blobs", c->dict.nblob);
}

void lp_rafs_chunks_free(struct lp_rafs_chunks *c)
{
	for (size_t i = 0; i < c->stock.len / sizeof(struct lp_rafs_stock); i++)
		lp_buf_free(&lp_rafs_chunks_stock(c, i)->chunk);
	lp_buf_free(&c->stock);
	lp_buf_free(&c->use);
	lp_buf_free(&c->slot);
	free(c->borrowed);
	c->borrowed = NULL;
}

static uint32_t count_stored(const struct lp_rafs_stock *s)
{
	return (uint32_t)(s->chunk.len / sizeof(struct lp_rafs_stored));
}

/* Where the chunk with that digest is in the slots, or would be. */
static struct lp_rafs_use *find_slot(const struct lp_rafs_chunks *c, const uint8_t *digest)
{
	struct lp_rafs_use *slot = (struct lp_rafs_use *)(void *)c->slot.p;
	size_t n = c->slot.len / sizeof(*slot);
	size_t i = (size_t)lp_siphash(&c->key, 0, digest, LP_RAFS_DIGEST) & (n - 1);

	while (slot[i].chunk &&
	       memcmp(lp_rafs_stock_at(lp_rafs_chunks_stock(c, slot[i].stock), slot[i].chunk - 1)
			      ->c.digest, digest, LP_RAFS_DIGEST) != 0)
		i = (i + 1) & (n - 1);
	return slot + i;
}

/* At least as many free slots as used ones, with one more chunk. */
static enum lp_code grow_slots(struct lp_rafs_chunks *c, struct lp_err *err)
{
	size_t n = c->slot.len / sizeof(struct lp_rafs_use);

	if (n >= 2 * (c->count + 2))
		return LP_OK;
	n = n ? 2 * n : 1024;
	c->slot.len = 0;
	if (lp_buf_reserve(&c->slot, n * sizeof(struct lp_rafs_use), SIZE_MAX, err))
		return err->code;
	c->slot.len = n * sizeof(struct lp_rafs_use);
	memset(c->slot.p, 0, c->slot.len);
	for (uint32_t s = 0; s < c->stock.len / sizeof(struct lp_rafs_stock); s++) {
		const struct lp_rafs_stock *stock = lp_rafs_chunks_stock(c, s);

		for (uint32_t i = 0; i < count_stored(stock); i++)
			*find_slot(c, lp_rafs_stock_at(stock, i)->c.digest) =
				(struct lp_rafs_use){s, i + 1};
	}
	return LP_OK;
}

/* The device with *@number, a new one for @blob if there is none. */
static enum lp_code find_stock(struct lp_rafs_chunks *c, uint32_t *number,
			       const struct lp_rafs_blob *blob, struct lp_err *err)
{
	const struct lp_rafs_stock new = {.blob = *blob};

	if (*number)
		return LP_OK;
	if (lp_buf_add(&c->stock, &new, sizeof(new), SIZE_MAX, err))
		return err->code;
	*number = (uint32_t)(c->stock.len / sizeof(new));
	return LP_OK;
}

/* A chunk that no file had: behind the last one of its device. */
static enum lp_code append(struct lp_rafs_chunks *c, uint32_t stock,
			   const struct lp_rafs_chunk *chunk, struct lp_rafs_use *use,
			   struct lp_err *err)
{
	struct lp_rafs_stock *s = lp_rafs_chunks_stock(c, stock);
	struct lp_rafs_stored new = {.c = *chunk};
	uint32_t n = count_stored(s);

	if (n) {
		const struct lp_rafs_stored *last = lp_rafs_stock_at(s, n - 1);

		new.device_off = last->device_off + lp_align(last->c.plain_bytes, LP_BLOCK);
	}
	if (lp_buf_add(&s->chunk, &new, sizeof(new), SIZE_MAX, err))
		return err->code;
	c->count++;
	*use = (struct lp_rafs_use){stock, n};
	*find_slot(c, chunk->digest) = (struct lp_rafs_use){stock, n + 1};
	return LP_OK;
}

static enum lp_code append_own(struct lp_rafs_chunks *c, const struct lp_packed *m,
			       struct lp_rafs_use *use, struct lp_err *err)
{
	struct lp_rafs_chunk new = {
		.off = m->off, .stored_bytes = (uint32_t)m->stored_bytes,
		.plain_bytes = (uint32_t)m->body_bytes,
		.flags = m->raw ? 0u : LP_RAFS_COMPRESSED,
	};
	struct lp_rafs_stock *s;

	if (find_stock(c, &c->mine, &c->own, err))
		return err->code;
	s = lp_rafs_chunks_own(c);
	new.number = count_stored(s);
	new.plain_off = s->blob.plain_bytes;
	memcpy(new.digest, m->digest.b, LP_RAFS_DIGEST);
	s->blob.plain_bytes += c->aligned ? lp_align(m->body_bytes, LP_BLOCK) : m->body_bytes;
	return append(c, c->mine - 1, &new, use, err);
}

enum lp_code lp_rafs_chunks_use(struct lp_rafs_chunks *c, struct lp_packed *m, struct lp_err *err)
{
	const struct lp_rafs_chunk *theirs;
	struct lp_rafs_use use;

	if (grow_slots(c, err))
		return err->code;
	use = *find_slot(c, m->digest.b);
	theirs = use.chunk ? NULL : lp_rafs_dict_find(&c->dict, m->digest.b, m->body_bytes);
	m->drop = use.chunk || theirs;
	if (use.chunk) {
		use.chunk--;
	} else if (theirs) {
		if (find_stock(c, &c->borrowed[theirs->blob], &c->dict.blob[theirs->blob], err) ||
		    append(c, c->borrowed[theirs->blob] - 1, theirs, &use, err))
			return err->code;
	} else if (append_own(c, m, &use, err)) {
		return err->code;
	}
	return lp_buf_add(&c->use, &use, sizeof(use), SIZE_MAX, err);
}

struct lp_extent lp_rafs_chunks_extent(const struct lp_rafs_chunks *c, size_t i, uint64_t off)
{
	const struct lp_rafs_use *use = (const struct lp_rafs_use *)(const void *)c->use.p + i;
	const struct lp_rafs_stored *s =
		lp_rafs_stock_at(lp_rafs_chunks_stock(c, use->stock), use->chunk);

	return (struct lp_extent){.off = off, .bytes = s->c.plain_bytes,
				  .device_off = s->device_off, .device = use->stock + 1};
}
