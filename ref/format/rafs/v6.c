// SPDX-License-Identifier: MIT
#include "format/rafs/v6.h"

#include "base/cursor.h"
#include "tree/erofs_layout.h"

#include <inttypes.h>
#include <string.h>

#define RULE_SUPER "rafs6.super.fields"
#define RULE_BLOCK "rafs6.super.block-size"
#define RULE_RESERVED "rafs6.super.reserved"
#define RULE_SIZE "rafs6.super.bytes"
#define RULE_TABLE "rafs6.table.range"
#define RULE_OVERLAP "rafs6.table.overlap"
#define RULE_DEVICE "rafs6.device.blob"
#define RULE_BLOB "rafs6.blob.fields"
#define RULE_FEATURES "rafs6.blob.features"
#define RULE_CONTEXT "rafs6.blob.context"
#define RULE_ENCRYPTED "rafs.blob.encrypted"
#define RULE_KIND "rafs6.blob.kind"
#define RULE_COUNT "rafs.limit.blobs"

#define EXTENDED_AT (LP_EROFS_SUPER_AT + LP_EROFS_SUPER_BYTES)
#define EXTENDED_BYTES 256u
#define SLOTS_AT (EXTENDED_AT + EXTENDED_BYTES)
#define BLOB_BYTES 256u
#define COMPAT 0x40000000u		/* feature_compat: RAFS v6 */
#define STORED_MAX (UINT64_C(1) << 40)	/* 3.5: bytes of a blob, stored */
#define PLAIN_MAX (UINT64_C(1) << 44)	/* and plain */
#define CHUNKS_MAX (1u << 24)
#define INFO_V1 16u			/* bytes of an entry of the compression context table */
#define INFO_V2 24u

/* 3.3 */
#define KNOWN (LP_RAFS_COMPRESSORS | LP_RAFS_DIGESTERS | LP_RAFS_OWNERS | LP_RAFS_XATTRS | \
	       LP_RAFS_INLINED_DIGEST | LP_RAFS_TARFS | LP_RAFS_CIPHER_NONE | LP_RAFS_CIPHER_XTS)

/* 3.5 */
static const uint8_t codecs[] = {LP_CODEC_NONE, LP_CODEC_LZ4, LP_CODEC_GZIP, LP_CODEC_ZSTD};

static struct lp_cursor cursor_at(const struct lp_rafs_v6 *v, uint64_t at, size_t bytes)
{
	return (struct lp_cursor){.p = v->tree.p + at, .left = bytes};
}

/* What EROFS leaves open and RAFS does not: 3.2. */
static enum lp_code check_super(const struct lp_rafs_v6 *v, struct lp_err *err)
{
	struct lp_cursor c = cursor_at(v, LP_EROFS_SUPER_AT, LP_EROFS_SUPER_BYTES);
	uint32_t sum, compat, shared, incompat, more, slot;
	uint64_t inodes;

	lp_le32(&c);
	sum = lp_le32(&c);
	compat = lp_le32(&c);
	lp_take(&c, 4);
	inodes = lp_le64(&c);
	lp_take(&c, 20);
	shared = lp_le32(&c);
	lp_take(&c, 32);
	incompat = lp_le32(&c);
	more = lp_le16(&c);
	lp_take(&c, 2);
	slot = lp_le16(&c);
	if (sum || !(compat & COMPAT) || !inodes || shared || more ||
	    incompat != (LP_EROFS_CHUNKED_FILE | LP_EROFS_DEVICE_TABLE) ||
	    slot != SLOTS_AT / LP_EROFS_SLOT_BYTES)
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT, RULE_SUPER,
			       "checksum %#x, features %#x and %#x, %" PRIu64 " inodes, slots at %u",
			       sum, compat, incompat, inodes, slot);
	if (!lp_rafs_is_zero(c.p, c.left))
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 90, RULE_RESERVED,
			       "reserved bytes of the superblock are not zero");
	return LP_OK;
}

/* A table lies behind the slots and inside the file, in whole records. */
static enum lp_code check_area(const struct lp_rafs_v6 *v, const struct lp_rafs_area *a,
			       uint32_t align, uint32_t record, const char *what,
			       struct lp_err *err)
{
	uint64_t least = SLOTS_AT + (uint64_t)v->tree.ndevice * LP_EROFS_SLOT_BYTES;

	if (a->bytes && (a->off % align || a->bytes % record || a->off < least ||
			 a->off > v->tree.bytes || a->bytes > v->tree.bytes - a->off))
		return lp_fail(err, LP_EFORMAT, EXTENDED_AT, RULE_TABLE,
			       "the %s table, %" PRIu64 " bytes from %" PRIu64
			       ", in a file of %zu", what, a->bytes, a->off, v->tree.bytes);
	return LP_OK;
}

static enum lp_code check_areas(const struct lp_rafs_v6 *v, struct lp_err *err)
{
	const struct lp_rafs_area *a[] = {&v->blobs, &v->chunks, &v->prefetch};

