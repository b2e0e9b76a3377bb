// SPDX-License-Identifier: MIT
/*
 * check_fuzz - hostile contexts, digests and tables of contents, against a bootstrap.
 *
 * The first byte: how many of the bytes behind the second, in eights, are edits of the
 * bootstrap; the rest are edits of the blob.  The second: odd, the digests in the table of
 * contents are made right again.  What is accepted with the bootstrap as it was must be what
 * nydus-image wrote, wherever it lies.
 */
#include "format/rafs/check.h"
#include "format/rafs/info.h"
#include "format/rafs/tail.h"
#include "testing/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN "ref/testing/golden/nydus-v6-toc.blob"
#define SLOT_AT 1408u		/* of the bootstrap: its device, whose id begins it */
#define BLOB_AT 4096u		/* and its blob table */
#define INFO_AT 5878u		/* of the blob */
#define INFO_BYTES 64u

static struct lp_buf golden, golden_boot, golden_digests;
static struct lp_descriptor d[2];

/* The blob, and the bootstrap at its end with the blob's id. */
static void prepare(void)
{
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	char hex[LP_DIGEST_TEXT];
	struct lp_err err;

	if (golden.len)
		return;
	edit_load(GOLDEN, &golden);
	lp_digest_of(LP_SHA256, golden.p, golden.len, &d[1].digest);
	lp_digest_hex(&d[1].digest, hex);
	edit_must(!lp_source_mem(&source, golden.p, golden.len, &err) &&
		  !lp_rafs_tail_load(&source, LP_RAFS_IMAGE_BOOT, EDIT_MAX, &golden_boot, &err) &&
		  !lp_rafs_tail_load(&source, LP_RAFS_DIGESTS, EDIT_MAX, &golden_digests, &err));
	memcpy(golden_boot.p + SLOT_AT, hex, 64);
	memcpy(golden_boot.p + BLOB_AT, hex, 64);
}

/* The digest of one entry of a table of contents, over what it names. */
static void seal_entry(uint8_t *entry, const struct lp_buf *blob)
{
	LP_AUTO(lp_buf_free) struct lp_buf plain = {.p = NULL};
	struct lp_cursor c = {.p = entry, .left = LP_RAFS_TOC_ENTRY};
	uint32_t flags = lp_le32(&c);
	uint64_t off, stored, bytes;
	struct lp_digest digest;
	struct lp_err err;

	lp_take(&c, 52);
	off = lp_le64(&c);
	stored = lp_le64(&c);
	bytes = lp_le64(&c);
	if (off > blob->len || stored > blob->len - off || bytes > EDIT_MAX ||
	    lp_buf_reserve(&plain, (size_t)bytes, EDIT_MAX, &err) ||
	    (flags == 2 ? &lp_codec_zstd : flags == 4 ? &lp_codec_lz4 : &lp_codec_none)->decode(
		    blob->p + off, (size_t)stored, plain.p, (size_t)bytes, &err))
		return;
	lp_digest_of(LP_SHA256, plain.p, (size_t)bytes, &digest);
	memcpy(entry + 24, digest.b, sizeof(digest.b));
}

static void seal(struct lp_buf *blob)
{
	size_t end = blob->len - LP_RAFS_HEADER_BYTES, bytes;

	if (blob->len < LP_RAFS_HEADER_BYTES || blob->p[blob->len - 1])
		return;
	bytes = strtoul((const char *)blob->p + end + 124, NULL, 8);
	if (bytes > end || bytes % LP_RAFS_TOC_ENTRY || bytes > LP_RAFS_TOC_MAX)
		return;
	for (size_t at = end - bytes; at < end; at += LP_RAFS_TOC_ENTRY)
		seal_entry(blob->p + at, blob);
}

/* What was accepted is what was there; but for features of later versions. */
static void must_agree(struct lp_source *blob)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
	uint8_t info[INFO_BYTES + LP_RAFS_INFO_HEAD];
	struct lp_err err;

	edit_must(!lp_source_read(blob, INFO_AT, info, sizeof(info), &err));
	memcpy(info + INFO_BYTES + 4, golden.p + INFO_AT + INFO_BYTES + 4, 4);
	edit_must(!memcmp(info, golden.p + INFO_AT, sizeof(info)));
	edit_must(!lp_rafs_tail_load(blob, LP_RAFS_INFO, EDIT_MAX, &out, &err) &&
		  out.len == INFO_BYTES && !memcmp(out.p, golden.p + INFO_AT, out.len));
	edit_must(!lp_rafs_tail_load(blob, LP_RAFS_DIGESTS, EDIT_MAX, &out, &err) &&
		  out.len == golden_digests.len && !memcmp(out.p, golden_digests.p, out.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf boot = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf blob = {.p = NULL};
	struct lp_source source[2] = {{.ops = NULL}, {.ops = NULL}};
	struct lp_err err = {.rule = NULL};
	size_t first;
	uint8_t *exact;

	prepare();
	if (n < 2)
		return 0;
	first = (size_t)data[0] * 8 < n - 2 ? (size_t)data[0] * 8 : n - 2;
	edit_copy(&golden_boot, 4096, (struct lp_cursor){.p = data + 2, .left = first}, &boot);
	edit_copy(&golden, 1, (struct lp_cursor){.p = data + 2 + first, .left = n - 2 - first},
		  &blob);
	if (data[1] & 1)
		seal(&blob);
	exact = edit_exact(blob.p, blob.len);
	edit_must(!lp_source_mem(&source[0], boot.p, boot.len, &err) &&
		  !lp_source_mem(&source[1], exact, blob.len, &err));
	d[1].bytes = blob.len;
	if (lp_rafs_check(d, source, 2, &err))
		edit_must(err.code != LP_OK && (err.rule || err.code == LP_ELIMIT ||
						err.code == LP_ESHORT));
	else if (boot.len == golden_boot.len && !memcmp(boot.p, golden_boot.p, boot.len))
		must_agree(&source[1]);
	lp_source_free(&source[0]);
	lp_source_free(&source[1]);
	free(exact);
	return 0;
}
