// SPDX-License-Identifier: MIT
/*
 * big - frames above LP_FRAME_MAX: fetched in pieces, decoded as a stream, chunk by chunk.
 *
 * One at a time, in a thread of its own, since it waits for its pieces.  Whoever wants a chunk
 * of such a frame is served as soon as that chunk has passed.
 */
#include "layer/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP_BYTES 65536	/* ours: plain bytes moved at a time */

/* The stored bytes of a big group, in order. */
struct pieces {
	struct lp_reader reader;	/* first */
	struct lp_group *g;
	uint64_t asked;			/* stored bytes in pieces so far */
	size_t at;			/* in the piece */
};

/* Wait until the fetch is the engine's no more: its bytes may all be there before that. */
static void await_over(struct lp_group *g)
{
	while (g->feed->r && g->fetch.bytes && !g->over)
		pthread_cond_wait(&g->feed->l->came, &g->feed->l->lock);
}

/* Ask for the next piece; the lock is held. */
static void next_piece(struct pieces *s)
{
	struct lp_group *g = s->g;
	uint64_t left = g->bytes - s->asked;

	await_over(g);
	g->fetch.off = g->feed->d->table.layer.frame[g->frame].off + s->asked;
	g->fetch.bytes = (size_t)(left < g->room ? left : g->room);
	g->fetch.reach = g->kind == LP_BACKGROUND ? left : 0;
	s->asked += g->fetch.bytes;
	s->at = 0;
	lp_group_send(g);
}

/* Wait until bytes of this piece are there that nobody has taken. */
static enum lp_code await(struct pieces *s, struct lp_err *err)
{
	struct lp_group *g = s->g;
	struct lp_loader *l = g->feed->l;

	while (g->have == s->at && !g->over)
		pthread_cond_wait(&l->came, &l->lock);
	if (g->have > s->at)
		return LP_OK;
	*err = g->err;
	return g->err.code ? g->err.code
			   : lp_fail(err, LP_ESHORT, g->fetch.off, NULL, "a piece ends early");
}

static enum lp_code given_up(const struct lp_group *g, struct lp_err *err)
{
	struct lp_loader *l = g->feed->l;
	bool up;

	pthread_mutex_lock(&l->lock);
	up = l->stop || g->feed->gone;
	pthread_mutex_unlock(&l->lock);
	errno = ECANCELED;
	return up ? lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "given up") : LP_OK;
}

static enum lp_code read_registry(struct pieces *s, void *p, size_t n, size_t *got,
				  struct lp_err *err)
{
	struct lp_loader *l = s->g->feed->l;
	enum lp_code code = LP_OK;

	pthread_mutex_lock(&l->lock);
	if (!s->asked || s->at == s->g->fetch.bytes)
		next_piece(s);
	code = await(s, err);
	if (!code)
		*got = n < s->g->have - s->at ? n : s->g->have - s->at;
	pthread_mutex_unlock(&l->lock);
	if (code)
		return code;
	/* Bytes in front of have are not written again before the next piece is asked for. */
	memcpy(p, s->g->fetch.p + s->at, *got);
	s->at += *got;
	return LP_OK;
}

static enum lp_code read_pieces(struct lp_reader *r, void *p, size_t n, size_t *got,
				struct lp_err *err)
{
	struct pieces *s = (struct pieces *)r;
	struct lp_group *g = s->g;
	uint64_t left = g->bytes - s->asked;

	*got = 0;
	if (given_up(g, err))
		return err->code;
	if (s->asked == g->bytes && (!g->feed->r || s->at == g->fetch.bytes))
		return LP_OK;
	if (g->feed->r)
		return read_registry(s, p, n, got, err);
	*got = n < left ? n : (size_t)left;
	if (lp_file_pread(g->feed->fd, g->fetch.off + s->asked, p, *got, err))
		return err->code;
	s->asked += *got;
	return LP_OK;
}

/* Drop @n plain bytes. */
static enum lp_code skip(struct lp_reader *r, uint64_t n, struct lp_err *err)
{
	uint8_t step[STEP_BYTES];

	while (n) {
		size_t now = n < sizeof(step) ? (size_t)n : sizeof(step);

		if (lp_read_full(r, step, now, err))
			return err->code;
		n -= now;
	}
	return LP_OK;
}

/* Tell who waits for chunks of frame @i that have come. */
static void tell(struct lp_group *g, uint32_t i)
{
	struct lp_loader *l = g->feed->l;
	struct lp_news news;

	lp_news_begin(&news);
	pthread_mutex_lock(&l->lock);
	lp_loader_settle(g->feed, i, NULL, &news);
	lp_news_unlock(l, &news);
}

