/* SPDX-License-Identifier: MIT */
/*
 * tail - what stands behind the chunks of a blob: sections, each before a header of its own.
 *
 *	chunks | H | contexts | H | digests | H | bootstrap | H | table of contents | H
 *
 * A header is that of a GNU tar, and its size is that of what is in front of it: so a blob is
 * read from its end.  The table of contents, of v6, has their places and digests.
 *
 * Specification: spec/rafs.md 3.9
 */
#ifndef LP_RAFS_TAIL_H
#define LP_RAFS_TAIL_H

#include "base/buf.h"
#include "base/digest.h"
#include "codec/codec.h"
#include "fetch/source.h"

#define LP_RAFS_HEADER_BYTES 512u
#define LP_RAFS_TOC_ENTRY 128u
#define LP_RAFS_TOC_MAX 0x10000u	/* 3.9: bytes, with the header */
#define LP_RAFS_DATA "image.blob"
#define LP_RAFS_INFO "blob.meta"
#define LP_RAFS_INFO_HEADER "blob.meta.header"
#define LP_RAFS_DIGESTS "blob.digest"
#define LP_RAFS_IMAGE_BOOT "image.boot"
#define LP_RAFS_TOC_NAME "rafs.blob.toc"

/* A section, as the table of contents has it. */
struct lp_rafs_section {
	char name[17];
	uint8_t codec;			/* enum lp_codec_id: none, zstd or lz4 */
	uint64_t off, stored_bytes, plain_bytes;
	struct lp_digest digest;	/* SHA-256, of the plain bytes */
};

/* The header behind the @bytes bytes of section @name. */
void lp_rafs_tail_header(const char *name, uint64_t bytes,
			 uint8_t out[static LP_RAFS_HEADER_BYTES]);

/* The entry of a table of contents. */
void lp_rafs_toc_print(const struct lp_rafs_section *s, uint8_t out[static LP_RAFS_TOC_ENTRY]);

/*
 * lp_rafs_tail_load - the plain bytes of section @name of a blob, into @out.
 *
 * @max   bytes that it may have
 *
 * By the table of contents if there is one, which itself is LP_RAFS_TOC_NAME; else by headers.
 *
 * LP_EMISSING  rafs.tail.missing: there is none of that name, or the table does not list it
 * LP_EFORMAT   rafs.tail.header: what should be a header is none, or promises bytes that are
 *              not there; rafs.toc.entry; codec.*
 * LP_EDIGEST   rafs.toc.digest: other bytes than the table of contents promises
 * LP_ELIMIT    rafs.tail.size
 */
LP_MUST_CHECK enum lp_code lp_rafs_tail_load(struct lp_source *blob, const char *name, size_t max,
					     struct lp_buf *out, struct lp_err *err);

#endif
