/* SPDX-License-Identifier: MIT */
/*
 * index - a list of manifests, OCI's or Docker's: choose one, add one, write it.
 *
 * An index may hold the manifest of an image and a Nydus manifest of the same image, for the
 * same platform, side by side; lists of referrers are indexes too.
 *
 * Specification: OCI image-spec v1.1, image-index.md; for Nydus nydusify's parser
 */
#ifndef LP_INDEX_H
#define LP_INDEX_H

#include "oci/document.h"
#include "oci/platform.h"

#define LP_CANDIDATES_MAX 8	/* ours: more that serve equally well are not looked at */

enum lp_kind { LP_KIND_OCI, LP_KIND_NYDUS };
#define LP_KIND_WORDS "oci|nydus"

struct lp_index {
	json_t *document;	/* owned */
	json_t *entries;	/* borrowed from it: its "manifests" */
};

/* One of them.  Strings and JSON are borrowed from the index. */
struct lp_index_entry {
	json_t *json;
	enum lp_media media;
	bool placed;			/* it names a platform */
	struct lp_platform platform;
	const char *artifact_type;	/* or NULL */
	enum lp_kind kind;		/* as far as the entry says */
};

/*
 * lp_index_parse - @media_type as lp_document_parse() takes it.
 *
 * LP_EFORMAT  oci.manifest.*, oci.index.manifests
 */
LP_MUST_CHECK enum lp_code lp_index_parse(const void *p, size_t n, const char *media_type,
					  struct lp_index *out, struct lp_err *err);

/* One of OCI's without entries. */
LP_MUST_CHECK enum lp_code lp_index_empty(struct lp_index *out, struct lp_err *err);
void lp_index_free(struct lp_index *ix);

/* Entry @i.  LP_EFORMAT  oci.descriptor.media-type, oci.index.platform, oci.index.artifact-type */
LP_MUST_CHECK enum lp_code lp_index_read(const struct lp_index *ix, size_t i,
					 struct lp_index_entry *out, struct lp_err *err);

/*
 * The entries that serve a platform best, in the order in which they should be tried: those of
 * the preferred kind first, else as they stand.
 */
struct lp_candidates {
	struct lp_index_entry entry[LP_CANDIDATES_MAX];
	size_t n;
};

/*
 * lp_index_choose - what serves @want.
 *
 * Those whose os, architecture, variant and features agree best (oci/platform.h says how);
 * entries that name no platform match last, entries that are neither manifest nor index, and
 * artifacts that are no images, never.
 *
 * LP_EFORMAT   oci.index.*, oci.descriptor.*
 * LP_EMISSING  oci.index.platform: none; the message lists what there is
 */
LP_MUST_CHECK enum lp_code lp_index_choose(const struct lp_index *ix,
					   const struct lp_platform *want, enum lp_kind prefer,
					   struct lp_candidates *out, struct lp_err *err);

/*
 * lp_index_entry_json - a new entry for @d: a new reference, or NULL, when memory ran out.
 *
 * @platform       or NULL
 * @artifact_type  or NULL
 */
json_t *lp_index_entry_json(const struct lp_descriptor *d, const struct lp_platform *platform,
			    const char *artifact_type);

/* Put @entry (borrowed) behind the others, in place of one with its digest. */
LP_MUST_CHECK enum lp_code lp_index_add(struct lp_index *ix, json_t *entry, struct lp_err *err);

/* The document as an OCI index, other members as they were; deterministic. */
LP_MUST_CHECK enum lp_code lp_index_print(const struct lp_index *ix, struct lp_buf *out,
					  struct lp_err *err);

#endif