/* Chunk @c from @r, which stands at its first byte.  A wrong digest is not an end: *wrong. */
static enum lp_code pass_chunk(struct lp_group *g, uint32_t c, struct lp_reader *r, bool *wrong,
			       struct lp_err *err)
{
	LP_AUTO(lp_chunk_writer_free) struct lp_chunk_writer w = {0};
	struct lp_device *d = g->feed->d;

	if (lp_chunk_writer_open(&w, d, c, err) ||
	    lp_copy(r, &w.writer, d->table.layer.chunk[c].bytes, err))
		return err->code;
	*wrong = lp_chunk_writer_end(&w, err) != LP_OK;
	tell(g, g->frame);
	return *wrong && err->code != LP_EDIGEST ? err->code : LP_OK;
}

static int by_frame_off(const void *left, const void *right, void *of)
{
	const struct lp_chunk *chunk = of;
	uint64_t a = chunk[*(const uint32_t *)left].frame_off;
	uint64_t b = chunk[*(const uint32_t *)right].frame_off;

	return a < b ? -1 : a > b;
}

/* The chunks of the frame that are missing, in the order in which they pass. */
static uint32_t *list_chunks(const struct lp_group *g, uint32_t *n)
{
	struct lp_feed *f = g->feed;
	uint32_t k, end, *list;

	lp_frames_of(&f->frames, g->frame, &k, &end);
	list = calloc((size_t)(end - k) + 1, sizeof(*list));
	for (*n = 0; list && k < end; k++)
		if (!lp_device_chunk_ready(f->d, lp_frames_chunk(&f->frames, k)))
			list[(*n)++] = lp_frames_chunk(&f->frames, k);
	if (list)
		qsort_r(list, *n, sizeof(*list), by_frame_off,
			(void *)(uintptr_t)f->d->table.layer.chunk);
	return list;
}

static enum lp_code pass_all(struct lp_group *g, const uint32_t *list, uint32_t n,
			     struct lp_reader *r, struct lp_err *err)
{
	const struct lp_chunk *chunk = g->feed->d->table.layer.chunk;
	struct lp_err wrong_err = {0};
	uint64_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct lp_chunk *c = &chunk[list[i]];
		bool wrong = false;

		/* Two chunks from the same plain bytes would need a second pass of all of it. */
		if (c->frame_off < at)
			return lp_fail(err, LP_EUNSUP, c->frame_off, NULL,
				       "chunks share bytes of a frame above %zu", LP_FRAME_MAX);
		if (skip(r, c->frame_off - at, err) || pass_chunk(g, list[i], r, &wrong, err))
			return err->code;
		if (wrong)
			wrong_err = *err;
		at = c->frame_off + c->bytes;
	}
	if (wrong_err.code)
		*err = wrong_err;
	return wrong_err.code;
}

static enum lp_code decode(struct lp_group *g, struct lp_err *err)
{
	struct pieces stored = {.reader = {read_pieces}, .g = g};
	const struct lp_layer *layer = &g->feed->d->table.layer;
	const struct lp_frame *frame = &layer->frame[g->frame];
	const struct lp_codec *codec = lp_codec_number(frame->codec);
	LP_AUTO(lp_decoder_free) struct lp_decoder d = {0};
	uint32_t n, *list = list_chunks(g, &n);
	enum lp_code code;

	if (!list)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "the chunks of a frame");
	code = lp_decoder_resume(&d, codec, &stored.reader, frame->bit,
				 lp_layer_window(layer, g->frame), err);
	if (!code)
		code = pass_all(g, list, n, &d.reader, err);
	free(list);
	return code ? lp_within(err, "frame %u", g->frame) : LP_OK;
}

static struct lp_group *find_big(struct lp_loader *l)
{
	struct lp_group *g, *best = NULL;

	TAILQ_FOREACH(g, &l->groups, link)
		if (g->big && g->next < g->end && (!best || g->priority < best->priority))
			best = g;
	return best;
}

void lp_big_work(struct lp_job *job)
{
	struct lp_hand *h = (struct lp_hand *)job;
	struct lp_loader *l = h->l;
	struct lp_group *g;
	struct lp_news news;
	struct lp_err err;
	enum lp_code code;

	pthread_mutex_lock(&l->lock);
	while ((g = find_big(l))) {
		lp_news_begin(&news);
		g->busy++;
		g->fetch.bytes = 0;
		if (!g->feed->r)
			lp_group_count(g, g->bytes);
		pthread_mutex_unlock(&l->lock);
		code = decode(g, &err);
		pthread_mutex_lock(&l->lock);
		await_over(g);
		g->next = g->end;
		g->over = true;
		l->running[g->kind]--;
		lp_group_settle(g, g->frame, code, &err, &news);
		g->busy--;
		lp_group_end(g, &news);
		lp_news_unlock(l, &news);
		pthread_mutex_lock(&l->lock);
	}
	h->at_work = false;
	pthread_mutex_unlock(&l->lock);
}
