/* SPDX-License-Identifier: MIT */
/*
 * layout - an OCI image layout: a directory, or a tar of one (oci-archive:, read only).
 *
 * Specification: OCI image-spec v1.1, image-layout.md
 */
#ifndef LP_LAYOUT_H
#define LP_LAYOUT_H

#include "base/file.h"
#include "oci/descriptor.h"

struct lp_layout {
	int dir;		/* -1: empty */
	char path[1024];
};

/* LP_EMISSING: no oci-layout file.  LP_EFORMAT: oci.layout.* */
LP_MUST_CHECK enum lp_code lp_layout_open(struct lp_layout *l, const char *path,
					  struct lp_err *err);

/* Make it where it is absent, else open it. */
LP_MUST_CHECK enum lp_code lp_layout_create(struct lp_layout *l, const char *path,
					    struct lp_err *err);
void lp_layout_free(struct lp_layout *l);

/* The descriptor of @tag ("": the only one there is) in index.json.  LP_EMISSING. */
LP_MUST_CHECK enum lp_code lp_layout_find(struct lp_layout *l, const char *tag,
					  struct lp_descriptor *out, struct lp_err *err);

/* Put @d under @tag into index.json, in place of what has the tag; under a lock. */
LP_MUST_CHECK enum lp_code lp_layout_tag(struct lp_layout *l, const char *tag,
					 const struct lp_descriptor *d, struct lp_err *err);

/* Open a blob for reading: the caller's @fd.  Its bytes are not verified.  LP_EMISSING. */
LP_MUST_CHECK enum lp_code lp_layout_blob(struct lp_layout *l, const struct lp_digest *d, int *fd,
					  struct lp_err *err);

/*
 * lp_layout_stage - an unnamed temporary file in the layout, to be written by the caller.
 * lp_layout_commit - give it the name of @d, whose bytes the caller has hashed; synced.
 */
LP_MUST_CHECK enum lp_code lp_layout_stage(struct lp_layout *l, int *fd, struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_layout_commit(struct lp_layout *l, int fd,
					    const struct lp_digest *d, struct lp_err *err);

/* A small document as a blob: @d's digest and bytes are set, its media type is the caller's. */
LP_MUST_CHECK enum lp_code lp_layout_put(struct lp_layout *l, const void *p, size_t n,
					 struct lp_descriptor *d, struct lp_err *err);

#endif
