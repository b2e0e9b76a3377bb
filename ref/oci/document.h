/* SPDX-License-Identifier: MIT */
/*
 * document - what manifests and indexes have in common: JSON of schema version 2, and one kind.
 *
 * Specification: OCI image-spec v1.1, manifest.md, image-index.md
 */
#ifndef LP_DOCUMENT_H
#define LP_DOCUMENT_H

#include "oci/descriptor.h"

#define LP_MANIFEST_MAX ((size_t)4 << 20)	/* bytes: distribution-spec, "Pushing Manifests" */

/*
 * lp_document_parse - the JSON, and what it is: by the transport, by itself, and never both of
 * two things, which would let one digest name two images (CVE-2021-41190).
 *
 * @said  what the transport said, or NULL
 * @out   a new reference, also where it fails behind the JSON: LP_AUTO(lp_json_free)
 * @kind  LP_MEDIA_OTHER: nothing says, or something that we do not know
 * @name  out: the media type in their words, borrowed from @out or @said, or NULL
 *
 * LP_EFORMAT  oci.manifest.*     LP_EUNSUP  schema 1     LP_ELIMIT  oci.manifest.bytes
 */
LP_MUST_CHECK enum lp_code lp_document_parse(const void *p, size_t n, const char *said,
					     json_t **out, enum lp_media *kind,
					     const char **name, struct lp_err *err);

#endif
