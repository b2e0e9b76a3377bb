/* SPDX-License-Identifier: MIT */
/*
 * layout - an OCI image layout: a directory, or a tar of one (oci-archive:, read only).
 *
 * And the blobs of one without its documents: files in a directory, called by the digits of
 * their digests, as nydus-image leaves them (rafs:, read only).
 *
 * Specification: OCI image-spec v1.1, image-layout.md
 */
#ifndef LP_LAYOUT_H
#define LP_LAYOUT_H

#include "base/file.h"
#include "oci/archive.h"
#include "oci/index.h"

#define LP_INDEX_MAX ((size_t)4 << 20)	/* bytes of index.json: as a manifest's */

struct lp_layout {
	char path[1024];	/* "": empty */
	int dir;		/* the directory, or -1: an archive */
	int file;		/* the archive, or -1 */
	struct lp_archive archive;
	bool bare;		/* blobs alone: in dir, and the one in file, called own */
	struct lp_digest own;
};

/*
 * lp_layout_open - the layout in the directory @path, or in the tar @path.
 *
 * LP_EMISSING  nothing there, or no oci-layout file      LP_EFORMAT  oci.layout.*, oci.archive.*
 */
LP_MUST_CHECK enum lp_code lp_layout_open(struct lp_layout *l, const char *path,
					  struct lp_err *err);

/* What the file oci-layout says, its @n bytes at @p.  LP_EFORMAT, LP_EUNSUP oci.layout.version */
LP_MUST_CHECK enum lp_code lp_layout_marker(const void *p, size_t n, struct lp_err *err);

/*
 * lp_layout_bare - the blobs in the directory @path, for lp_layout_blob() alone.
 *
 * @fd   a file with one more, @own: consumed, also on failure; or -1
 *
 * LP_EMISSING  nothing there
 */
LP_MUST_CHECK enum lp_code lp_layout_bare(struct lp_layout *l, const char *path, int fd,
					  const struct lp_digest *own, struct lp_err *err);

/* Make it where it is absent, else open it. */
LP_MUST_CHECK enum lp_code lp_layout_create(struct lp_layout *l, const char *path,
					    struct lp_err *err);
void lp_layout_free(struct lp_layout *l);

/*
 * The descriptor of @tag ("": the only one there is, artifacts without a tag aside) in index.json.
 *
 * LP_EMISSING  none, or "" and there are several: the message lists the tags
 * LP_EFORMAT   oci.layout.index, or two of the tag that differ (oci.layout.tag)
 */
LP_MUST_CHECK enum lp_code lp_layout_find(struct lp_layout *l, const char *tag,
					  struct lp_descriptor *out, struct lp_err *err);

/*
 * Put @d under @tag ("": without one) into index.json, in place of what has the tag; under
 * a lock, and atomically.
 */
LP_MUST_CHECK enum lp_code lp_layout_tag(struct lp_layout *l, const char *tag,
					 const struct lp_descriptor *d, struct lp_err *err);

/* Put @entry (borrowed), which has no tag, there too; one of the same digest stays. */
LP_MUST_CHECK enum lp_code lp_layout_add(struct lp_layout *l, json_t *entry, struct lp_err *err);

/* index.json.  LP_EFORMAT oci.layout.index */
LP_MUST_CHECK enum lp_code lp_layout_index(struct lp_layout *l, struct lp_index *out,
					   struct lp_err *err);

/*
 * lp_layout_load - a small blob, at most @max bytes, its digest compared.
 *
 * LP_EMISSING; LP_EDIGEST, LP_ELIMIT @rule
 */
LP_MUST_CHECK enum lp_code lp_layout_load(struct lp_layout *l, const struct lp_descriptor *d,
					  size_t max, const char *rule, struct lp_buf *out,
					  struct lp_err *err);

/*
 * Open a blob for reading: the caller's @fd.  Its bytes are not verified.  LP_EMISSING.
 * From an archive it is a copy, on disk and unnamed.
 */
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
