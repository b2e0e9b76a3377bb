/* SPDX-License-Identifier: MIT */
/*
 * build - write a blob, and the bootstrap of blobs.
 *
 *	entries --order--> chunks, each once --pack--> the blob | contexts | bootstrap of the layer
 *	bootstraps of layers --merge.c--> the bootstrap of the image, in its tar.gz
 */
#ifndef LP_RAFS_BUILD_H
#define LP_RAFS_BUILD_H

#include "format/format.h"
#include "format/rafs/part.h"

#define LP_RAFS_CHUNK_DEFAULT 0x100000u	/* bytes; nydus-image's */

/* What options say, with defaults filled in: those of nydus-image. */
struct lp_rafs_choice {
	unsigned version;	/* 5 or 6 */
	uint32_t chunk_bytes;
	struct lp_rafs_kind kind;
	const struct lp_codec *codec;
};

/* LP_EUSAGE  a version, chunk size, compressor or digester that RAFS does not have */
LP_MUST_CHECK enum lp_code lp_rafs_choose(const struct lp_build_options *o,
					  struct lp_rafs_choice *out, struct lp_err *err);

/* lp_format.build_layer */
LP_MUST_CHECK enum lp_code lp_rafs_build(const struct lp_spool *in,
					 const struct lp_build_options *options,
					 struct lp_writer *out, struct lp_built *built,
					 struct lp_err *err);

/* lp_format.builder */
LP_MUST_CHECK enum lp_code lp_rafs_builder(const struct lp_build_options *options,
					   struct lp_writer *out, struct lp_builder **b,
					   struct lp_err *err);

/* lp_format.build_image */
LP_MUST_CHECK enum lp_code lp_rafs_merge(const struct lp_descriptor *d, struct lp_source *source,
					 size_t n, const struct lp_build_options *options,
					 struct lp_writer *out, struct lp_built *built,
					 struct lp_err *err);

#endif
