// SPDX-License-Identifier: MIT
#include "layer/span.h"

#define HISTORY_MAX 1024      /* ours: frames in front of a miss that are looked at */
#define CROWD 3		      /* ours: near ones among the last misses */
#define LONG_BYTES (1u << 20) /* ours: of a frame of a long file, what writers make chunks of */
#define SHARE 6		      /* ours: of what is there, in a whole layer, that a miss takes along */

/*
 * Plain bytes that are there, or on their way, right in front of frame @i: whoever misses at the
 * end of such a run is reading on.  In one place or in several: no state is kept about readers.
 */
static uint64_t count_history(const struct lp_feed *f, uint32_t i, uint64_t max)
{
	uint64_t bytes = 0;

	for (int n = 0; n < HISTORY_MAX && i-- > 0 && bytes < max; n++) {
		if (f->state[i] != LP_IN_FLIGHT && lp_feed_misses(f, i))
			break;
		if (lp_feed_frame(f, i)->plain_bytes < LONG_BYTES)
			bytes += lp_feed_frame(f, i)->plain_bytes;
	}
	return bytes;
}

/* How many of the last misses were near frame @i; it is one of them now. */
static unsigned count_near(struct lp_feed *f, uint32_t i, uint64_t near)
{
	uint64_t off = lp_feed_frame(f, i)->off;
	unsigned n = 0;

	for (unsigned k = 0; k < LP_RECENT; k++) {
		uint64_t other = f->recent[k];

		n += other && (other > off ? other - off : off - other) < near;
	}
	f->recent[f->misses++ % LP_RECENT] = off + 1;
	return n;
}

/*
 * A part of a long file is wanted: programs jump about in their own text, so the rest of it is
 * wanted soon.  Its frames are whole chunks, and one that is less at the end.
 */
static void widen(const struct lp_feed *f, uint32_t i, struct lp_fill *fill)
{
	uint32_t n = f->d->table.layer.nframe, k;
	uint64_t bytes = 0, back = 0;

	for (k = i; k < n && bytes < f->l->policy.near_max; k++) {
		bytes += lp_feed_frame(f, k)->plain_bytes;
		if (lp_feed_frame(f, k)->plain_bytes < LONG_BYTES)
			break;
	}
	for (k = i; k-- > 0 && back < f->l->policy.near_max;) {
		if (lp_feed_frame(f, k)->plain_bytes < LONG_BYTES)
			break;
		back += lp_feed_frame(f, k)->plain_bytes;
	}
	fill->bytes = fill->bytes > bytes ? fill->bytes : bytes;
	fill->back = fill->back > back ? fill->back : back;
}

/* @bytes doubled @times, but not beyond @max. */
static uint64_t grown(uint64_t bytes, unsigned times, uint64_t max)
{
	while (times-- && bytes < max)
		bytes *= 2;
	return bytes;
}

/*
 * Who has read much of a layer reads the rest as well: the square of the part that is there is how
 * likely that is, and so much of what is there is worth a request less.
 */
static uint64_t expect_more(const struct lp_feed *f)
{
	uint64_t all = f->d->table.layer.device_bytes, there = f->there < all ? f->there : all;
	uint64_t part = there * 1024 / all; /* of 1024 */

	return there / SHARE * (part * part / 1024) / 1024;
}

/* What a miss at frame @i takes along. */
static struct lp_fill choose_fill(struct lp_feed *f, uint32_t i)
{
	const struct lp_fill_policy *p = &f->l->policy;
	bool fast = !f->r || f->l->first_byte_ns < p->fast_ns;
	bool cheap = lp_feed_frame(f, i)->codec != LP_CODEC_GZIP;
	struct lp_fill fill = !fast ? p->slow : cheap ? p->cheap : p->fast;
	unsigned near = count_near(f, i, fill.near);
	uint64_t more = expect_more(f), history;

	fill.bytes = fill.bytes > more ? fill.bytes : more;
	fill.back = fill.back > more / 2 ? fill.back : more / 2;
	history = count_history(f, i, p->fill_max);
	if (history >= fill.bytes) {
		fill.bytes = 2 * history;
		fill.back = 0;
	} else if (!fast) {
		fill.bytes = grown(fill.bytes, near, p->near_max);
	} else if (cheap && near >= CROWD) {
		fill.bytes *= 2;
		fill.back *= 4;
	}
	if (fill.bytes > p->fill_max)
		fill.bytes = p->fill_max;
	if (near && lp_feed_frame(f, i)->plain_bytes >= LONG_BYTES)
		widen(f, i, &fill);
	return fill;
}

