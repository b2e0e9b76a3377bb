/* SPDX-License-Identifier: MIT */
/*
 * served - one image that the keeper serves: its tree, its devices, its FUSE session, what is
 * fetched before anybody asks.
 *
 *	open --> mounted --unmounted--> filling (--background=on) --> over
 *
 * Only the keeper's main thread comes here.
 */
#ifndef LP_SERVED_H
#define LP_SERVED_H

#include "image/local.h"
#include "mount/devices.h"
#include "mount/fuse.h"

#define LP_SERVED_AT 4096	/* bytes: PATH_MAX */

enum lp_policy { LP_PREFETCH_NONE, LP_PREFETCH_ASYNC, LP_PREFETCH_WAIT };

/* What a mount request says; strings are borrowed from it. */
struct lp_serve {
	json_t *document;	/* the origin's fields are in it (mount/origin.h) */
	struct lp_digest image;
	const char *at;		/* where it will be attached, for status; may be "" */
	enum lp_policy prefetch;
	bool background;
	uint64_t read_timeout_ns;
	int list;		/* memfd of struct lp_msg_run, devices as layer indexes; or -1 */
	int trace;		/* where the trace goes, or -1; the descriptors are borrowed */
	int events;		/* where "local" goes, or -1 */
};

/* Something the worker was asked for without anybody waiting. */
struct lp_fetching {
	struct lp_wait wait;
	struct lp_served *of;
};

struct lp_served {
	struct lp_served *next;		/* the keeper's */
	struct lp_devices *devices;	/* borrowed */
	struct lp_local local;
	struct lp_held **held;		/* [nlayer] of local; NULL: given back */
	struct lp_fuse_device *device;	/* [nlayer] */
	struct lp_fuse *fuse;		/* NULL: unmounted */
	struct lp_trace trace;
	size_t traced;			/* lines of the list that was written */
	int trace_fd, events;
	int wake;
	bool background;		/* fill what is left, then say "local" */
	bool filling;
	_Atomic bool prefetched;	/* or nothing was to be */
	_Atomic bool short_of;		/* some fill failed */
	_Atomic size_t asked;		/* answers that the worker owes: prefetch and fills */
	struct lp_fetching prefetch;
	struct lp_fetching *fill;	/* [nlayer] */
	char at[LP_SERVED_AT];
};

/*
 * lp_served_open - open the image and mount it.
 *
 * @wake   eventfd: gets 1 whenever lp_served_step() has something to do
 * @mount  out: the caller's, attached to nothing
 */
LP_MUST_CHECK enum lp_code lp_served_open(struct lp_served **out, struct lp_devices *d,
					  const struct lp_serve *what, int wake, int *mount,
					  struct lp_err *err);

/*
 * lp_served_step - go on after a wake: notice an unmount, write the trace, start the fill,
 * give devices back.  True when it is over and may be freed.
 */
bool lp_served_step(struct lp_served *s);
void lp_served_free(struct lp_served **s);

/* One object for `status`. */
json_t *lp_served_json(const struct lp_served *s);

#endif
