/* SPDX-License-Identifier: MIT */
/*
 * served - one image that the keeper serves: its tree, its devices, its FUSE session or the
 * kernel's super block, what is fetched before anybody asks.
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
#include "mount/gate.h"
#include "mount/kernel.h"

#define LP_SERVED_AT 4096	/* bytes: PATH_MAX */

enum lp_policy { LP_PREFETCH_NONE, LP_PREFETCH_ASYNC, LP_PREFETCH_WAIT };

/* What a mount request says; strings are borrowed from it. */
struct lp_serve {
	json_t *document;	/* the origin's fields are in it (mount/origin.h) */
	struct lp_digest image;
	const char *at;		/* where it will be attached, for status; may be "" */
	enum lp_policy prefetch;
	bool kernel;		/* the kernel's EROFS, else FUSE */
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

/* What every mount of a keeper needs; all borrowed. */
struct lp_serving {
	struct lp_devices *devices;
	struct lp_gate *gate;		/* NULL: no_gate says why */
	const char *no_gate;
	int wake;			/* eventfd: gets 1 when lp_served_step() has something to do */
};

struct lp_served {
	struct lp_served *next;		/* the keeper's */
	uint64_t number;		/* of all mounts that there were: the keeper's */
	const struct lp_serving *serving;
	struct lp_devices *devices;	/* its */
	struct lp_local local;
	struct lp_held **held;		/* [nlayer] of local; NULL: given back */
	struct lp_fuse_device *device;	/* [nlayer] */
	struct lp_fuse *fuse;		/* NULL: unmounted, or the kernel's */
	struct lp_kernel kernel;	/* without a name: unmounted, or FUSE */
	bool *closed;			/* [nlayer] it is behind the gate for us */
	json_t *request;		/* that made it: to attach again */
	uint64_t read_timeout_ns;
	struct lp_waits waits;
	struct lp_trace trace;
	size_t traced;			/* lines of the list that was written */
	int trace_fd, events;
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
 * @serving  borrowed until lp_served_free()
 * @mount    out: the caller's, attached to nothing
 *
 * LP_EUNSUP  what->kernel, and this kernel or this store cannot
 */
LP_MUST_CHECK enum lp_code lp_served_open(struct lp_served **out, const struct lp_serving *serving,
					  const struct lp_serve *what, int *mount,
					  struct lp_err *err);

/*
 * lp_served_resume - take over a mount of the kernel that another keeper made.
 *
 * @out   also when it fails, if it is not NULL then: one whose readers get EIO
 * @kept  what that keeper kept
 */
LP_MUST_CHECK enum lp_code lp_served_resume(struct lp_served **out,
					    const struct lp_serving *serving,
					    const struct lp_kept_record *kept,
					    struct lp_err *err);

/* There is a new worker: let it know the devices. */
LP_MUST_CHECK enum lp_code lp_served_attach(struct lp_served *s, struct lp_err *err);

/* Is it a mount of the kernel that may still be read? */
bool lp_served_by_kernel(const struct lp_served *s);

/*
 * lp_served_step - go on after a wake: notice an unmount, write the trace, start the fill,
 * give devices back.  True when it is over and may be freed.
 */
bool lp_served_step(struct lp_served *s);
void lp_served_free(struct lp_served **s);

/* One object for `status`. */
json_t *lp_served_json(const struct lp_served *s);

/* Internal to served.c and kernelmount.c: the kernel's side of a mount. */
LP_MUST_CHECK enum lp_code lp_served_kernel_mount(struct lp_served *s, int *mount,
						  struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_served_close_gate(struct lp_served *s, struct lp_err *err);
void lp_served_open_gate(struct lp_served *s);	/* for what is complete */
void lp_served_kernel_gone(struct lp_served *s);
void lp_served_gate_count(const struct lp_served *s, struct lp_gate_count *sum);

#endif