	if (check_area(v, a[0], LP_EROFS_BLOCK, BLOB_BYTES, "blob", err) ||
	    check_area(v, a[1], LP_EROFS_BLOCK, LP_RAFS_CHUNK_BYTES, "chunk", err) ||
	    check_area(v, a[2], 4, 4, "prefetch", err))
		return err->code;
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < i; k++)
			if (a[i]->bytes && a[k]->bytes && a[i]->off < a[k]->off + a[k]->bytes &&
			    a[k]->off < a[i]->off + a[i]->bytes)
				return lp_fail(err, LP_EFORMAT, a[i]->off, RULE_OVERLAP,
					       "two tables share bytes");
	return LP_OK;
}

static enum lp_code read_extended(struct lp_rafs_v6 *v, struct lp_err *err)
{
	struct lp_cursor c = cursor_at(v, EXTENDED_AT, EXTENDED_BYTES);
	uint64_t flags = lp_le64(&c);

	v->blobs.off = lp_le64(&c);
	v->blobs.bytes = lp_le32(&c);
	v->chunk_bytes = lp_le32(&c);
	v->chunks.off = lp_le64(&c);
	v->chunks.bytes = lp_le64(&c);
	v->prefetch.off = lp_le64(&c);
	v->prefetch.bytes = lp_le32(&c);
	lp_take(&c, 4);
	if (!lp_rafs_is_zero(c.p, c.left))
		return lp_fail(err, LP_EFORMAT, EXTENDED_AT + 56, RULE_RESERVED,
			       "reserved bytes of the extended superblock are not zero");
	if (!v->prefetch.off) /* 3.3: old writers, with a size all the same */
		v->prefetch.bytes = 0;
	if (lp_rafs_kind_of(flags, KNOWN, EXTENDED_AT, &v->kind, err) ||
	    lp_rafs_chunk_size(v->chunk_bytes, EXTENDED_AT + 20, err) || check_areas(v, err))
		return err->code;
	if (flags & LP_RAFS_TARFS)
		return lp_fail(err, LP_EUNSUP, EXTENDED_AT, RULE_BLOCK, "the image is a tarfs");
	return LP_OK;
}

/* The compression context table of a blob, as far as the bootstrap says where it is: 3.5. */
static enum lp_code read_context(struct lp_rafs_blob *b, struct lp_cursor *c, uint64_t at,
				 struct lp_err *err)
{
	uint64_t entry = b->features & LP_RAFS_INFO_V2 ? INFO_V2 : INFO_V1;
	uint32_t codec;

	b->toc_bytes = lp_le32(c);
	codec = lp_le32(c);
	b->info_off = lp_le64(c);
	b->info_stored = lp_le64(c);
	b->info_plain = lp_le64(c);
	memcpy(b->toc_digest, lp_take(c, LP_RAFS_DIGEST), LP_RAFS_DIGEST);
	memcpy(b->meta_digest, lp_take(c, LP_RAFS_DIGEST), LP_RAFS_DIGEST);
	if (b->info_stored > b->info_plain || b->info_off > STORED_MAX ||
	    b->info_stored > STORED_MAX || codec >= sizeof(codecs) ||
	    (b->info_plain != b->nchunk * entry && b->info_plain &&
	     !(b->features & (LP_RAFS_DICTIONARY | LP_RAFS_ZRAN))))
		return lp_fail(err, LP_EFORMAT, at + 104, RULE_CONTEXT,
			       "contexts of %u chunks, compressor %u, %" PRIu64 " bytes in %" PRIu64
			       " at %" PRIu64, b->nchunk, codec, b->info_plain, b->info_stored,
			       b->info_off);
	b->info_codec = codecs[codec];
	return LP_OK;
}

static enum lp_code check_features(uint32_t f, uint64_t at, struct lp_err *err)
{
	if (f & LP_RAFS_MEMORY_ONLY || f & (LP_RAFS_MUST_KNOW & ~LP_RAFS_KNOWN) || !(f & LP_RAFS_ALIGNED))
		return lp_fail(err, LP_EFORMAT, at + 84, RULE_FEATURES, "blob features %#x", f);
	if (f & LP_RAFS_ENCRYPTED_BLOB)
		return lp_fail(err, LP_EUNSUP, at + 84, RULE_ENCRYPTED, "an encrypted blob");
	if (f & (LP_RAFS_BATCHES | LP_RAFS_TARFS_BLOB | LP_RAFS_EXTERNAL) ||
	    !(f & LP_RAFS_ZRAN) != !(f & LP_RAFS_SEPARATE) ||
	    (f & LP_RAFS_ZRAN && !(f & LP_RAFS_INFO_V2)))
		return lp_fail(err, LP_EUNSUP, at + 84, RULE_KIND,
			       "a blob with features %#x: chunks that are not each by itself, or in "
			       "another place", f);
	return LP_OK;
}

