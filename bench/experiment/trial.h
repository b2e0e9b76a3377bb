/* SPDX-License-Identifier: MIT */
/*
 * trial - one run of one cell: made cold, proved cold, started, watched, judged, recorded.
 *
 *	begin -> rootfs    pull      request to a root file system that can be mounted
 *	rootfs -> created  create    overlay, bundle, the runtime's create
 *	started -> ready   run       the process starts to what its task calls ready
 *	begin -> ready     ready     what systems are compared by
 *
 * A run that was not what it claims is invalid: it is counted, and never becomes a number.
 */
#ifndef LB_TRIAL_H
#define LB_TRIAL_H

#include "experiment/lab.h"
#include "experiment/watch.h"
#include "measure/cold.h"
#include "measure/ledger.h"

#define LB_BLOBS_MAX 128		/* layers and documents of one image, ours */
#define LB_SMALL_BYTES (4u << 20)	/* ours: below that, fetching all of it is no fallback */

/* One image in one form, as it lies in the registry. */
struct lb_form {
	char reference[400];		/* "127.0.0.1:5000/python:esgz" */
	char digest[LP_DIGEST_TEXT];	/* of the manifest; "" where it is not ours */
	uint64_t layer_bytes;		/* stored; 0: not known */
	char *blob[LB_BLOBS_MAX];	/* paths of its blobs, to be kept warm */
	size_t nblob;
};

/* Image, task and system: what is measured again and again. */
struct lb_cell {
	char name[200];			/* "python/hello ref/oci/fuse" */
	const struct lb_workload *image;
	const struct lb_task *task;
	const struct lb_system *system;
	const struct lb_form *form;
	const struct lp_digest *output;	/* what its output must be, or NULL: not known yet */
};

struct lb_trial {
	bool valid;
	char why[300];			/* if not */
	struct lb_watch watch;
	struct lp_digest output;
	struct lb_cost background;	/* of what it left behind */
	size_t told;			/* processes that had to be told to end */
	struct lb_cold cold;
	struct lb_ledger ledger;
	uint64_t pressure_us;		/* CPU pressure, "some", while it ran */
};

/*
 * lb_trial_run - run @c once.
 *
 * Failures of what is measured make an invalid trial and LP_OK; what fails here is the
 * laboratory: LP_ESYSTEM.
 */
LP_MUST_CHECK enum lp_code lb_trial_run(struct lb_lab *l, const struct lb_cell *c,
					struct lb_trial *out, struct lp_err *err);
void lb_trial_free(struct lb_trial *t);

/* "phase_ns" and all else that a trial is, as members of a line; NULL: memory ran out. */
json_t *lb_trial_json(const struct lb_lab *l, const struct lb_trial *t);

#endif
