/* SPDX-License-Identifier: MIT */
/*
 * serve - an image mounted and a task done in it: what did that cost the network, and what does
 * serving hold in memory?
 *
 * Requests and body bytes are those that the embedded registry logged from one moment to
 * another.
 */
#ifndef LB_SERVE_H
#define LB_SERVE_H

#include "experiment/lab.h"
#include "experiment/trial.h"

/* Forget what the registry has logged so far. */
LP_MUST_CHECK enum lp_code lb_serve_forget(struct lb_lab *l, struct lp_err *err);

/*
 * lb_serve_count - "first_output_ns", and what the registry saw until then and behind it:
 * "requests", "body_bytes", "requests_after", "body_bytes_after".
 *
 * LP_EREMOTE: there was no output, or no request
 */
LP_MUST_CHECK enum lp_code lb_serve_count(struct lb_lab *l, uint64_t begin_ns,
					  uint64_t output_ns, json_t *out, struct lp_err *err);

/* "rss_bytes": RssAnon of a process. */
LP_MUST_CHECK enum lp_code lb_serve_memory(pid_t pid, json_t *out, struct lp_err *err);

struct lb_serving {
	const struct lb_form *form;
	const struct lb_task *task;
	bool prefetch;			/* what the image's list names */
	const char *mode;		/* of ours: "fuse", "kernel" */
	bool nothing;			/* ours: no metadata either, it comes on the clock */
};

/*
 * lb_serve_ours, lb_serve_nydusd - with the metadata there and no data: mount, do the task in
 * the mount, and count from the mount to the first line; then ask for memory, and unmount.
 * Ours is `lazypull mount`, memory that of its keeper and worker.  Theirs always has the
 * metadata.
 */
LP_MUST_CHECK enum lp_code lb_serve_ours(struct lb_lab *l, const struct lb_serving *s,
					 json_t *out, struct lp_err *err);
LP_MUST_CHECK enum lp_code lb_serve_nydusd(struct lb_lab *l, const struct lb_serving *s,
					   json_t *out, struct lp_err *err);

#endif
