/* SPDX-License-Identifier: MIT */
/*
 * plan - where the bytes of a layer's files lie, as its TOC tells them file by file.
 *
 *	blob    |member 0|member 1 |member 2    |member 3|TOC     a frame: from its offset to
 *	        |headers |a        |b..    c    |.. ..c  |        the next one that any file names
 *	             ____/         /      /  \_______ \
 *	device  |a...|pad|b.|  pad   |c......|c......|pad|        each file from a block boundary
 *
 * Every file with data has a place on the device, in the order of the TOC, whatever the tree
 * makes of its name; only landmarks and the like are hidden: they bound frames, but have no
 * place.
 *
 * Specification: stargz-snapshotter docs/estargz.md, "TOC", "Prioritized Files"
 */
#ifndef LP_PLAN_H
#define LP_PLAN_H

#include "format/estargz/toc.h"
#include "format/format.h"

/* {0} but for toc_off is valid and empty. */
struct lp_plan {
	uint64_t toc_off;	/* where data ends in the blob */
	uint64_t device_bytes;	/* so far */
	struct lp_buf chunk;	/* of plan.c's own, in the order of the TOC */
	struct lp_buf digest;	/* of the chunks, packed: lp_alg_bytes() each */
	struct lp_buf frame;	/* of plan.c's own */
	/* The file that is being told. */
	uint64_t file_at;	/* of its entry in the TOC */
	uint64_t file_bytes, told_bytes, file_device_off;
	bool file_hidden;
};

/*
 * lp_plan_file - begin the next entry, a file with @e->size bytes of data or none.
 *
 * @hidden      its data has no place on the device
 * @device_off  out: its place, if it has data and is not hidden
 *
 * LP_EFORMAT  estargz.chunk.partition: the chunks of the last file did not cover it
 * LP_ELIMIT   estargz.limit.device
 */
LP_MUST_CHECK enum lp_code lp_plan_file(struct lp_plan *p, const struct lp_toc_entry *e,
					bool hidden, uint64_t *device_off, struct lp_err *err);

/*
 * lp_plan_chunk - the next chunk of the file, from its own entry or from one of type chunk.
 *
 * LP_EFORMAT  estargz.chunk.file: no file has data left; estargz.chunk.partition: a gap, an
 *             overlap, past the end; estargz.chunk.offset; estargz.chunk.digest
 * LP_ELIMIT   estargz.limit.chunks
 */
LP_MUST_CHECK enum lp_code lp_plan_chunk(struct lp_plan *p, const struct lp_toc_entry *e,
					 struct lp_err *err);

/* The last file is told. */
LP_MUST_CHECK enum lp_code lp_plan_end(struct lp_plan *p, struct lp_err *err);

/* Tell @sink the frames, by offset, and the chunks. */
LP_MUST_CHECK enum lp_code lp_plan_tell(struct lp_plan *p, struct lp_sink *sink,
					struct lp_err *err);

/* Tell @sink the device ranges whose chunks lie before @landmark_off in the blob, by offset. */
LP_MUST_CHECK enum lp_code lp_plan_prefetch(struct lp_plan *p, uint64_t landmark_off,
					    struct lp_sink *sink, struct lp_err *err);
void lp_plan_free(struct lp_plan *p);

#endif
