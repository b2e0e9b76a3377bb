/* SPDX-License-Identifier: MIT */
/*
 * part - what both versions of RAFS are made of: blobs, and chunks in them.
 *
 *	bootstrap --v5, v6--> blobs, chunks, names --> plan --> the sink
 *
 * Specification: spec/rafs.md 2.3, 2.7, 3.5, 3.6
 */
#ifndef LP_RAFS_PART_H
#define LP_RAFS_PART_H

#include "codec/codec.h"
#include "layer/layer.h"

#define LP_RAFS_ID 65			/* bytes of a blob's id with the NUL; 1 to 64 characters */
#define LP_RAFS_BLOBS_MAX 254		/* 3.4: what the writer can number */
#define LP_RAFS_CHUNK_MIN 0x1000u	/* bytes; a power of two between these */
#define LP_RAFS_CHUNK_MAX 0x1000000u
#define LP_RAFS_DIGEST 32		/* bytes of either digest */

struct lp_rafs_blob {
	char id[LP_RAFS_ID];		/* as in the bootstrap: the hexadecimal digest of the blob */
	uint8_t codec;			/* enum lp_codec_id of compressed chunks */
	uint64_t stored_bytes;		/* 0: not known */
	uint64_t plain_bytes;
	uint32_t nchunk;
	uint32_t features;		/* enum lp_rafs_feature */
	/* v6: the compression contexts, and the table of contents behind them; 0: not known */
	uint8_t info_codec;		/* enum lp_codec_id */
	uint64_t info_off, info_stored, info_plain;
	uint32_t toc_bytes;
	uint8_t toc_digest[LP_RAFS_DIGEST];
	uint8_t meta_digest[LP_RAFS_DIGEST];	/* zran: SHA-256 of the blob with the contexts */
};

/* 3.6; unknown ones among the lower 16 bits are refused. */
enum lp_rafs_feature {
	LP_RAFS_ALIGNED = 0x1, LP_RAFS_INLINED_META = 0x2, LP_RAFS_INFO_V2 = 0x4,
	LP_RAFS_ZRAN = 0x8, LP_RAFS_SEPARATE = 0x10, LP_RAFS_INFO_DIGEST = 0x20,
	LP_RAFS_TARFS_BLOB = 0x40, LP_RAFS_BATCHES = 0x80, LP_RAFS_ENCRYPTED_BLOB = 0x100,
	LP_RAFS_DICTIONARY = 0x200, LP_RAFS_EXTERNAL = 0x800, LP_RAFS_MUST_KNOW = 0xffff,
	LP_RAFS_KNOWN = 0xfff, LP_RAFS_TAR_HEADER = 0x10000000, LP_RAFS_TOC = 0x20000000,
	LP_RAFS_TAR_TOC = 0x40000000, LP_RAFS_MEMORY_ONLY = 0x80000000,
};

/* A chunk record: spec/rafs.md 2.7. */
enum lp_rafs_chunk_flag {
	LP_RAFS_COMPRESSED = 1, LP_RAFS_HOLE = 2, LP_RAFS_ENCRYPTED = 4, LP_RAFS_BATCH = 8,
	LP_RAFS_CRC = 0x10,
};

struct lp_rafs_chunk {
	uint64_t off;			/* of the stored bytes, in the blob */
	uint64_t plain_off;		/* in the blob's plain address space */
	uint64_t file_off;
	uint32_t stored_bytes, plain_bytes;
	uint32_t blob;			/* index into the blobs */
	uint32_t number;		/* in its blob */
	uint32_t flags;
	uint32_t crc;			/* CRC-32C of the plain bytes, with LP_RAFS_CRC */
	uint8_t digest[LP_RAFS_DIGEST];	/* of the plain bytes */
};

#define LP_RAFS_CHUNK_BYTES 80u		/* on disk */

/* Flags of a superblock: one compressor, one digester, and what else there is. */
enum lp_rafs_flag {
	LP_RAFS_NONE = 0x1, LP_RAFS_LZ4 = 0x2, LP_RAFS_GZIP = 0x40, LP_RAFS_ZSTD = 0x80,
	LP_RAFS_BLAKE3 = 0x4, LP_RAFS_SHA256 = 0x8,
	LP_RAFS_OWNERS = 0x10, LP_RAFS_XATTRS = 0x20, LP_RAFS_INLINED_DIGEST = 0x100,
	LP_RAFS_TARFS = 0x200, LP_RAFS_CIPHER_NONE = 0x1000000, LP_RAFS_CIPHER_XTS = 0x2000000,
};

#define LP_RAFS_COMPRESSORS (LP_RAFS_NONE | LP_RAFS_LZ4 | LP_RAFS_GZIP | LP_RAFS_ZSTD)
#define LP_RAFS_DIGESTERS (LP_RAFS_BLAKE3 | LP_RAFS_SHA256)

/* The flags of a superblock, in numbers of ours. */
struct lp_rafs_kind {
	uint8_t codec;			/* enum lp_codec_id */
	enum lp_alg alg;
	bool owners;			/* records say owners; else these are 0, whatever is there */
};

/*
 * lp_rafs_kind_of - what @flags choose.
 *
 * @known   the flags that this version of the format has
 * @at      recorded in @err
 *
 * LP_EFORMAT  rafs.super.flags: unknown ones, two compressors or digesters, or none
 * LP_EUNSUP   rafs.blob.encrypted
 */
LP_MUST_CHECK enum lp_code lp_rafs_kind_of(uint64_t flags, uint64_t known, uint64_t at,
					   struct lp_rafs_kind *out, struct lp_err *err);

/*
 * lp_rafs_chunk_size - is @bytes a size of chunks?  LP_EFORMAT rafs.super.chunk-size
 */
LP_MUST_CHECK enum lp_code lp_rafs_chunk_size(uint32_t bytes, uint64_t at, struct lp_err *err);

/* Reserved bytes are. */
static inline bool lp_rafs_is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* Read the record in @p[LP_RAFS_CHUNK_BYTES]. */
void lp_rafs_chunk_read(const uint8_t *p, struct lp_rafs_chunk *out);

/*
 * lp_rafs_chunk_check - is @c one that can be fetched from its blob?
 *
 * @blob         [nblob]
 * @chunk_bytes  the image's size of chunks
 * @at           of the record
 *
 * LP_EFORMAT  rafs.chunk.blob, rafs.chunk.bytes, rafs.chunk.range, rafs.chunk.flags,
 *             rafs.chunk.raw: stored as it is in another number of bytes, or compressed in
 *             a blob without compressor
 * LP_EUNSUP   rafs.chunk.kind: a hole, a batch; rafs.blob.encrypted
 */
LP_MUST_CHECK enum lp_code lp_rafs_chunk_check(const struct lp_rafs_chunk *c,
					       const struct lp_rafs_blob *blob, uint32_t nblob,
					       uint32_t chunk_bytes, uint64_t at,
					       struct lp_err *err);

/* Of @n blobs no two have one id.  LP_EFORMAT rafs.blob.twice at @at */
LP_MUST_CHECK enum lp_code lp_rafs_blobs_check(const struct lp_rafs_blob *blob, uint32_t n,
					       uint64_t at, struct lp_err *err);

/* The id of a blob, from @n bytes: 1 to 64 of 0-9, a-z, A-Z, "-", "_".  LP_EFORMAT rafs.blob.id */
LP_MUST_CHECK enum lp_code lp_rafs_id(const uint8_t *p, size_t n, uint64_t at,
				      char out[static LP_RAFS_ID], struct lp_err *err);

#endif
