/* SPDX-License-Identifier: MIT */
/*
 * chunks - the chunks of a layer that is built: each once, in its own blob or a dictionary's.
 *
 *	a chunk of a file comes --use--> known?  one more use of it
 *	                                 in the dictionary?  a device for that blob; not stored
 *	                                 else: new in the layer's own blob
 *
 * Devices are blobs in the order in which chunks of theirs come first.  On a device, chunks
 * lie in that order too, each from a block on: places for lp_rafs_model, and for nobody else.
 */
#ifndef LP_RAFS_CHUNKS_H
#define LP_RAFS_CHUNKS_H

#include "format/pack.h"
#include "format/rafs/dict.h"
#include "format/rafs/model.h"
#include "tree/siphash.h"

/* A chunk of a file: which one of which device. */
struct lp_rafs_use {
	uint32_t stock, chunk;
};

/* {0} is valid and empty. */
struct lp_rafs_chunks {
	struct lp_rafs_blob own;	/* set by the caller: what is known of the layer's blob */
	bool aligned;			/* set by the caller: own addresses are those of blocks */
	struct lp_rafs_dict dict;
	struct lp_buf stock;		/* of struct lp_rafs_stock */
	uint32_t mine;			/* number of the own one, and 1; 0: no chunk is new */
	uint32_t *borrowed;		/* [dict.nblob] the same for the dictionary's */
	struct lp_buf use;		/* of struct lp_rafs_use: of files, one behind the other */
	struct lp_buf slot;		/* of struct lp_rafs_use, by digest; chunk and 1; 0: free */
	size_t count;			/* distinct chunks */
	struct lp_siphash_key key;
};

/*
 * lp_rafs_chunks_open - begin, with the dictionary of @n bytes at @dict (borrowed).
 *
 * @c   own and aligned are set
 *
 * Errors of lp_rafs_dict_open()
 */
LP_MUST_CHECK enum lp_code lp_rafs_chunks_open(struct lp_rafs_chunks *c, const void *dict,
					       size_t n, struct lp_err *err);
void lp_rafs_chunks_free(struct lp_rafs_chunks *c);

/* The next chunk of a file is @m.  m->drop: out, it is known and need not be written. */
LP_MUST_CHECK enum lp_code lp_rafs_chunks_use(struct lp_rafs_chunks *c, struct lp_packed *m,
					      struct lp_err *err);

/* Device @i. */
static inline struct lp_rafs_stock *lp_rafs_chunks_stock(const struct lp_rafs_chunks *c, size_t i)
{
	return (struct lp_rafs_stock *)(void *)c->stock.p + i;
}

static inline struct lp_rafs_stored *lp_rafs_stock_at(const struct lp_rafs_stock *s, size_t i)
{
	return (struct lp_rafs_stored *)(void *)s->chunk.p + i;
}

/* The layer's own device, or NULL: none of its chunks is new. */
static inline struct lp_rafs_stock *lp_rafs_chunks_own(const struct lp_rafs_chunks *c)
{
	return c->mine ? lp_rafs_chunks_stock(c, c->mine - 1) : NULL;
}

/* What was used as the @i-th: a chunk, at off of its file. */
struct lp_extent lp_rafs_chunks_extent(const struct lp_rafs_chunks *c, size_t i, uint64_t off);

#endif
