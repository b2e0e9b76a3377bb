/* SPDX-License-Identifier: MIT */
/*
 * local - an image as the store has it: names, devices, prefetch list, configuration.
 *
 *	images/<manifest hex>/image.json     this header's fields
 *	                      manifest.json config.json     the documents, byte for byte
 *	                      meta.erofs                    the merged tree; device i + 1: layer i
 *
 * Every file but image.json has its SHA-256 in image.json, compared when it is opened.
 */
#ifndef LP_LOCAL_H
#define LP_LOCAL_H

#define LP_LOCAL_VERSION 1	/* of image.json, the trees and the policies they were made by */

#include "layer/store.h"
#include "oci/config.h"
#include "oci/reference.h"
#include "tree/erofs.h"

/* A run of a device to fetch before anybody asks. */
struct lp_run {
	uint32_t device;	/* index into lp_local.layer */
	uint64_t off, bytes;	/* on the device */
};

/* A layer that holds data: what a format keeps beside (a bootstrap) is none. */
struct lp_local_layer {
	struct lp_digest blob;		/* the descriptor's */
	uint64_t blob_bytes;
	struct lp_digest diffid;	/* LP_NO_DIGEST where the configuration has none */
	char device[LP_STORE_NAME];	/* relative to the store */
	char format[16];		/* "oci", "estargz", ... */
};

struct lp_local {
	int dir;			/* the image's, under a shared flock: prune keeps off */
	struct lp_digest manifest;
	char name[LP_REFERENCE_TEXT];	/* where it came from: lp_reference_text() */
	struct lp_local_layer *layer;	/* [nlayer] lowest first */
	size_t nlayer;
	struct lp_run *prefetch;	/* [nprefetch] in order */
	size_t nprefetch;
	struct lp_config config;
	struct lp_map meta;
	struct lp_erofs tree;		/* of meta */
};

#define LP_LOCAL_EMPTY {.dir = -1}

/*
 * lp_local_open - open the image @manifest of the store.
 *
 * LP_EMISSING  it is not there, or was made by another LP_LOCAL_VERSION
 * LP_EDIGEST   store.image.meta, store.image.config: a file was changed
 * LP_EFORMAT   store.image.json
 */
LP_MUST_CHECK enum lp_code lp_local_open(struct lp_local *l, struct lp_store *s,
					 const struct lp_digest *manifest, struct lp_err *err);
void lp_local_free(struct lp_local *l);

/*
 * lp_local_save - image.json of @l into the staged directory @dir, with the digest of every
 * other file there.
 */
LP_MUST_CHECK enum lp_code lp_local_save(const struct lp_local *l, int dir, struct lp_err *err);

#endif
