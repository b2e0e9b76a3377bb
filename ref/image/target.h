/* SPDX-License-Identifier: MIT */
/*
 * target - where an image is written to: a layout (oci:) or a registry (docker://).
 *
 * A blob is staged in a file first, so that its digest is known before it gets its name or
 * is sent; blobs that are there already are not sent again.  The manifest comes last.
 */
#ifndef LP_TARGET_H
#define LP_TARGET_H

#include "image/image.h"

struct lp_target {
	struct lp_reference ref;
	struct lp_registry *registry;	/* or NULL */
	struct lp_layout layout;	/* or dir -1 */
	int tmp;			/* where blobs for a registry are staged; borrowed */
};

#define LP_TARGET_EMPTY {.layout = {.dir = -1}, .tmp = -1}

/* @tmp: an open directory.  LP_EUSAGE: a transport that is not written to. */
LP_MUST_CHECK enum lp_code lp_target_open(struct lp_target *t, const struct lp_reference *ref,
					  const struct lp_registry_options *o, int tmp,
					  struct lp_err *err);
void lp_target_free(struct lp_target *t);

/* A new empty file for a blob. */
LP_MUST_CHECK enum lp_code lp_target_stage(struct lp_target *t, int *fd, struct lp_err *err);

/* Keep the blob @d, which is in @fd (borrowed).  Re-entrant. */
LP_MUST_CHECK enum lp_code lp_target_keep(struct lp_target *t, const struct lp_descriptor *d,
					  int fd, struct lp_err *err);

/* Is the blob @d there? */
LP_MUST_CHECK enum lp_code lp_target_has(struct lp_target *t, const struct lp_descriptor *d,
					 bool *had, struct lp_err *err);

/* Copy the blob @d of @from as it is, its digest compared.  Re-entrant. */
LP_MUST_CHECK enum lp_code lp_target_copy(struct lp_target *t, struct lp_image *from,
					  const struct lp_descriptor *d, struct lp_err *err);

/* The reference's tag, or what goes without one; borrowed. */
const char *lp_target_tag(const struct lp_target *t);

/*
 * lp_target_document - the manifest or index @text under @tag, or by its digest alone ("").
 *
 * One with a subject is found by it afterwards, also where the registry keeps no such list.
 *
 * @made  out: its descriptor
 */
LP_MUST_CHECK enum lp_code lp_target_document(struct lp_target *t, const struct lp_buf *text,
					      const char *media_type, const char *tag,
					      struct lp_descriptor *made, struct lp_err *err);

/*
 * lp_target_finish - the configuration and the manifest, under @tag as above.
 *
 * @m     config is set here; layers are the caller's, kept before
 * @made  out: the manifest's descriptor
 */
LP_MUST_CHECK enum lp_code lp_target_finish(struct lp_target *t, struct lp_manifest *m,
					    const struct lp_buf *config, const char *tag,
					    struct lp_descriptor *made, struct lp_err *err);

/* The same for an image whose layers were copied: @from's documents, byte for byte. */
LP_MUST_CHECK enum lp_code lp_target_finish_copy(struct lp_target *t, struct lp_image *from,
						 struct lp_err *err);

#endif
