/* SPDX-License-Identifier: MIT */
/*
 * tocblob - for tests and fuzz targets: a blob of v6 with a table of contents, by nydus-image,
 * and the bootstrap at its end, as an image.
 */
#ifndef LP_TOCBLOB_H
#define LP_TOCBLOB_H

#include "base/cursor.h"
#include "base/file.h"
#include "format/rafs/info.h"
#include "format/rafs/tail.h"
#include "oci/descriptor.h"
#include "tree/tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define TOCBLOB_MAX ((size_t)1 << 17)	/* bytes */

/* Where what lies in the blob. */
enum {
	TOCBLOB_DATA_END = 5366,
	TOCBLOB_INFO = 5878,		/* four contexts, each of LP_RAFS_INFO_ENTRY */
	TOCBLOB_HEAD = 5942,		/* LP_RAFS_INFO_HEAD */
	TOCBLOB_DIGESTS = 10550,	/* four, each of LP_RAFS_DIGEST */
	TOCBLOB_BOOT = 11190,		/* 622 bytes, zstd */
	TOCBLOB_TOC = 12324,		/* five entries */
	TOCBLOB_TOC_HEADER = 12964,
	TOCBLOB_END = 13476,
};

/* Where the id of the blob stands in the bootstrap: its device, its entry in the blob table. */
enum { TOCBLOB_SLOT = 1408, TOCBLOB_ENTRY = 4096 };

struct tocblob {
	struct lp_buf blob, boot;
	struct lp_descriptor d[2];	/* of the bootstrap, of the blob */
};

static inline void tocblob_free(struct tocblob *t)
{
	lp_buf_free(&t->blob);
	lp_buf_free(&t->boot);
}

/* The bootstrap as merging would leave it: with the blob's id. */
static inline enum lp_code tocblob_load(struct tocblob *t, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	char hex[LP_DIGEST_TEXT];

	if (lp_file_load(AT_FDCWD, "ref/testing/golden/nydus-v6-toc.blob", TOCBLOB_MAX, &t->blob,
			 err) ||
	    lp_source_mem(&source, t->blob.p, t->blob.len, err) ||
	    lp_rafs_tail_load(&source, LP_RAFS_IMAGE_BOOT, TOCBLOB_MAX, &t->boot, err))
		return err->code;
	lp_digest_of(LP_SHA256, t->blob.p, t->blob.len, &t->d[1].digest);
	lp_digest_hex(&t->d[1].digest, hex);
	memcpy(t->boot.p + TOCBLOB_SLOT, hex, LP_RAFS_ID - 1);
	memcpy(t->boot.p + TOCBLOB_ENTRY, hex, LP_RAFS_ID - 1);
	t->d[0].bytes = t->boot.len;
	t->d[1].bytes = t->blob.len;
	return LP_OK;
}

/* The files of a bootstrap layer: @boot, and contexts of the blob beside it, as merging does. */
static inline enum lp_code tocblob_layer(const struct tocblob *t, const struct lp_buf *copy,
					 struct lp_buf *out, struct lp_err *err)
{
	static const uint8_t zero[LP_TAR_EOF_BYTES];
	char hex[LP_DIGEST_TEXT], path[LP_DIGEST_TEXT + 32];
	struct lp_entry boot = {.path = "image/image.boot", .mode = S_IFREG, .size = t->boot.len};
	struct lp_entry info = {.path = path, .mode = S_IFREG, .size = copy->len};

	lp_digest_hex(&t->d[1].digest, hex);
	snprintf(path, sizeof(path), "image/%s.blob.meta", hex);
	if (lp_tar_header(&boot, out, err) ||
	    lp_buf_add(out, t->boot.p, t->boot.len, SIZE_MAX, err) ||
	    lp_buf_add(out, zero, lp_tar_pad(t->boot.len), SIZE_MAX, err) ||
	    lp_tar_header(&info, out, err) || lp_buf_add(out, copy->p, copy->len, SIZE_MAX, err) ||
	    lp_buf_add(out, zero, lp_tar_pad(copy->len), SIZE_MAX, err))
		return err->code;
	return lp_buf_add(out, zero, sizeof(zero), SIZE_MAX, err);
}

/* The contexts of the blob, as they lie beside the bootstrap: up to a block, and the header. */
static inline enum lp_code tocblob_copy(const struct tocblob *t, struct lp_buf *out,
					struct lp_err *err)
{
	static const uint8_t zero[LP_RAFS_INFO_HEAD];
	size_t n = (size_t)TOCBLOB_HEAD - TOCBLOB_INFO;

	if (lp_buf_add(out, t->blob.p + TOCBLOB_INFO, n, SIZE_MAX, err) ||
	    lp_buf_add(out, zero, sizeof(zero) - n, SIZE_MAX, err))
		return err->code;
	return lp_buf_add(out, t->blob.p + TOCBLOB_HEAD, LP_RAFS_INFO_HEAD, SIZE_MAX, err);
}

/* Make the digest of one entry of a table of contents right, if it names what is there. */
static inline void tocblob_seal_entry(const struct lp_buf *blob, uint8_t *entry)
{
	LP_AUTO(lp_buf_free) struct lp_buf plain = {.p = NULL};
	struct lp_cursor c = {.p = entry, .left = LP_RAFS_TOC_ENTRY};
	uint32_t flags = lp_le32(&c);
	const struct lp_codec *codec = flags == 2 ? &lp_codec_zstd :
				       flags == 4 ? &lp_codec_lz4 : &lp_codec_none;
	uint64_t off, stored, bytes;
	struct lp_digest digest;
	struct lp_err err;

	lp_take(&c, 52);
	off = lp_le64(&c);
	stored = lp_le64(&c);
	bytes = lp_le64(&c);
	if (off > blob->len || stored > blob->len - off || bytes > TOCBLOB_MAX ||
	    lp_buf_reserve(&plain, (size_t)bytes, TOCBLOB_MAX, &err) ||
	    codec->decode(blob->p + off, (size_t)stored, plain.p, (size_t)bytes, &err))
		return;
	lp_digest_of(LP_SHA256, plain.p, (size_t)bytes, &digest);
	memcpy(entry + 24, digest.b, LP_RAFS_DIGEST);
}

/* Make the digests in the table of contents right again, after an edit. */
static inline void tocblob_seal(struct lp_buf *blob)
{
	size_t end, bytes;

	if (blob->len < LP_RAFS_HEADER_BYTES || blob->p[blob->len - 1])
		return;
	end = blob->len - LP_RAFS_HEADER_BYTES;
	bytes = strtoul((const char *)blob->p + end + 124, NULL, 8);
	if (bytes > end || bytes % LP_RAFS_TOC_ENTRY || bytes > LP_RAFS_TOC_MAX)
		return;
	for (size_t at = end - bytes; at < end; at += LP_RAFS_TOC_ENTRY)
		tocblob_seal_entry(blob, blob->p + at);
}

#endif