static enum lp_code read_blob(struct lp_rafs_v6 *v, uint32_t i, struct lp_err *err)
{
	uint64_t at = v->blobs.off + (uint64_t)i * BLOB_BYTES;
	struct lp_cursor c = cursor_at(v, at, BLOB_BYTES);
	const uint8_t *id = lp_take(&c, LP_RAFS_ID - 1);
	uint32_t number = lp_le32(&c), chunk_bytes = lp_le32(&c), nchunk = lp_le32(&c);
	uint32_t codec = lp_le32(&c), digester = lp_le32(&c), features = lp_le32(&c);
	struct lp_rafs_blob b = {.stored_bytes = lp_le64(&c), .plain_bytes = lp_le64(&c)};
	const uint8_t *end = memchr(id, 0, LP_RAFS_ID - 1);

	b.nchunk = nchunk;
	b.features = features;
	if (lp_rafs_id(id, end ? (size_t)(end - id) : LP_RAFS_ID - 1, at, b.id, err) ||
	    check_features(features, at, err))
		return err->code;
	if (number != i || chunk_bytes != v->chunk_bytes || nchunk > CHUNKS_MAX ||
	    codec >= sizeof(codecs) || digester != (v->kind.alg == LP_SHA256) ||
	    b.stored_bytes > STORED_MAX || b.plain_bytes > PLAIN_MAX)
		return lp_fail(err, LP_EFORMAT, at + 64, RULE_BLOB,
			       "blob %u: number %u, chunks of %u, %u of them, compressor %u, "
			       "digester %u", i, number, chunk_bytes, nchunk, codec, digester);
	b.codec = codecs[codec];
	if (read_context(&b, &c, at, err))
		return err->code;
	return lp_buf_add(&v->blob, &b, sizeof(b), SIZE_MAX, err);
}

/* Slot i says what blob i is, and is as large. */
static enum lp_code check_device(const struct lp_rafs_v6 *v, uint32_t i, struct lp_err *err)
{
	const struct lp_rafs_blob *b = (const struct lp_rafs_blob *)(const void *)v->blob.p + i;
	struct lp_erofs_device d;

	lp_erofs_device(&v->tree, i + 1, &d);
	if (strcmp(d.tag, b->id) || !d.bytes || d.bytes / LP_BLOCK != b->plain_bytes / LP_BLOCK)
		return lp_fail(err, LP_EFORMAT, SLOTS_AT + (uint64_t)i * LP_EROFS_SLOT_BYTES,
			       RULE_DEVICE, "device %u is %s with %" PRIu64 " bytes, the blob %s with %"
			       PRIu64, i + 1, d.tag, d.bytes, b->id, b->plain_bytes);
	return LP_OK;
}

static enum lp_code read_blobs(struct lp_rafs_v6 *v, struct lp_err *err)
{
	uint64_t n = v->blobs.bytes / BLOB_BYTES;

	if (n > LP_RAFS_BLOBS_MAX)
		return lp_fail(err, LP_ELIMIT, v->blobs.off, RULE_COUNT, "%" PRIu64 " blobs", n);
	if (n != v->tree.ndevice)
		return lp_fail(err, LP_EFORMAT, v->blobs.off, RULE_DEVICE,
			       "%" PRIu64 " blobs with %u devices", n, v->tree.ndevice);
	for (uint32_t i = 0; i < n; i++)
		if (read_blob(v, i, err) || check_device(v, i, err))
			return err->code;
	return lp_rafs_blobs_check((const struct lp_rafs_blob *)(const void *)v->blob.p,
				   (uint32_t)n, v->blobs.off, err);
}

static enum lp_code read_chunks(struct lp_rafs_v6 *v, struct lp_err *err)
{
	for (uint64_t at = v->chunks.off; at < v->chunks.off + v->chunks.bytes;
	     at += LP_RAFS_CHUNK_BYTES) {
		struct lp_rafs_chunk c;

		lp_rafs_chunk_read(v->tree.p + at, &c);
		if (lp_rafs_chunk_check(&c, v->plan.blob, v->plan.nblob, v->chunk_bytes, at, err) ||
		    lp_rafs_plan_add(&v->plan, &c, at, err))
			return err->code;
	}
	return lp_rafs_plan_end(&v->plan, true, err);
}

enum lp_code lp_rafs_v6_open(struct lp_rafs_v6 *v, const uint8_t *p, size_t n, struct lp_err *err)
{
	*v = (struct lp_rafs_v6){.chunk_bytes = 0};
	if (n < LP_EROFS_BLOCK || n % LP_EROFS_BLOCK)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_SIZE,
			       "a bootstrap of %zu bytes", n);
	if (lp_erofs_open(&v->tree, p, n, err) || check_super(v, err) || read_extended(v, err) ||
	    read_blobs(v, err))
		return err->code;
	v->plan.boot = p;
	v->plan.blob = (const struct lp_rafs_blob *)(void *)v->blob.p;
	v->plan.nblob = (uint32_t)(v->blob.len / sizeof(struct lp_rafs_blob));
	v->plan.alg = v->kind.alg;
	if (read_chunks(v, err))
		return err->code;
	return lp_erofs_check(&v->tree, LP_EROFS_FOREIGN, err);
}

void lp_rafs_v6_free(struct lp_rafs_v6 *v)
{
	lp_rafs_plan_free(&v->plan);
	lp_buf_free(&v->blob);
	*v = (struct lp_rafs_v6){.chunk_bytes = 0};
}
