// SPDX-License-Identifier: MIT
/*
 * blob - a blob of a registry as a source.
 *
 * The stream is a ring that the engine's thread fills and the reader empties:
 *
 *	curl --take()--> [ ring ] --read()--> reader
 *	       full: paused  |  half empty: poked
 */
#include "fetch/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES ((size_t)512 << 10)	/* ours: a few reads of a socket; a power of two */
#define WAKE_BYTES ((size_t)64 << 10)	/* ours: a sleeping reader is not woken for less */

struct stream {
	struct lp_reader reader;
	struct lp_exchange x;
	pthread_mutex_t lock;
	pthread_cond_t change;
	uint8_t *ring;			/* [RING_BYTES] */
	uint64_t in, out;		/* bytes that ever went in and came out */
	bool full;			/* take() has said so */
	bool waits;			/* the reader sleeps */
	bool over;
	struct lp_err err;		/* when it is over */
};

struct blob {
	struct lp_registry *r;
	struct lp_digest digest;
	struct stream *stream;		/* or NULL */
};

static size_t take(struct lp_exchange *x, const uint8_t *p, size_t n)
{
	struct stream *s = x->owner;
	size_t at, first;
	bool fits;

	pthread_mutex_lock(&s->lock);
	fits = n <= RING_BYTES - (size_t)(s->in - s->out);
	s->full = !fits;
	pthread_mutex_unlock(&s->lock);
	if (!fits)
		return 0;
	at = (size_t)s->in % RING_BYTES;
	first = n < RING_BYTES - at ? n : RING_BYTES - at;
	memcpy(s->ring + at, p, first); /* the reader sees it once s->in says so */
	memcpy(s->ring, p + first, n - first);
	pthread_mutex_lock(&s->lock);
	s->in += n;
	if (s->waits && s->in - s->out >= WAKE_BYTES)
		pthread_cond_signal(&s->change);
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void over(struct lp_exchange *x, enum lp_code code, const struct lp_err *err)
{
	struct stream *s = x->owner;

	pthread_mutex_lock(&s->lock);
	if (code)
		s->err = *err;
	s->over = true;
	pthread_cond_broadcast(&s->change);
	pthread_mutex_unlock(&s->lock);
}

/* Wait for bytes or the end; how many there are. */
static size_t wait_for_bytes(struct stream *s)
{
	size_t have;

	pthread_mutex_lock(&s->lock);
	s->waits = true;
	while (s->in == s->out && !s->over)
		pthread_cond_wait(&s->change, &s->lock);
	s->waits = false;
	have = (size_t)(s->in - s->out);
	pthread_mutex_unlock(&s->lock);
	return have;
}

static enum lp_code read_stream(struct lp_reader *reader, void *p, size_t n, size_t *got,
				struct lp_err *err)
{
	struct stream *s = (struct stream *)reader;
	size_t have = wait_for_bytes(s), at = (size_t)s->out % RING_BYTES, first;
	bool poke;

	*got = n < have ? n : have;
	if (!have && s->err.code) {
		*err = s->err;
		return err->code;
	}
	first = *got < RING_BYTES - at ? *got : RING_BYTES - at;
	memcpy(p, s->ring + at, first);
	memcpy((uint8_t *)p + first, s->ring, *got - first);
	pthread_mutex_lock(&s->lock);
	s->out += *got;
	poke = s->full && !s->over && s->in - s->out <= RING_BYTES / 2;
	if (poke)
		s->full = false;
	pthread_mutex_unlock(&s->lock);
	if (poke)
		lp_engine_poke(&s->x);
	return LP_OK;
}

static void end_stream(struct stream *s)
{
	if (!s)
		return;
	if (s->x.ops) {
		s->x.cancelled = true;
		lp_engine_poke(&s->x);
		pthread_mutex_lock(&s->lock);
		while (!s->over)
			pthread_cond_wait(&s->change, &s->lock);
		pthread_mutex_unlock(&s->lock);
	}
	lp_exchange_free(&s->x);
	pthread_cond_destroy(&s->change);
	pthread_mutex_destroy(&s->lock);
	free(s->ring);
	free(s);
}

static void end_stream_at(struct stream **s)
{
	end_stream(*s);
}

static enum lp_code start_stream(struct lp_source *source, struct lp_reader **out,
				 struct lp_err *err)
{
	static const struct lp_exchange_ops ops = {take, NULL, over};
	LP_AUTO(end_stream_at) struct stream *s = NULL;
	struct blob *b = source->state;

	end_stream(b->stream);
	b->stream = NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return lp_fail_errno(err, "a stream");
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->change, NULL);
	s->ring = malloc(RING_BYTES);
	if (!s->ring)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a stream");
	if (lp_exchange_blob(&s->x, b->r, &b->digest, err))
		return err->code;
	s->reader.read = read_stream;
	s->x.ops = &ops;
	s->x.owner = s;
	s->x.r = b->r;
	s->x.shape = LP_STREAM;
	s->x.alone = s->x.limited = true;
	s->x.blob = b->digest;
	s->x.bytes = s->x.total = source->bytes;
	lp_engine_begin(b->r, &s->x);
	*out = &s->reader;
	b->stream = s;
	s = NULL;
	return LP_OK;
}

