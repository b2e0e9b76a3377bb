// SPDX-License-Identifier: MIT
#include "layer/frames.h"

#include <stdlib.h>

static bool is_runs(const struct lp_layer *l)
{
	for (uint32_t i = 1; i < l->nchunk; i++)
		if (l->chunk[i].frame < l->chunk[i - 1].frame)
			return false;
	return true;
}

enum lp_code lp_frames_open(struct lp_frames *f, const struct lp_layer *l, struct lp_err *err)
{
	*f = (struct lp_frames){.layer = l};
	if (is_runs(l))
		return LP_OK;
	f->first = calloc((size_t)l->nframe + 2, sizeof(*f->first));
	f->chunk = calloc(l->nchunk, sizeof(*f->chunk));
	if (!f->first || !f->chunk) {
		lp_frames_free(f);
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "index %u chunks by frame",
			       l->nchunk);
	}
	/* Count one place too far to the right, so that placing them moves the sums back. */
	for (uint32_t i = 0; i < l->nchunk; i++)
		f->first[l->chunk[i].frame + 2]++;
	for (uint32_t i = 2; i < l->nframe + 2; i++)
		f->first[i] += f->first[i - 1];
	for (uint32_t i = 0; i < l->nchunk; i++)
		f->chunk[f->first[l->chunk[i].frame + 1]++] = i;
	return LP_OK;
}

void lp_frames_free(struct lp_frames *f)
{
	free(f->first);
	free(f->chunk);
	*f = (struct lp_frames){0};
}

/* The first chunk whose frame is at least @frame. */
static uint32_t first_from(const struct lp_layer *l, uint32_t frame)
{
	uint32_t low = 0, high = l->nchunk;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (l->chunk[mid].frame >= frame)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

void lp_frames_of(const struct lp_frames *f, uint32_t i, uint32_t *first, uint32_t *end)
{
	if (f->first) {
		*first = f->first[i];
		*end = f->first[i + 1];
		return;
	}
	*first = first_from(f->layer, i);
	for (*end = *first; *end < f->layer->nchunk && f->layer->chunk[*end].frame == i;)
		++*end;
}

bool lp_frames_missing(const struct lp_frames *f, const struct lp_device *d, uint32_t i)
{
	uint32_t k, end;

	for (lp_frames_of(f, i, &k, &end); k < end; k++)
		if (!lp_device_chunk_ready(d, lp_frames_chunk(f, k)))
			return true;
	return false;
}
