/* SPDX-License-Identifier: MIT */
/*
 * dict - the chunks that another image has, which a build need not store again.
 *
 *	bootstrap of that image --make--> head | blobs | chunks by digest --open, find--> build
 *
 * Each digest once: where several blobs have a chunk, it is that of the first file, depth first,
 * or where a v6 image's blobs do not hold their chunks' digests, of the first blob: nydus-image.
 * What is in between is a file of ours, from one sandboxed child to others: structs as they
 * are.  A record that lies about its chunk makes reads fail and no more: whoever reads compares
 * the digest, and that is of the bytes in the new image.
 *
 * Specification: spec/rafs.md 4.4
 */
#ifndef LP_RAFS_DICT_H
#define LP_RAFS_DICT_H

#include "format/rafs/build.h"

/* {0} is valid and empty.  What it points at is borrowed from lp_rafs_dict_open()'s caller. */
struct lp_rafs_dict {
	const struct lp_rafs_blob *blob;	/* [nblob] their ids are digests */
	const struct lp_rafs_chunk *chunk;	/* [nchunk] by digest; blob is one of those */
	uint32_t nblob, nchunk;
};

/*
 * lp_rafs_dict_make - lp_format.dictionary
 *
 * LP_EFORMAT  rafs.dict.unlike: a bootstrap that has another version, digester or chunk size
 *             than @options say, or for v5 another compressor; rafs.dict.blob: a blob whose id
 *             is no digest.  Errors of lp_rafs_boot_load(), lp_rafs_meta_open()
 */
LP_MUST_CHECK enum lp_code lp_rafs_dict_make(const struct lp_descriptor *d,
					     struct lp_source *source, size_t n,
					     const struct lp_build_options *options,
					     struct lp_writer *out, struct lp_err *err);

/*
 * lp_rafs_dict_open - what lp_rafs_dict_make() wrote, @n bytes at @p; none: an empty dictionary.
 *
 * LP_EFORMAT  image.parser.result, rafs.chunk.*
 */
LP_MUST_CHECK enum lp_code lp_rafs_dict_open(struct lp_rafs_dict *dict, const void *p, size_t n,
					     struct lp_err *err);

/* The chunk of @bytes plain bytes with that digest, or NULL. */
const struct lp_rafs_chunk *lp_rafs_dict_find(const struct lp_rafs_dict *dict,
					      const uint8_t digest[static LP_RAFS_DIGEST],
					      size_t bytes);

/* Is the blob @id one of the dictionary's? */
bool lp_rafs_dict_has(const struct lp_rafs_dict *dict, const char *id);

#endif
