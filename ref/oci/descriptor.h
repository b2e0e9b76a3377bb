/* SPDX-License-Identifier: MIT */
/*
 * descriptor - media type, digest, size and annotations of one blob.
 *
 * Specification: OCI image-spec v1.1, descriptor.md
 */
#ifndef LP_DESCRIPTOR_H
#define LP_DESCRIPTOR_H

#include "base/json.h"

#define LP_MEDIA_TYPE 128	/* bytes with the NUL; RFC 6838, 4.2: 127 + 127 at most, shorter in use */

/* Annotations that we read or write. */
#define LP_NOTE_TOC_DIGEST "containerd.io/snapshot/stargz/toc.digest"
#define LP_NOTE_PLAIN_BYTES "io.containers.estargz.uncompressed-size"
#define LP_NOTE_NYDUS_BOOTSTRAP "containerd.io/snapshot/nydus-bootstrap"
#define LP_NOTE_NYDUS_BLOB "containerd.io/snapshot/nydus-blob"
#define LP_NOTE_NYDUS_VERSION "containerd.io/snapshot/nydus-fs-version"
#define LP_NOTE_NYDUS_REF "containerd.io/snapshot/nydus-ref"
#define LP_NOTE_NYDUS_REFERENCES "containerd.io/snapshot/nydus-reference-blob-ids"
#define LP_NOTE_REF_NAME "org.opencontainers.image.ref.name"

/* Media type of the layers of a Nydus image, the last one aside. */
#define LP_MEDIA_NYDUS_BLOB "application/vnd.oci.image.layer.nydus.blob.v1"

/* artifactType of a Nydus image's manifest, and of its entry in an index. */
#define LP_TYPE_NYDUS "application/vnd.nydus.image.manifest.v1+json"

struct lp_descriptor {
	char media_type[LP_MEDIA_TYPE];
	struct lp_digest digest;
	uint64_t bytes;
	json_t *notes;		/* object of strings, owned, or NULL */
};

/* Read @o; members that we do not know are ignored.  LP_EFORMAT oci.descriptor.* */
LP_MUST_CHECK enum lp_code lp_descriptor_parse(const json_t *o, struct lp_descriptor *out,
					       struct lp_err *err);
void lp_descriptor_free(struct lp_descriptor *d);

/* The member "annotations" of @o: a new reference to an object of strings, or NULL. */
LP_MUST_CHECK enum lp_code lp_notes_parse(const json_t *o, const char *rule, json_t **out,
					  struct lp_err *err);

/* The annotation @key, borrowed, or NULL. */
const char *lp_descriptor_note(const struct lp_descriptor *d, const char *key);

LP_MUST_CHECK enum lp_code lp_descriptor_set_note(struct lp_descriptor *d, const char *key,
						  const char *value, struct lp_err *err);

/* @to, which must be valid or empty, becomes what @from is. */
LP_MUST_CHECK enum lp_code lp_descriptor_copy(struct lp_descriptor *to,
					      const struct lp_descriptor *from,
					      struct lp_err *err);

/* A new object for a manifest; NULL: memory ran out. */
json_t *lp_descriptor_json(const struct lp_descriptor *d);

/*
 * What kind of document or layer a media type names.  Docker's names of schema 2 count as
 * their OCI twins; "+encrypted" and everything unknown is LP_MEDIA_OTHER.
 */
enum lp_media {
	LP_MEDIA_OTHER, LP_MEDIA_INDEX, LP_MEDIA_MANIFEST, LP_MEDIA_CONFIG,
	LP_MEDIA_LAYER,		/* tar */
	LP_MEDIA_LAYER_GZIP, LP_MEDIA_LAYER_ZSTD,
	LP_MEDIA_EMPTY,
};

/*
 * lp_media_parse - member @key of @o, a media type by its grammar (RFC 6838, 4.2).
 *
 * @out  out: borrowed from @o; NULL: an optional one that is not there
 *
 * LP_EFORMAT  @rule
 */
LP_MUST_CHECK enum lp_code lp_media_parse(const json_t *o, const char *key,
					  enum lp_json_need need, const char *rule,
					  const char **out, struct lp_err *err);

enum lp_media lp_media_of(const char *media_type);

/* OCI's name of one of Docker's media types; every other one as it is. */
const char *lp_media_name(const char *media_type);

#endif
