/* SPDX-License-Identifier: MIT */
/*
 * origin - where an image's blobs come from: a repository of a registry, an OCI layout, or a
 * directory of blobs.
 *
 * Written as JSON by whoever has the command line, read by the worker; credentials pass
 * through memory only.
 */
#ifndef LP_ORIGIN_H
#define LP_ORIGIN_H

#include "fetch/registry.h"
#include "oci/layout.h"

struct lp_origin {
	struct lp_registry *registry;	/* docker transport, else NULL */
	struct lp_layout layout;	/* else dir -1 */
	json_t *document;		/* the strings that registry may borrow */
};

/* The members of @to that lp_origin_open() reads. */
LP_MUST_CHECK enum lp_code lp_origin_put(json_t *to, const char *reference,
					 const struct lp_registry_options *o,
					 struct lp_err *err);

/* LP_EUNSUP: a transport whose blobs cannot be read lazily.  @document is borrowed. */
LP_MUST_CHECK enum lp_code lp_origin_open(struct lp_origin *o, json_t *document,
					  struct lp_err *err);
void lp_origin_free(struct lp_origin *o);

#endif
