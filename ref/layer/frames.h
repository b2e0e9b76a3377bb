/* SPDX-License-Identifier: MIT */
/*
 * frames - which chunks lie in a frame: the table backwards.
 *
 * A layer whose files lie in the blob in the order of the device, as all of ours do, needs
 * nothing for it: its frames' chunks are runs.  Any other gets an index of 4 bytes a chunk and
 * 4 bytes a frame.
 *
 * Internal to layer/.
 */
#ifndef LP_FRAMES_H
#define LP_FRAMES_H

#include "layer/device.h"

struct lp_frames {
	const struct lp_layer *layer;	/* borrowed */
	uint32_t *first;		/* [nframe + 1] into chunk; NULL: chunks are runs */
	uint32_t *chunk;		/* [nchunk] by frame, then in order */
};

LP_MUST_CHECK enum lp_code lp_frames_open(struct lp_frames *f, const struct lp_layer *l,
					  struct lp_err *err);
void lp_frames_free(struct lp_frames *f);

/* The chunks of frame @i: lp_frames_chunk(f, k) for k in [*first, *end), ascending. */
void lp_frames_of(const struct lp_frames *f, uint32_t i, uint32_t *first, uint32_t *end);

static inline uint32_t lp_frames_chunk(const struct lp_frames *f, uint32_t k)
{
	return f->chunk ? f->chunk[k] : k;
}

/* Is some chunk of frame @i not ready on @d? */
bool lp_frames_missing(const struct lp_frames *f, const struct lp_device *d, uint32_t i);

#endif
