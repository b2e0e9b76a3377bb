// SPDX-License-Identifier: MIT
#include "format/rafs/part.h"

#include "base/cursor.h"

#include <inttypes.h>
#include <string.h>

#define RULE_FLAGS "rafs.super.flags"
#define RULE_CHUNK_SIZE "rafs.super.chunk-size"
#define RULE_ENCRYPTED "rafs.blob.encrypted"
#define RULE_ID "rafs.blob.id"
#define RULE_TWICE "rafs.blob.twice"
#define RULE_BLOB "rafs.chunk.blob"
#define RULE_BYTES "rafs.chunk.bytes"
#define RULE_RANGE "rafs.chunk.range"
#define RULE_CHUNK_FLAGS "rafs.chunk.flags"
#define RULE_RAW "rafs.chunk.raw"
#define RULE_KIND "rafs.chunk.kind"

#define CHUNK_FLAGS (LP_RAFS_COMPRESSED | LP_RAFS_HOLE | LP_RAFS_ENCRYPTED | LP_RAFS_BATCH | \
		     LP_RAFS_CRC)

static bool one_bit(uint64_t v)
{
	return v && !(v & (v - 1));
}

enum lp_code lp_rafs_kind_of(uint64_t flags, uint64_t known, uint64_t at,
			     struct lp_rafs_kind *out, struct lp_err *err)
{
	uint64_t compressor = flags & LP_RAFS_COMPRESSORS;

	if (flags & ~known)
		return lp_fail(err, LP_EFORMAT, at, RULE_FLAGS, "flags %#" PRIx64 " are unknown",
			       flags & ~known);
	if (flags & LP_RAFS_CIPHER_XTS)
		return lp_fail(err, LP_EUNSUP, at, RULE_ENCRYPTED, "the image is encrypted");
	if (!one_bit(compressor) || !one_bit(flags & LP_RAFS_DIGESTERS))
		return lp_fail(err, LP_EFORMAT, at, RULE_FLAGS,
			       "flags %#" PRIx64 " do not name one compressor and one digester",
			       flags);
	out->codec = compressor == LP_RAFS_NONE ? LP_CODEC_NONE :
		     compressor == LP_RAFS_LZ4 ? LP_CODEC_LZ4 :
		     compressor == LP_RAFS_GZIP ? LP_CODEC_GZIP : LP_CODEC_ZSTD;
	out->alg = flags & LP_RAFS_BLAKE3 ? LP_BLAKE3 : LP_SHA256;
	out->owners = flags & LP_RAFS_OWNERS;
	return LP_OK;
}

enum lp_code lp_rafs_chunk_size(uint32_t bytes, uint64_t at, struct lp_err *err)
{
	if (!one_bit(bytes) || bytes < LP_RAFS_CHUNK_MIN || bytes > LP_RAFS_CHUNK_MAX)
		return lp_fail(err, LP_EFORMAT, at, RULE_CHUNK_SIZE, "chunks of %u bytes", bytes);
	return LP_OK;
}

void lp_rafs_chunk_read(const uint8_t *p, struct lp_rafs_chunk *out)
{
	struct lp_cursor c = {.p = p + LP_RAFS_DIGEST, .left = LP_RAFS_CHUNK_BYTES - LP_RAFS_DIGEST};

	memcpy(out->digest, p, sizeof(out->digest));
	out->blob = lp_le32(&c);
	out->flags = lp_le32(&c);
	out->stored_bytes = lp_le32(&c);
	out->plain_bytes = lp_le32(&c);
	out->off = lp_le64(&c);
	out->plain_off = lp_le64(&c);
	out->file_off = lp_le64(&c);
	out->number = lp_le32(&c);
	out->crc = lp_le32(&c);
}

static enum lp_code check_flags(const struct lp_rafs_chunk *c, uint64_t at, struct lp_err *err)
{
	if (c->flags & ~(uint32_t)CHUNK_FLAGS)
		return lp_fail(err, LP_EFORMAT, at, RULE_CHUNK_FLAGS, "chunk flags %#x", c->flags);
	if (c->flags & LP_RAFS_ENCRYPTED)
		return lp_fail(err, LP_EUNSUP, at, RULE_ENCRYPTED, "an encrypted chunk");
	if (c->flags & (LP_RAFS_HOLE | LP_RAFS_BATCH))
		return lp_fail(err, LP_EUNSUP, at, RULE_KIND, "a chunk that is a hole, or in a batch");
	return LP_OK;
}

enum lp_code lp_rafs_chunk_check(const struct lp_rafs_chunk *c, const struct lp_rafs_blob *blob,
				 uint32_t nblob, uint32_t chunk_bytes, uint64_t at,
				 struct lp_err *err)
{
	uint64_t stored;
	bool zran;

	if (check_flags(c, at, err))
		return err->code;
	if (c->blob >= nblob)
		return lp_fail(err, LP_EFORMAT, at, RULE_BLOB, "a chunk of blob %u, of %u", c->blob,
			       nblob);
	/* In a gzip stream it is where its context says; the record has a guess, which may be 0. */
	zran = blob[c->blob].features & LP_RAFS_ZRAN;
	if (!c->plain_bytes || c->plain_bytes > chunk_bytes || (!c->stored_bytes && !zran))
		return lp_fail(err, LP_EFORMAT, at, RULE_BYTES,
			       "a chunk of %u bytes in %u, chunks have %u", c->plain_bytes,
			       c->stored_bytes, chunk_bytes);
	if (!(c->flags & LP_RAFS_COMPRESSED) && c->stored_bytes != c->plain_bytes)
		return lp_fail(err, LP_EFORMAT, at, RULE_RAW,
			       "a chunk of %u bytes stored as it is in %u", c->plain_bytes,
			       c->stored_bytes);
	if (c->flags & LP_RAFS_COMPRESSED && blob[c->blob].codec == LP_CODEC_NONE)
		return lp_fail(err, LP_EFORMAT, at, RULE_RAW,
			       "a compressed chunk in a blob without compressor");
	stored = blob[c->blob].stored_bytes;
	if (c->off > LP_DEVICE_BYTES_MAX || c->plain_off > LP_DEVICE_BYTES_MAX ||
	    (stored && (c->off > stored || c->stored_bytes > stored - c->off)))
		return lp_fail(err, LP_EFORMAT, at, RULE_RANGE,
			       "a chunk at %" PRIu64 ", behind the end of its blob", c->off);
	return LP_OK;
}

enum lp_code lp_rafs_blobs_check(const struct lp_rafs_blob *blob, uint32_t n, uint64_t at,
				 struct lp_err *err)
{
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(blob[i].id, blob[k].id))
				return lp_fail(err, LP_EFORMAT, at, RULE_TWICE,
					       "blobs %u and %u are both %s", k, i, blob[i].id);
	return LP_OK;
}

enum lp_code lp_rafs_id(const uint8_t *p, size_t n, uint64_t at, char out[static LP_RAFS_ID],
			struct lp_err *err)
{
	static const char known[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

	if (!n || n >= LP_RAFS_ID)
		return lp_fail(err, LP_EFORMAT, at, RULE_ID, "a blob's id of %zu bytes", n);
	for (size_t i = 0; i < n; i++)
		if (!memchr(known, p[i], sizeof(known) - 1))
			return lp_fail(err, LP_EFORMAT, at + i, RULE_ID,
				       "a blob's id has byte %#x", p[i]);
	memcpy(out, p, n);
	out[n] = '\0';
	return LP_OK;
}
