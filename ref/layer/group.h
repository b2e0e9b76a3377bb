/* SPDX-License-Identifier: MIT */
/*
 * group - neighbouring frames of one blob on their way: one request, decoded as it comes.
 *
 *	feed    a device, where its blob comes from, and what is wanted of it
 *	group   some of the frames [first, end) of a feed's blob
 *
 *	          lp_group_start                             bytes come, decoded, written
 *	LP_IDLE, LP_LISTED ----------> LP_IN_FLIGHT (in one group) ------------------> LP_IDLE
 *
 * Everything here is under the loader's lock, but for the fetching, decoding and writing itself.
 * Internal to layer/.
 */
#ifndef LP_GROUP_H
#define LP_GROUP_H

#include "layer/frames.h"
#include "layer/loader.h"

#define LP_RECENT 8	/* ours: misses that are remembered */

TAILQ_HEAD(lp_wants, lp_want);

enum lp_frame_state {
	LP_IDLE,	/* ready, or missing and nobody has asked */
	LP_LISTED,	/* a prefetch list has it */
	LP_IN_FLIGHT,	/* in exactly one group */
};

struct lp_feed {
	struct lp_loader *l;
	struct lp_device *d;		/* borrowed */
	struct lp_registry *r;		/* borrowed, or NULL: */
	int fd;				/* the blob as a file */
	struct lp_frames frames;
	uint8_t *state;			/* [nframe] enum lp_frame_state */
	struct lp_wants waiting;	/* by lp_want.waiting */
	struct lp_wants filling;	/* lp_loader_background(), by lp_want.waiting */
	struct lp_err fill_err;		/* the last error while filling */
	uint32_t fill_next;		/* frames before are ready, in flight, or have failed */
	uint64_t reach;			/* of the blob: a request that fills may go on until here */
	uint64_t there;			/* plain bytes of frames that have come */
	uint64_t recent[LP_RECENT];	/* where in the blob the last misses were, + 1; a ring */
	unsigned misses;
	uint32_t groups;		/* of this feed */
	struct lp_fetched fetched;
	bool gone;			/* lp_loader_drop() */
};

struct lp_group {
	struct lp_fetch fetch;		/* first; p is the buffer */
	TAILQ_ENTRY(lp_group) link;
	struct lp_feed *feed;
	uint32_t first, end, next;	/* frames; those before next are decoded, or being so */
	uint32_t busy;			/* threads that decode frames of it */
	uint32_t frame;			/* the one it was made for */
	enum lp_priority kind;		/* what it was made as */
	enum lp_priority priority;	/* what it has become */
	uint64_t bytes;			/* of the blob, from fetch.off */
	uint64_t room;			/* bytes of the buffer */
	size_t have;			/* bytes of the buffer that are there */
	uint64_t sent_ns;
	bool big;			/* one frame above LP_FRAME_MAX, streamed (layer/big.c) */
	bool again;			/* the second try of a frame */
	bool over;			/* the fetch is; err.code says how */
	struct lp_err err;
	bool mine[];			/* [end - first]: this frame is in flight in this group */
};

TAILQ_HEAD(lp_groups, lp_group);

/* A thread of the pool that decodes until there is nothing to decode. */
struct lp_hand {
	struct lp_job job;
	struct lp_loader *l;
	bool at_work;
};

struct lp_loader {
	pthread_mutex_t lock;
	struct lp_fill_policy policy;
	struct lp_pool pool, bigs;	/* decoders; the one for big frames, which waits for bytes */
	struct lp_hand *hand;		/* [pool.nthread] */
	struct lp_hand big_hand;
	pthread_cond_t came;		/* bytes of a big group */
	pthread_cond_t ended;		/* a group, or a thread's telling */
	struct lp_groups groups;
	struct lp_feed **feed;		/* [nfeed], NULL where one was dropped */
	uint32_t nfeed;
	struct lp_wants queue[LP_CLASSES];	/* not yet asked for in full, by lp_want.queue */
	uint64_t buffered;		/* stored bytes in buffers of groups */
	uint32_t running[LP_CLASSES];	/* groups by kind */
	uint64_t first_byte_ns;		/* of the link; UINT64_MAX: not measured yet */
	uint64_t demand_ns;		/* when the last demand missed */
	uint64_t untrimmed;		/* plain bytes decoded since memory was given back */
	struct lp_loader_count count;
	uint32_t telling;		/* threads that call done()s */
	bool stop;
};

