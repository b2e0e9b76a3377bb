/* SPDX-License-Identifier: MIT */
/*
 * loader - the scheduler that makes device ranges ready: demand, prefetch, background.
 *
 *	want(device, range) -> missing chunks -> their frames -> neighbouring frames coalesce
 *	into one fetch -> decode each frame once -> verify and write every chunk of it -> done
 *
 * One frame is never in flight twice: whoever wants it meanwhile waits for the same fetch.
 * Demand goes before prefetch, prefetch before background; prefetch and background ranges
 * are at most 1 MiB, read-ahead on a device grows while its reads are sequential, and
 * a demand miss fills at least LP_FILL_MIN of the device.  One connection stays free for demand.
 *
 * Thread-safe.  Frames above LP_FRAME_MAX are streamed chunk by chunk.
 */
#ifndef LP_LOADER_H
#define LP_LOADER_H

#include "base/pool.h"
#include "fetch/registry.h"
#include "layer/device.h"

#define LP_FILL_MIN ((uint64_t)1 << 20)	/* bytes of device, design.md 4; spec/erofs.md 5 */
#define LP_RANGE_MAX ((size_t)1 << 20)	/* bytes of blob a prefetch request asks for */

struct lp_loader;

LP_MUST_CHECK enum lp_code lp_loader_open(struct lp_loader **out, size_t threads,
					  struct lp_err *err);

/* Fails what is waiting, waits for what runs. */
void lp_loader_free(struct lp_loader **l);

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
void lp_loader_drop(struct lp_loader *l, uint32_t index);

/* A range somebody waits for; embedded in the caller's struct. */
struct lp_want {
	uint32_t device;	/* index */
	uint64_t off, bytes;	/* on the device */
	enum lp_priority priority;
	/* Some thread of the loader, once.  code 0: the range is ready. */
	void (*done)(struct lp_want *w, enum lp_code code, const struct lp_err *err);
	struct lp_want *next;	/* the loader's */
	uint32_t missing;	/* the loader's */
};

/* Start; done() may be called before this returns. */
void lp_loader_want(struct lp_loader *l, struct lp_want *w);

/* lp_loader_want() at LP_DEMAND, waiting. */
LP_MUST_CHECK enum lp_code lp_loader_ensure(struct lp_loader *l, uint32_t device, uint64_t off,
					    uint64_t bytes, struct lp_err *err);

/* Fill the whole device, yielding to everything else; *done as above. */
void lp_loader_background(struct lp_loader *l, struct lp_want *w);

/* For status and "which file made me wait". */
struct lp_loader_count {
	uint64_t demand_wants, demand_fetches, prefetch_fetches, background_fetches;
	uint64_t stored_bytes, plain_bytes, wait_ns;
};

void lp_loader_count(struct lp_loader *l, struct lp_loader_count *out);

#endif
