/* SPDX-License-Identifier: MIT */
/*
 * image - an image where it comes from: a name, its documents, its layers as sources.
 *
 *	reference --resolve--> manifest + configuration --publish--> store (image/publish.h)
 *	                                                --convert--> another image (image/convert.h)
 */
#ifndef LP_IMAGE_H
#define LP_IMAGE_H

#include "fetch/registry.h"
#include "oci/config.h"
#include "oci/layout.h"

struct lp_image_options {
	struct lp_registry_options registry;
	struct lp_platform platform;	/* "" fields match all */
	bool allow_unverified;		/* eStargz without a TOC digest */
};

struct lp_image {
	struct lp_reference ref;
	struct lp_digest digest;	/* of the manifest */
	struct lp_buf manifest_text;	/* the documents, byte for byte */
	struct lp_buf config_text;
	struct lp_manifest manifest;
	struct lp_config config;
	struct lp_registry *registry;	/* docker transport, else NULL */
	struct lp_layout layout;	/* oci and oci-archive, else dir -1 */
};

/*
 * lp_image_open - resolve @ref: its manifest (through an index, by platform) and configuration,
 * both digests compared.
 *
 * LP_EMISSING, LP_EREMOTE; LP_EFORMAT, LP_EDIGEST oci.*
 */
LP_MUST_CHECK enum lp_code lp_image_open(struct lp_image *i, const struct lp_reference *ref,
					 const struct lp_image_options *o, struct lp_err *err);
void lp_image_free(struct lp_image *i);

/* The stored bytes of layer @n. */
LP_MUST_CHECK enum lp_code lp_image_source(struct lp_image *i, size_t n, struct lp_source *out,
					   struct lp_err *err);

#endif
