/* SPDX-License-Identifier: MIT */
/*
 * workload - an image of the corpora and the tasks that are run in it.
 *
 * Read from build/corpora/NAME.json, which corpora/make.py writes beside the OCI layout NAME.
 * The first task is the one that images are optimised for; the others are held out.
 */
#ifndef LB_WORKLOAD_H
#define LB_WORKLOAD_H

#include "base/json.h"

#include <stdbool.h>

#define LB_TASKS_MAX 8		/* ours */

enum lb_ready { LB_READY_LINE, LB_READY_HTTP, LB_READY_EXIT };

struct lb_task {
	char name[32];
	const json_t *argv, *env;	/* arrays of strings, borrowed from the workload */
	enum lb_ready ready;
	const char *text;		/* LINE: what a line of stdout contains */
	uint16_t port;			/* HTTP, on 127.0.0.1 */
	const char *path;
};

struct lb_workload {
	char name[64], tag[64];
	struct lb_task task[LB_TASKS_MAX];
	size_t ntask;
	json_t *document;
};

/* LP_EMISSING: corpora/make.py has not made it.  LP_EFORMAT: not such a document. */
LP_MUST_CHECK enum lp_code lb_workload_load(struct lb_workload *w, const char *corpora,
					    const char *name, struct lp_err *err);
void lb_workload_free(struct lb_workload *w);

/* The task called @name, or the first one if @name is ""; NULL: there is none. */
const struct lb_task *lb_workload_task(const struct lb_workload *w, const char *name);

/* What readiness is, in one line: "line \"hello\"". */
void lb_task_ready_text(const struct lb_task *t, char *out, size_t n);

#endif