/* One range, waited for. */
struct once {
	struct lp_fetch f;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool over;
	enum lp_code code;
	struct lp_err *err;
};

static void wake(struct lp_fetch *f, enum lp_code code, const struct lp_err *err)
{
	struct once *o = (struct once *)f;

	pthread_mutex_lock(&o->lock);
	o->code = code;
	if (code)
		*o->err = *err;
	o->over = true;
	pthread_cond_signal(&o->change);
	pthread_mutex_unlock(&o->lock);
}

static enum lp_code read_range(struct lp_source *source, uint64_t off, void *p, size_t n,
			       struct lp_err *err)
{
	struct blob *b = source->state;
	struct once o = {
		.f = {.blob = b->digest, .off = off, .bytes = n, .p = p, .done = wake,
		      .total = source->bytes},
		.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER, .err = err,
	};

	lp_registry_fetch(b->r, &o.f);
	pthread_mutex_lock(&o.lock);
	while (!o.over)
		pthread_cond_wait(&o.change, &o.lock);
	pthread_mutex_unlock(&o.lock);
	return o.code;
}

static void free_blob(struct lp_source *source)
{
	struct blob *b = source->state;

	end_stream(b->stream);
	free(b);
}

static const struct lp_source_ops ops = {"http", read_range, start_stream, free_blob};

enum lp_code lp_registry_source(struct lp_registry *r, const struct lp_descriptor *d,
				struct lp_source *out, struct lp_err *err)
{
	struct blob *b = calloc(1, sizeof(*b));

	*out = (struct lp_source){0};
	if (!b)
		return lp_fail_errno(err, "a source");
	b->r = r;
	b->digest = d->digest;
	*out = (struct lp_source){.ops = &ops, .bytes = d->bytes, .state = b};
	return LP_OK;
}

/* The answer to a question about the blob, of which at most one byte comes. */
static enum lp_code ask_bytes(struct lp_registry *r, const struct lp_digest *d,
			      struct lp_exchange *x, uint64_t *bytes, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf body = {0};

	x->bytes = 1;
	if (lp_exchange_blob(x, r, d, err) || lp_exchange_wait(r, x, &body, err))
		return err->code;
	*bytes = x->reply.bytes;
	return LP_OK;
}

enum lp_code lp_registry_blob_bytes(struct lp_registry *r, const struct lp_digest *d,
				    uint64_t *bytes, struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange head = {.method = LP_HEAD};
	LP_AUTO(lp_exchange_free) struct lp_exchange byte = {.shape = LP_RANGE};
	enum lp_code code = ask_bytes(r, d, &head, bytes, err);

	if (code == LP_EMISSING || (!code && *bytes != LP_NO_OFFSET))
		return code;
	if (ask_bytes(r, d, &byte, bytes, err))
		return err->code;
	if (*bytes == LP_NO_OFFSET)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL,
			       "the registry does not say how long the blob is");
	return LP_OK;
}
