/* SPDX-License-Identifier: MIT */
/*
 * plan - the cells of the hello experiment: images x tasks x systems, and the control.
 *
 * What cannot be run is named, with what would bring it, and left out.
 */
#ifndef LB_PLAN_H
#define LB_PLAN_H

#include "experiment/prepare.h"
#include "experiment/session.h"

#define LB_CELLS_MAX 256	/* ours */
#define LB_IMAGES_MAX 32	/* ours */
#define LB_CONTROL "control"	/* the system of the control cell, on LB_CONTROL_IMAGE */
#define LB_CONTROL_IMAGE "hello"

struct lb_plan {
	struct lb_prepared image[LB_IMAGES_MAX];
	size_t nimage;
	struct lb_cell cell[LB_CELLS_MAX];
	size_t ncell;
	struct lp_digest output[LB_CELLS_MAX];	/* what cell's output must be */
	json_t *skipped;			/* array of strings: what and why */
};

/* LP_EUSAGE: no such system or task.  LP_EMISSING: no cell is left. */
LP_MUST_CHECK enum lp_code lb_plan_make(struct lb_plan *p, struct lb_lab *l,
					const struct lb_run_options *o, struct lp_err *err);
void lb_plan_free(struct lb_plan *p);

/*
 * lb_plan_calibrate - run each task once by the baseline, for what its output is, and the
 * control once, so that its store is warm.
 *
 * LP_EREMOTE: a workload does not run
 */
LP_MUST_CHECK enum lp_code lb_plan_calibrate(struct lb_plan *p, struct lb_lab *l,
					     struct lp_err *err);

/* "cells" and "skipped", for the session line. */
json_t *lb_plan_json(const struct lb_plan *p);

#endif
