/* SPDX-License-Identifier: MIT */
/*
 * subject - the manifests of a layout that refer to another one.
 *
 * A layout keeps no list of them: those that index.json names are looked at.  One that has no
 * name stands there without a tag.
 *
 * Specification: OCI image-spec v1.1, manifest.md, "subject"
 */
#ifndef LP_SUBJECT_H
#define LP_SUBJECT_H

#include "oci/index.h"
#include "oci/layout.h"

/*
 * lp_subject_entry - what a list of referrers says of the manifest @text: a new reference.
 *
 * @d        its descriptor
 * @subject  out: what it refers to; LP_NO_DIGEST: nothing, and *out is NULL
 *
 * LP_EFORMAT  oci.manifest.*, oci.descriptor.*
 */
LP_MUST_CHECK enum lp_code lp_subject_entry(const struct lp_buf *text,
					    const struct lp_descriptor *d, json_t **out,
					    struct lp_digest *subject, struct lp_err *err);

/* The list of @subject's referrers in @l, empty where there are none.  Errors of the above. */
LP_MUST_CHECK enum lp_code lp_subject_list(struct lp_layout *l, const struct lp_digest *subject,
					   struct lp_index *out, struct lp_err *err);

#endif
