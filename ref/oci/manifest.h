/* SPDX-License-Identifier: MIT */
/*
 * manifest - image manifests, OCI's and Docker's of schema 2.
 *
 * Specification: OCI image-spec v1.1, manifest.md
 */
#ifndef LP_MANIFEST_H
#define LP_MANIFEST_H

#include "oci/document.h"

#define LP_LAYERS_MAX 1024			/* ours: EROFS device slots and lowerdirs end there */

struct lp_manifest {
	char media_type[LP_MEDIA_TYPE];
	struct lp_descriptor config;
	struct lp_descriptor *layer;	/* [nlayer], lowest first */
	size_t nlayer;
	json_t *notes;			/* object, or NULL */
	char artifact_type[LP_MEDIA_TYPE];	/* or "" */
	struct lp_descriptor subject;	/* LP_NO_DIGEST: it refers to none */
};

/*
 * lp_manifest_parse - one image manifest.
 *
 * @media_type  what the transport said, or NULL: then the document must say
 *
 * LP_EFORMAT  oci.manifest.*, oci.descriptor.*     LP_EUNSUP  schema 1, or not an image
 */
LP_MUST_CHECK enum lp_code lp_manifest_parse(const void *p, size_t n, const char *media_type,
					     struct lp_manifest *out, struct lp_err *err);
void lp_manifest_free(struct lp_manifest *m);

/* The document, OCI media types; deterministic.  @out is appended to. */
LP_MUST_CHECK enum lp_code lp_manifest_print(const struct lp_manifest *m, struct lp_buf *out,
					     struct lp_err *err);

/* Is it a Nydus image: by its type, or since its last layer is a bootstrap (rafs.md, 1.4)? */
bool lp_manifest_is_nydus(const struct lp_manifest *m);

/* Is this document an index (or Docker's manifest list)? */
LP_MUST_CHECK enum lp_code lp_manifest_is_index(const void *p, size_t n, const char *media_type,
						bool *index, struct lp_err *err);

#endif
