/* SPDX-License-Identifier: MIT */
/*
 * plan - where the chunks of an image lie on its devices: one device per blob that is used.
 *
 *	chunk records --add--> sorted, each once --end--> placed --find--> extents of files
 *	                                                         --tell--> frames, chunks
 *
 * v6 has addresses of its own.  v5 has none that suit a device: there each distinct chunk
 * begins a block, in the order of the blob.
 */
#ifndef LP_RAFS_PLAN_H
#define LP_RAFS_PLAN_H

#include "format/format.h"
#include "format/rafs/zran.h"

/* A chunk, by where its record lies; the records stay where they are. */
struct lp_rafs_place {
	uint32_t blob, number;
	uint64_t at;			/* of the record, in the bootstrap */
	uint64_t device_off;		/* before lp_rafs_plan_end(): its address in the blob */
	uint32_t plain_bytes;
};

/* {0} is valid and empty. */
struct lp_rafs_plan {
	const uint8_t *boot;		/* borrowed: where the records lie */
	const struct lp_rafs_blob *blob; /* [nblob] borrowed */
	uint32_t nblob;
	enum lp_alg alg;
	struct lp_buf place;		/* of struct lp_rafs_place */
	uint32_t *device;		/* [nblob] its number; 0: nothing of the blob is used */
	uint64_t *device_bytes;		/* [nblob] */
	struct lp_rafs_zran *zran;	/* [nblob] after lp_rafs_plan_load(); or NULL */
};

/*
 * lp_rafs_plan_add - the record at @at, which is @c and was checked.
 *
 * LP_ELIMIT  rafs.limit.chunks
 */
LP_MUST_CHECK enum lp_code lp_rafs_plan_add(struct lp_rafs_plan *p, const struct lp_rafs_chunk *c,
					    uint64_t at, struct lp_err *err);

/*
 * lp_rafs_plan_end - all are there: sort them, and place them.
 *
 * @addressed   by their own addresses
 *
 * LP_EFORMAT  rafs.chunk.conflict: two records of one chunk differ; rafs.chunk.overlap: two
 *             chunks share addresses; rafs.chunk.address: not a block's
 */
LP_MUST_CHECK enum lp_code lp_rafs_plan_end(struct lp_rafs_plan *p, bool addressed,
					    struct lp_err *err);
void lp_rafs_plan_free(struct lp_rafs_plan *p);

/* Chunk @number of blob @blob, or NULL.  After lp_rafs_plan_end(). */
const struct lp_rafs_place *lp_rafs_plan_find(const struct lp_rafs_plan *p, uint32_t blob,
					      uint32_t number);

/* How many devices there are: blobs of which something is used.  After lp_rafs_plan_end(). */
uint32_t lp_rafs_plan_devices(const struct lp_rafs_plan *p);

/* Append to @extents, of struct lp_extent, @bytes at @off of a file: those of @at. */
LP_MUST_CHECK enum lp_code lp_rafs_plan_extent(const struct lp_rafs_plan *p,
					       const struct lp_rafs_place *at, uint64_t off,
					       uint64_t bytes, struct lp_buf *extents,
					       struct lp_err *err);

/*
 * lp_rafs_plan_load - read the contexts of blobs whose chunks lie in gzip streams, if any.
 *
 * @d, @source  [n] what was given to open()
 *
 * LP_EFORMAT  rafs.blob.missing; errors of lp_rafs_zran_load()
 */
LP_MUST_CHECK enum lp_code lp_rafs_plan_load(struct lp_rafs_plan *p,
					     const struct lp_descriptor *d,
					     struct lp_source *source, size_t n,
					     struct lp_err *err);

/*
 * lp_rafs_plan_tell - devices, frames and chunks to @sink.
 *
 * @d   [n] what was given to open(): 0 is the bootstrap
 *
 * LP_EFORMAT  rafs.blob.missing: no layer of the image is that blob; rafs.chunk.range
 */
LP_MUST_CHECK enum lp_code lp_rafs_plan_tell(const struct lp_rafs_plan *p,
					     const struct lp_descriptor *d, size_t n,
					     struct lp_sink *sink, struct lp_err *err);

#endif
