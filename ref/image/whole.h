/* SPDX-License-Identifier: MIT */
/*
 * whole - a layer or an image in memory, read and verified by this process: no store, no child.
 *
 *	blobs --format.open--> tables, tree --look--> every chunk --> canonical text
 *
 * What `tree --digests` and `check` do, for inputs that are there as bytes: lazyconf's vectors.
 * A stream is read once, and the digests of its files are taken as they pass; data of lazy
 * formats is decoded when it is wanted (layer/plain.h).
 */
#ifndef LP_WHOLE_H
#define LP_WHOLE_H

#include "format/format.h"
#include "layer/plain.h"
#include "layer/table.h"
#include "tree/erofs.h"

#define LP_WHOLE_FILES_MAX ((uint64_t)1 << 30)	/* ours: bytes of files, holes too, to be digested */

/* One blob; of an image, the first is the last layer. */
struct lp_whole_blob {
	struct lp_descriptor d;
	struct lp_source source;
	const uint8_t *p;	/* [d.bytes] the same bytes; borrowed */
};

struct lp_whole {
	const struct lp_format *format;	/* NULL: a tree that was given as it is */
	const struct lp_whole_blob *blob; /* [n] borrowed */
	struct lp_descriptor *d;	/* [n] borrowed members */
	struct lp_source *source;	/* [n] borrowed members */
	size_t n;
	struct lp_open_options options;
	struct lp_erofs tree;		/* of map */
	struct lp_map map;
	struct lp_table *table;		/* [ndevice] */
	struct lp_plain *plain;		/* [ndevice] */
	size_t ndevice;
	struct lp_buf body;		/* of files that came as a stream: where, digest */
	struct lp_digest diffid;	/* LP_NO_DIGEST: it was no stream */
};

/*
 * lp_whole_open - read the metadata of @blob[@n], which must outlive @w, as @format.
 *
 * @w   {0}; lp_whole_free() in any case
 *
 * A layer keeps its whiteouts, as they stand in it; an image has none.
 *
 * Errors of the format, of lp_table_open() and lp_erofs_check()
 */
LP_MUST_CHECK enum lp_code lp_whole_open(struct lp_whole *w, const struct lp_format *format,
					 const struct lp_whole_blob *blob, size_t n,
					 const struct lp_open_options *options,
					 struct lp_err *err);
void lp_whole_free(struct lp_whole *w);

/*
 * lp_whole_erofs - the same for an EROFS file of anybody's, @blob[0], and its devices in order.
 *
 * Errors of lp_erofs_open() and lp_erofs_check()
 */
LP_MUST_CHECK enum lp_code lp_whole_erofs(struct lp_whole *w, const struct lp_whole_blob *blob,
					  size_t n, struct lp_err *err);

/*
 * lp_whole_tree - the canonical text to @out, with the digests of files; without, where devices
 * of an EROFS file are not there.
 *
 * @told  out: false: the files have more than LP_WHOLE_FILES_MAX bytes, and nothing was written
 *
 * LP_EDIGEST  layer.chunk.digest; errors of codecs
 */
LP_MUST_CHECK enum lp_code lp_whole_tree(struct lp_whole *w, struct lp_writer *out, bool *told,
					 struct lp_err *err);

/* Verify every chunk that was not read yet. */
LP_MUST_CHECK enum lp_code lp_whole_check(struct lp_whole *w, struct lp_err *err);

/* Bytes [@off, @off + @n) of a regular file, which has them, to @out: only they are verified. */
LP_MUST_CHECK enum lp_code lp_whole_read(struct lp_whole *w, const struct lp_erofs_inode *inode,
					 uint64_t off, uint64_t n, struct lp_writer *out,
					 struct lp_err *err);

#endif
