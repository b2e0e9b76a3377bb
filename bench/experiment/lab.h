/* SPDX-License-Identifier: MIT */
/*
 * lab - where runs happen: programs, a directory of work, a registry that logs.
 *
 *	WORK/registry/NAME/     the images, an OCI layout each: tags legacy, esgz, opt
 *	WORK/requests.jsonl     what the embedded registry logged
 *	WORK/stores/            the stores of the systems under test
 *	WORK/stderr             what the last program under test said
 *
 * Without a registry of somebody else, lazybench starts its own, as a child.
 */
#ifndef LB_LAB_H
#define LB_LAB_H

#include "base/option.h"
#include "system/system.h"

struct lb_lab {
	struct lb_programs programs;
	char work[512], corpora[512];	/* absolute */
	char host[300];			/* "127.0.0.1:5000", or "ghcr.io/somebody" */
	bool remote;			/* it is not ours: no log, nothing to warm */
	struct lb_process registry;
	const struct lp_option_list *knobs;	/* of it, or NULL */
	uint64_t log_off;		/* what of the log was read */
	uint64_t timeout_ns;		/* of one run */
};

struct lb_lab_options {
	const char *lazypull, *peers, *work, *corpora;	/* NULL: the defaults */
	const char *registry;		/* HOST/NS, or NULL: our own */
	uint64_t timeout_ns;
	const struct lp_option_list *knobs;	/* of our own registry, or NULL */
};

LP_MUST_CHECK enum lp_code lb_lab_open(struct lb_lab *l, const struct lb_lab_options *o,
				       struct lp_err *err);

/*
 * lb_lab_behave - end our own registry and start it again at the same address, with an empty
 * log, and one more knob than it was opened with.
 *
 * @knob  NULL: none
 */
LP_MUST_CHECK enum lp_code lb_lab_behave(struct lb_lab *l, const char *knob, struct lp_err *err);

/* End the registry. */
void lb_lab_free(struct lb_lab *l);

/*
 * lb_lab_serve - our own registry anew, at the same address, its log empty.
 *
 * @knobs  NULL: it behaves
 *
 * LP_ESYSTEM: it does not start
 */
LP_MUST_CHECK enum lp_code lb_lab_serve(struct lb_lab *l, const struct lp_option_list *knobs,
					struct lp_err *err);

/* Kill our own registry: nobody is at its address. */
void lb_lab_desert(struct lb_lab *l);

/* A path of at most LB_PATH - 1 bytes; a longer one is cut, and will not be found. */
#define LB_PATH 1024
__attribute__((format(printf, 2, 3)))
void lb_path(char out[static LB_PATH], const char *fmt, ...);

/* WORK/@name into @out. */
void lb_lab_path(const struct lb_lab *l, const char *name, char out[static LB_PATH]);

/* mkdir -p */
LP_MUST_CHECK enum lp_code lb_make_directory(const char *path, struct lp_err *err);

#endif
