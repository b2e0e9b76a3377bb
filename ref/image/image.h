/* SPDX-License-Identifier: MIT */
/*
 * image - an image where it comes from: a name, its documents, its layers as sources.
 *
 *	reference --open--> manifest --> configuration, when somebody asks for it
 *	                    |--publish--> store (image/publish.h)
 *	                    |--convert--> another image (image/convert.h)
 */
#ifndef LP_IMAGE_H
#define LP_IMAGE_H

#include "fetch/registry.h"
#include "oci/config.h"
#include "oci/index.h"
#include "oci/layout.h"

struct lp_image_options {
	struct lp_registry_options registry;
	struct lp_platform platform;	/* "" fields match all */
	enum lp_kind prefer;		/* where there are two kinds for one platform */
	bool allow_unverified;		/* eStargz without a TOC digest */
};

struct lp_image {
	struct lp_reference ref;
	struct lp_digest digest;	/* of the manifest */
	struct lp_digest index_digest;	/* LP_NO_DIGEST: the name leads to a manifest */
	enum lp_kind prefer;		/* what was asked for */
	struct lp_buf manifest_text;	/* the documents, byte for byte */
	struct lp_buf index_text;	/* or empty */
	struct lp_buf config_text;	/* empty until lp_image_config() */
	struct lp_manifest manifest;
	struct lp_config config;
	struct lp_descriptor *borrowed;	/* [nborrowed] blobs beside the layers: image/borrowed.h */
	size_t nborrowed;
	struct lp_registry *registry;	/* docker transport, else NULL */
	struct lp_layout layout;	/* oci, oci-archive and rafs, else dir -1 */
};

#define LP_IMAGE_EMPTY {.layout = {.dir = -1}}

/*
 * lp_image_open - resolve @ref to its manifest, through an index by platform, then by kind.
 *
 * Where entries of the index do not say their kind, their manifests are looked at.  Where Nydus
 * is preferred and the name leads to none, a referrer of its manifest is taken.
 *
 * @i   LP_IMAGE_EMPTY; lp_image_free() in any case
 *
 * LP_EMISSING, LP_EREMOTE  there is none, or it cannot be had
 * LP_EFORMAT, LP_EDIGEST   oci.*, registry.referrers.*
 * LP_EUSAGE                a transport that names no image (tar:, dir:, blob:)
 */
LP_MUST_CHECK enum lp_code lp_image_open(struct lp_image *i, const struct lp_reference *ref,
					 const struct lp_image_options *o, struct lp_err *err);

/*
 * lp_image_config - get and parse the configuration, its digest compared; once.
 *
 * LP_EFORMAT  oci.config.layer-count: it does not have a diffID for each layer, or oci.config.*
 */
LP_MUST_CHECK enum lp_code lp_image_config(struct lp_image *i, struct lp_err *err);
void lp_image_free(struct lp_image *i);

/* What the store remembers @ref by: another preference is another name. */
void lp_image_key(const struct lp_reference *ref, enum lp_kind prefer,
		  char out[static LP_REFERENCE_TEXT]);

/* A manifest or index of the image's repository or layout, its digest compared. */
LP_MUST_CHECK enum lp_code lp_image_document(struct lp_image *i, const struct lp_descriptor *d,
					     struct lp_buf *out, struct lp_err *err);

/* What refers to the image's manifest; lists of registries are hints (fetch/referrers.h). */
LP_MUST_CHECK enum lp_code lp_image_referrers(struct lp_image *i, struct lp_index *out,
					      struct lp_err *err);

/* The stored bytes of a blob there.  Re-entrant. */
LP_MUST_CHECK enum lp_code lp_image_blob(struct lp_image *i, const struct lp_descriptor *d,
					 struct lp_source *out, struct lp_err *err);

/* Layers, and behind them the blobs that are borrowed. */
size_t lp_image_blobs(const struct lp_image *i);
const struct lp_descriptor *lp_image_descriptor(const struct lp_image *i, size_t n);

/* The stored bytes of blob @n of these.  Re-entrant. */
LP_MUST_CHECK enum lp_code lp_image_source(struct lp_image *i, size_t n, struct lp_source *out,
					   struct lp_err *err);

#endif
