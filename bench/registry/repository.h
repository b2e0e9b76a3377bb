/* SPDX-License-Identifier: MIT */
/*
 * repository - the OCI layouts that are served: one per repository name.
 *
 * Either DIR/NAME/ under a root, found (and on a push made) when first asked for, or given
 * one by one.  A layout once opened stays open.
 */
#ifndef LB_REPOSITORY_H
#define LB_REPOSITORY_H

#include "oci/layout.h"

#include <pthread.h>
#include <stdbool.h>

struct lb_repository {
	char name[256];
	struct lp_layout layout;
	struct lb_repository *next;
};

struct lb_repositories {
	const char *root;		/* borrowed, or NULL */
	pthread_mutex_t lock;		/* over first */
	struct lb_repository *first;	/* they live as long as the table */
};

void lb_repositories_start(struct lb_repositories *r, const char *root);
void lb_repositories_free(struct lb_repositories *r);

/* "NAME=DIR".  LP_EUSAGE: not of that form; else as lp_layout_create(). */
LP_MUST_CHECK enum lp_code lb_repositories_add(struct lb_repositories *r, const char *text,
					       struct lp_err *err);

/*
 * lb_repositories_find - the layout of @name, which is of the grammar.
 *
 * @make  make it under the root where it is absent
 *
 * LP_EMISSING
 */
LP_MUST_CHECK enum lp_code lb_repositories_find(struct lb_repositories *r, const char *name,
						bool make, struct lp_layout **out,
						struct lp_err *err);

#endif