/* What is to be told when the lock is released: wants that are ready, and that have failed. */
struct lp_news {
	struct lp_wants fine, failed;	/* by lp_want.queue */
	struct lp_err err;
};

enum lp_start { LP_STARTED, LP_FULL, LP_FAILED };

/*
 * lp_group_start - ask for frame @i, which is missing and not in flight, and for what the policy
 * takes along.
 *
 * @w  demand: the want, all of whose frames are wanted; else NULL
 *
 * LP_FULL    not now: too many bytes are held       LP_FAILED  memory ran out
 */
enum lp_start lp_group_start(struct lp_feed *f, uint32_t i, enum lp_priority kind,
			     const struct lp_want *w);

/* Ask for frame @i alone, once more. */
enum lp_start lp_group_again(struct lp_feed *f, uint32_t i, enum lp_priority priority);

/* Somebody with @priority waits for frame @i, which is in flight. */
void lp_group_hurry(struct lp_feed *f, uint32_t i, enum lp_priority priority);

/* Is all of @g done?  Then forget it, and ask for what may be asked for now. */
void lp_group_end(struct lp_group *g, struct lp_news *news);

/* One more request, for @bytes. */
void lp_group_count(struct lp_group *g, uint64_t bytes);

/* Queue the next request of @g: fetch.off and fetch.bytes are set. */
void lp_group_send(struct lp_group *g);

/*
 * Frame @i of @g is decoded, or @code and @err say why not: settle it, or try once more when
 * its bytes were wrong.
 */
void lp_group_settle(struct lp_group *g, uint32_t i, enum lp_code code, const struct lp_err *err,
		     struct lp_news *news);

/* Let a thread that is idle look for work. */
void lp_group_wake(struct lp_loader *l);

/* A pool's job: struct lp_hand. */
void lp_group_work(struct lp_job *job);
void lp_big_work(struct lp_job *job);

/* Too long to be held in memory? */
static inline bool lp_is_big(const struct lp_frame *f)
{
	/* Codecs hardly grow bytes: what is that much longer is not one frame's. */
	return f->plain_bytes > LP_FRAME_MAX || f->stored_bytes > LP_FRAME_MAX + LP_FRAME_MAX / 8;
}

static inline const struct lp_frame *lp_feed_frame(const struct lp_feed *f, uint32_t i)
{
	return &f->d->table.layer.frame[i];
}

/* lp_layer_check() has seen that it is inside the blob: no sum of a frame wraps. */
static inline uint64_t lp_frame_stop(const struct lp_frame *f)
{
	return f->off + f->stored_bytes;
}

static inline bool lp_feed_misses(const struct lp_feed *f, uint32_t i)
{
	return lp_frames_missing(&f->frames, f->d, i);
}

/* Frame @i is decoded: @failed NULL, or how that went wrong for some chunks of it. */
void lp_loader_settle(struct lp_feed *f, uint32_t i, const struct lp_err *failed,
		      struct lp_news *news);

/* Has no demand missed anything for a while? */
bool lp_loader_quiet(const struct lp_loader *l);

/* Ask for whatever may be asked for now. */
void lp_loader_pump(struct lp_loader *l, struct lp_news *news);

void lp_news_begin(struct lp_news *n);
/* Release the lock and call the done()s. */
void lp_news_unlock(struct lp_loader *l, struct lp_news *n);

#endif
