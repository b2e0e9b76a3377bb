/* SPDX-License-Identifier: MIT */
/*
 * loader - the scheduler that makes device ranges ready: demand, prefetch, background.
 *
 *	want(device, range) -> missing chunks -> their frames -> neighbouring frames coalesce
 *	into one fetch -> decode each frame once -> verify and write every chunk of it -> done
 *
 * One frame is never in flight twice: whoever wants it meanwhile waits for the same fetch.
 * Demand goes before prefetch, prefetch before background; prefetch ranges are at most 2 MiB,
 * and a demand miss fills LP_FILL_MIN of the device where the link is slow.  It fills more where
 * it continues what is there, and the more of the layer is there.  One connection stays free for
 * demand.
 *
 * Frames are decoded as soon as their bytes are there, those that somebody waits for first.
 * Frames above LP_FRAME_MAX are streamed chunk by chunk.  A frame whose bytes are wrong is
 * fetched once more; then whoever wants the chunk gets the error, and the next one tries again.
 *
 * Thread-safe.  At most lp_fill_policy.buffers_max stored bytes are held at a time.
 */
#ifndef LP_LOADER_H
#define LP_LOADER_H

#include "base/pool.h"
#include "fetch/registry.h"
#include "layer/device.h"

#include <sys/queue.h>

#define LP_FILL_MIN ((uint64_t)1 << 20)	/* bytes of device, design.md 4; spec/erofs.md 5 */
#define LP_CLASSES 3		/* enum lp_priority */
#define LP_RANGE_MAX ((size_t)2 << 20)	/* bytes of blob a prefetch request asks for */

/* What a demand miss takes along, in bytes of device. */
struct lp_fill {
	uint64_t bytes;		/* at least, from the miss on */
	uint64_t back;		/* in front of it: directories are not read as they were packed */
	uint64_t near;		/* bytes of blob between misses that are near each other */
};

/* How much is fetched together, and how much at a time. */
struct lp_fill_policy {
	uint64_t fast_ns;	/* a link whose first byte comes sooner is fast */
	struct lp_fill fast;	/* of gzip, whose decoding costs more than the link */
	struct lp_fill cheap;	/* of other codecs: where misses crowd, twice and back 4 times */
	struct lp_fill slow;
	uint64_t near_max;	/* to which that doubles for each of the last misses that was near,
				   on a link that is not fast; and of a long file */
	uint64_t fill_max;	/* to which it grows for who reads on, or reads everything */
	uint64_t gap;		/* bytes of blob that a request may fetch in vain to save another */
	uint64_t range_max;	/* bytes of blob in a prefetch request */
	uint64_t background_max; /* and in a background request */
	uint64_t piece;		/* in a request for a part of a frame above LP_FRAME_MAX */
	uint64_t quiet_ns;	/* so long after a demand miss, background has one request */
	uint64_t buffers_max;	/* bytes of blob held in memory; half of it for demand alone */
	unsigned prefetch;	/* prefetch requests at a time */
	unsigned background;	/* background requests at a time */
};

extern const struct lp_fill_policy lp_fill_policy;	/* the one that loaders begin with */

struct lp_loader;

LP_MUST_CHECK enum lp_code lp_loader_open(struct lp_loader **out, size_t threads,
					  struct lp_err *err);

/* Fails what is waiting, waits for what runs. */
void lp_loader_free(struct lp_loader **l);

/* Before anything is wanted. */
void lp_loader_set_policy(struct lp_loader *l, const struct lp_fill_policy *p);

/*
 * lp_loader_add - tell the loader where the blob of @d comes from.
 *
 * @d, @r  borrowed until lp_loader_drop() or lp_loader_free()
 * @index  out: the device's number here
 */
LP_MUST_CHECK enum lp_code lp_loader_add(struct lp_loader *l, struct lp_device *d,
					 struct lp_registry *r, uint32_t *index,
					 struct lp_err *err);
/* The same for a blob that is a local file (an OCI layout); @fd is consumed. */
LP_MUST_CHECK enum lp_code lp_loader_add_file(struct lp_loader *l, struct lp_device *d, int fd,
					      uint32_t *index, struct lp_err *err);

/* Fails what waits for the device, waits for what runs; @index may then mean another one. */
void lp_loader_drop(struct lp_loader *l, uint32_t index);

/* A range somebody waits for; embedded in the caller's struct. */
struct lp_want {
	uint32_t device;	/* index */
	uint64_t off, bytes;	/* on the device */
	enum lp_priority priority;
	/* Some thread of the loader, once.  code 0: the range is ready. */
	void (*done)(struct lp_want *w, enum lp_code code, const struct lp_err *err);

	/* The loader's. */
	TAILQ_ENTRY(lp_want) queue, waiting;
	bool queued;
	uint32_t chunk, end;	/* chunks of the range that may still be missing */
	uint32_t asked;		/* those before are in flight, or ready */
	uint64_t since_ns;
};

/* Start; done() may be called before this returns. */
void lp_loader_want(struct lp_loader *l, struct lp_want *w);

/*
 * Start all @n, in this order: what is neighbours among them is fetched together.
 *
 * @first   embedded in the first element of an array of elements of @stride bytes
 */
void lp_loader_want_all(struct lp_loader *l, struct lp_want *first, size_t n, size_t stride);

/* lp_loader_want() at LP_DEMAND, waiting. */
LP_MUST_CHECK enum lp_code lp_loader_ensure(struct lp_loader *l, uint32_t device, uint64_t off,
					    uint64_t bytes, struct lp_err *err);

/*
 * Fill the whole device, yielding to everything else; done() as above, with the last error if
 * some chunks could not be had.
 */
void lp_loader_background(struct lp_loader *l, struct lp_want *w);

/* For status and "which file made me wait". */
struct lp_loader_count {
	uint64_t demand_wants;		/* that were not ready at once */
	uint64_t demand_fetches, prefetch_fetches, background_fetches; /* ranges asked for */
	uint64_t stored_bytes;		/* in them */
	uint64_t plain_bytes;		/* of frames decoded */
	uint64_t wait_ns;		/* that demand has waited, summed */
};

void lp_loader_count(struct lp_loader *l, struct lp_loader_count *out);

/* Of one device, by enum lp_priority: what the requests were made for. */
struct lp_fetched {
	uint64_t requests[LP_CLASSES], bytes[LP_CLASSES];	/* bytes of the blob */
};

/* Device @index since it was added; nothing where there is none. */
void lp_loader_fetched(struct lp_loader *l, uint32_t index, struct lp_fetched *out);

#endif