/* Does @w want a chunk of frame @i? */
static bool wants(const struct lp_feed *f, const struct lp_want *w, uint32_t i)
{
	uint32_t k, end;

	for (lp_frames_of(&f->frames, i, &k, &end); k < end; k++) {
		uint32_t chunk = lp_frames_chunk(&f->frames, k);

		if (chunk >= w->chunk && chunk < w->end)
			return true;
	}
	return false;
}

/*
 * Take frames behind the span along while they are near, missing, and wanted: by @w, by the
 * prefetch list, by the fill.  Frames that nobody wants are a gap; where they end up inside
 * the request they are decoded all the same.
 */
static void grow(const struct lp_feed *f, struct lp_span *s, enum lp_priority kind,
		 const struct lp_want *w, uint64_t fill)
{
	const struct lp_fill_policy *p = &f->l->policy;
	uint64_t max = kind == LP_DEMAND     ? p->buffers_max / 2
		       : kind == LP_PREFETCH ? p->range_max
					     : p->background_max;

	for (uint32_t i = s->first + 1; i < f->d->table.layer.nframe; i++) {
		const struct lp_frame *at = lp_feed_frame(f, i);
		uint64_t end = lp_frame_stop(at), stop = end > s->stop ? end : s->stop;
		bool wanted = kind == LP_BACKGROUND || s->plain_bytes < fill;

		if ((at->off > s->stop && at->off - s->stop > p->gap) ||
		    f->state[i] == LP_IN_FLIGHT || lp_is_big(at) || stop - s->off > max)
			break;
		if (!lp_feed_misses(f, i))
			continue;
		wanted |= kind == LP_PREFETCH && f->state[i] == LP_LISTED;
		if (!wanted && !(w && wants(f, w, i)))
			continue;
		s->stop = stop;
		s->end = i + 1;
		s->plain_bytes += at->plain_bytes;
	}
}

/* The same in front: what the prefetch list names later, or @back bytes of device. */
static void grow_back(const struct lp_feed *f, struct lp_span *s, enum lp_priority kind,
		      uint64_t back)
{
	const struct lp_fill_policy *p = &f->l->policy;
	uint64_t max = kind == LP_DEMAND ? p->fill_max : p->range_max;
	uint64_t plain_bytes = 0;

	for (uint32_t i = s->first; i-- > 0;) {
		const struct lp_frame *at = lp_feed_frame(f, i);

		if ((lp_frame_stop(at) < s->off && s->off - lp_frame_stop(at) > p->gap) ||
		    lp_frame_stop(at) > s->stop || f->state[i] == LP_IN_FLIGHT || lp_is_big(at) ||
		    s->stop - at->off > max)
			break;
		if (kind == LP_DEMAND && plain_bytes + at->plain_bytes > back)
			break;
		if (!lp_feed_misses(f, i) || (kind == LP_PREFETCH && f->state[i] != LP_LISTED))
			continue;
		s->off = at->off;
		s->first = i;
		plain_bytes += at->plain_bytes;
	}
}

struct lp_span lp_span_choose(struct lp_feed *f, uint32_t i, enum lp_priority kind,
			      const struct lp_want *w)
{
	const struct lp_frame *at = lp_feed_frame(f, i);
	struct lp_span s = {.first = i,
			 .end = i + 1,
			 .off = at->off,
			 .stop = lp_frame_stop(at),
			 .plain_bytes = at->plain_bytes};
	struct lp_fill fill = {0};

	if (lp_is_big(at))
		return s;
	if (kind == LP_DEMAND)
		fill = choose_fill(f, i);
	grow(f, &s, kind, w, fill.bytes);
	if (kind != LP_BACKGROUND)
		grow_back(f, &s, kind, fill.back);
	return s;
}

uint64_t lp_span_reach(struct lp_feed *f, const struct lp_span *s)
{
	uint64_t stop = s->stop;

	/* What was looked at stays right but for what demand has taken out meanwhile. */
	if (s->off < f->reach && s->stop <= f->reach)
		return f->reach - s->off;
	for (uint32_t i = s->end; i < f->d->table.layer.nframe; i++) {
		const struct lp_frame *at = lp_feed_frame(f, i);

		if ((at->off > stop && at->off - stop > f->l->policy.gap) || lp_is_big(at) ||
		    f->state[i] == LP_IN_FLIGHT || !lp_feed_misses(f, i))
			break;
		stop = lp_frame_stop(at) > stop ? lp_frame_stop(at) : stop;
	}
	f->reach = stop;
	return stop > s->stop ? stop - s->off : 0;
}
