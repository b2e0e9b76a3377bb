// SPDX-License-Identifier: MIT
#include "format/rafs/check.h"

#include "format/rafs/boot.h"
#include "format/rafs/crc.h"
#include "format/rafs/info.h"
#include "format/rafs/meta.h"
#include "format/rafs/tail.h"
#include "tree/erofs_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_HEAD "rafs6.info.header"
#define RULE_CHUNK "rafs6.info.chunk"
#define RULE_DIGEST "rafs6.info.digest"
#define RULE_COPY "rafs6.info.copy"
#define RULE_LISTED "rafs6.info.listed"
#define RULE_RANGE "rafs6.info.range"
#define RULE_TOC "rafs6.info.toc"
#define RULE_SIZE "rafs.boot.size"

#define COPY ".blob.meta"
#define COPIES_MAX LP_RAFS_BOOT_MAX
#define STEP ((size_t)1 << 16)	/* ours: bytes read at a time */

/* The contexts of @b, as the bootstrap says where they are, and the header behind them. */
static enum lp_code load_info(const struct lp_rafs_blob *b, struct lp_source *blob,
			      struct lp_buf *info, uint8_t head[static LP_RAFS_INFO_HEAD],
			      struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stored = {.p = NULL};
	uint64_t end = b->info_off + b->info_stored;

	if (end > blob->bytes || LP_RAFS_INFO_HEAD > blob->bytes - end ||
	    b->info_plain != (uint64_t)b->nchunk * LP_RAFS_INFO_ENTRY)
		return lp_fail(err, LP_EFORMAT, b->info_off, RULE_RANGE,
			       "contexts of %" PRIu64 " bytes for %u chunks in a blob of %" PRIu64,
			       b->info_plain, b->nchunk, blob->bytes);
	if (lp_buf_reserve(&stored, (size_t)b->info_stored, SIZE_MAX, err) ||
	    lp_buf_reserve(info, (size_t)b->info_plain, SIZE_MAX, err) ||
	    lp_source_read(blob, b->info_off, stored.p, (size_t)b->info_stored, err) ||
	    lp_source_read(blob, end, head, LP_RAFS_INFO_HEAD, err) ||
	    lp_codec_number(b->info_codec)->decode(stored.p, (size_t)b->info_stored, info->p,
						   (size_t)b->info_plain, err))
		return lp_within(err, "contexts");
	info->len = (size_t)b->info_plain;
	return LP_OK;
}

/* The header says what the bootstrap says; of the features, the later ones may differ: A23. */
static enum lp_code check_head(const struct lp_rafs_blob *b, const uint8_t *head,
			       struct lp_err *err)
{
	uint8_t want[LP_RAFS_INFO_HEAD];

	lp_rafs_info_head(b, want);
	memcpy(want + 4, head + 4, 4);
	for (size_t i = 0; i < sizeof(want); i++)
		if (head[i] != want[i])
			return lp_fail(err, LP_EFORMAT, b->info_off + b->info_stored + i, RULE_HEAD,
				       "the header of the contexts has %#x, the bootstrap %#x",
				       head[i], want[i]);
	return LP_OK;
}

/* @digests: of the blob by number; NULL: it has none. */
static enum lp_code check_chunk(const struct lp_rafs_plan *plan, const struct lp_rafs_place *at,
				const struct lp_buf *info, const struct lp_buf *digests,
				struct lp_err *err)
{
	uint8_t want[LP_RAFS_INFO_ENTRY];
	uint64_t n = at->number;
	struct lp_rafs_chunk c;

	lp_rafs_chunk_read(plan->boot + at->at, &c);
	lp_rafs_info_print(&c, want);
	if ((n + 1) * sizeof(want) > info->len ||
	    memcmp(info->p + n * sizeof(want), want, sizeof(want)) != 0)
		return lp_fail(err, LP_EFORMAT, at->at, RULE_CHUNK,
			       "chunk %u is elsewhere by the contexts of its blob", at->number);
	if (digests && ((n + 1) * LP_RAFS_DIGEST > digests->len ||
			memcmp(digests->p + n * LP_RAFS_DIGEST, c.digest, LP_RAFS_DIGEST) != 0))
		return lp_fail(err, LP_EDIGEST, at->at, RULE_DIGEST,
			       "chunk %u has another digest by its blob", at->number);
	return LP_OK;
}

/* Section @name by the table of contents has the @n bytes at @p, which lie where @b says. */
static enum lp_code check_listed(struct lp_source *blob, const struct lp_rafs_blob *b,
				 const char *name, const uint8_t *p, size_t n, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf listed = {.p = NULL};

	if (lp_rafs_tail_load(blob, name, n, &listed, err))
		return err->code;
	if (listed.len != n || memcmp(listed.p, p, n) != 0)
		return lp_fail(err, LP_EFORMAT, b->info_off, RULE_LISTED,
			       "the table of contents has another %s than the bootstrap", name);
	return LP_OK;
}

/* A blob that should have a table of contents has one, with all that nydusd looks up there. */
static enum lp_code check_toc(struct lp_source *blob, const struct lp_rafs_blob *b,
			      const struct lp_buf *info, const uint8_t *head,
			      struct lp_buf *digests, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf other = {.p = NULL};

	if (lp_rafs_tail_load(blob, LP_RAFS_TOC_NAME, LP_RAFS_TOC_MAX, &other, err) ||
	    lp_rafs_tail_load(blob, LP_RAFS_DIGESTS, (size_t)b->nchunk * LP_RAFS_DIGEST, digests,
			      err) ||
	    check_listed(blob, b, LP_RAFS_INFO, info->p, info->len, err) ||
	    check_listed(blob, b, LP_RAFS_INFO_HEADER, head, LP_RAFS_INFO_HEAD, err))
		return err->code;
	if (lp_rafs_tail_load(blob, LP_RAFS_IMAGE_BOOT, LP_RAFS_BOOT_MAX, &other, err) &&
	    err->code != LP_EMISSING) /* not every writer puts it there */
		return err->code;
	return LP_OK;
}

/*
 * The digest of the table of contents, where the blob table has one: of the entries and their
 * header, or, as converters of containerd compute it, of the entries alone.  3.9
 */
static enum lp_code check_toc_digest(struct lp_source *blob, const struct lp_rafs_blob *b,
				     struct lp_err *err)
{
	static const uint8_t none[LP_RAFS_DIGEST];
	LP_AUTO(lp_buf_free) struct lp_buf toc = {.p = NULL};
	struct lp_digest all, entries;
	size_t n = b->toc_bytes;

	if (!n || !memcmp(b->toc_digest, none, sizeof(none)))
		return LP_OK;
	if (n < LP_RAFS_HEADER_BYTES || n > LP_RAFS_TOC_MAX || n > blob->bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_TOC,
			       "a table of contents of %zu bytes", n);
	if (lp_buf_reserve(&toc, n, n, err) ||
	    lp_source_read(blob, blob->bytes - n, toc.p, n, err))
		return err->code;
	lp_digest_of(LP_SHA256, toc.p, n, &all);
	lp_digest_of(LP_SHA256, toc.p, n - LP_RAFS_HEADER_BYTES, &entries);
	if (memcmp(all.b, b->toc_digest, LP_RAFS_DIGEST) != 0 &&
	    memcmp(entries.b, b->toc_digest, LP_RAFS_DIGEST) != 0)
		return lp_fail(err, LP_EDIGEST, blob->bytes - n, RULE_TOC,
			       "the table of contents has another digest than the blob table says");
	return LP_OK;
}

/* Blob @i of the bootstrap, in @blob: sums of chunks; its sections agree with the bootstrap. */
static enum lp_code check_blob(const struct lp_rafs_plan *plan, uint32_t i,
			       struct lp_source *blob, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf info = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf digests = {.p = NULL};
	const struct lp_rafs_place *at = (const struct lp_rafs_place *)(const void *)plan->place.p;
	const struct lp_rafs_blob *b = &plan->blob[i];
	bool toc = b->features & LP_RAFS_TOC;
	uint8_t head[LP_RAFS_INFO_HEAD];

	if (b->features & LP_RAFS_ZRAN) /* open() goes by the contexts, and they are elsewhere */
		return LP_OK;
	if (lp_rafs_crc_check(plan, i, blob, err) || check_toc_digest(blob, b, err))
		return err->code;
	if (!b->info_plain)
		return LP_OK;
	if (load_info(b, blob, &info, head, err) || check_head(b, head, err) ||
	    (toc && check_toc(blob, b, &info, head, &digests, err)))
		return err->code;
	for (size_t k = 0; k < plan->place.len / sizeof(*at); k++)
		if (at[k].blob == i &&
		    check_chunk(plan, &at[k], &info, toc ? &digests : NULL, err))
			return err->code;
	return LP_OK;
}

static enum lp_code check_blobs(const struct lp_rafs_plan *plan, const struct lp_descriptor *d,
				struct lp_source *source, size_t n, struct lp_err *err)
{
	for (uint32_t i = 0; i < plan->nblob; i++)
		for (size_t k = 1; k < n; k++) {
			char hex[LP_DIGEST_TEXT];

			lp_digest_hex(&d[k].digest, hex);
			if (!strcmp(hex, plan->blob[i].id) && check_blob(plan, i, &source[k], err))
				return lp_within(err, "blob %.12s", hex);
		}
	return LP_OK;
}

/* Contexts of a blob beside the bootstrap. */
struct copy {
	char path[LP_RAFS_ID + 32];
	size_t off, bytes;	/* in the bytes of all */
};

struct copies {
	struct lp_rafs_files files;
	struct lp_buf list;	/* of struct copy */
	struct lp_buf bytes;
};

static void copies_free(struct copies *c)
{
	lp_buf_free(&c->list);
	lp_buf_free(&c->bytes);
}

/* Keep what may be contexts, whosever they are: the bootstrap may come behind them. */
static enum lp_code keep_copy(struct lp_rafs_files *files, const char *path,
			      struct lp_reader *body, struct lp_err *err)
{
	struct copies *c = (struct copies *)files;
	struct copy new = {.off = c->bytes.len};
	size_t n = strlen(path), got;

	if (n >= sizeof(new.path) || n < sizeof(COPY) || strcmp(path + n + 1 - sizeof(COPY), COPY))
		return LP_OK;
	memcpy(new.path, path, n + 1);
	do {
		if (c->bytes.len > COPIES_MAX)
			return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_SIZE,
				       "more than %zu bytes of contexts", COPIES_MAX);
		if (lp_buf_reserve(&c->bytes, STEP, COPIES_MAX + STEP, err) ||
		    lp_read(body, c->bytes.p + c->bytes.len, STEP, &got, err))
			return err->code;
		c->bytes.len += got;
	} while (got);
	new.bytes = c->bytes.len - new.off;
	return lp_buf_add(&c->list, &new, sizeof(new), COPIES_MAX, err);
}

/* Contexts of a gzip stream: those that open() goes by, and their header but for features. */
static bool is_same(const struct lp_rafs_zran *z, const uint8_t *p, size_t n, const uint8_t *head)
{
	return !memcmp(p, z->info.p, n) && !memcmp(head, z->head.p, 4) &&
	       !memcmp(head + 8, z->head.p + 8, LP_RAFS_INFO_HEAD - 8);
}

/* The contexts, zeros up to a block, their header.  nydusd asks no blob then. */
static enum lp_code check_copy(const struct lp_rafs_plan *plan, uint32_t i, uint8_t *p, size_t n,
			       struct lp_err *err)
{
	const struct lp_rafs_place *at = (const struct lp_rafs_place *)(const void *)plan->place.p;
	const struct lp_rafs_blob *b = &plan->blob[i];
	struct lp_buf info = {.p = p, .len = (size_t)b->info_plain};
	size_t padded = (size_t)lp_align(info.len, LP_RAFS_INFO_HEAD);

	if (n != padded + LP_RAFS_INFO_HEAD || !lp_rafs_is_zero(p + info.len, padded - info.len))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_COPY,
			       "not %zu bytes of contexts, zeros and a header", info.len);
	if (b->features & LP_RAFS_ZRAN) {
		if (!plan->zran || !plan->zran[i].nchunk ||
		    is_same(&plan->zran[i], p, info.len, p + padded))
			return LP_OK;
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_COPY,
			       "other contexts than those of the blob");
	}
	if (check_head(b, p + padded, err))
		return err->code;
	for (size_t k = 0; k < plan->place.len / sizeof(*at); k++)
		if (at[k].blob == i && check_chunk(plan, &at[k], &info, NULL, err))
			return err->code;
	return LP_OK;
}

static enum lp_code check_copies(const struct lp_rafs_plan *plan, const struct copies *c,
				 struct lp_err *err)
{
	const struct copy *copy = (const struct copy *)(const void *)c->list.p;

	for (size_t k = 0; k < c->list.len / sizeof(*copy); k++)
		for (uint32_t i = 0; i < plan->nblob; i++) {
			char path[sizeof(copy->path)];

			snprintf(path, sizeof(path), "image/%s" COPY, plan->blob[i].id);
			if (!strcmp(path, copy[k].path) && plan->blob[i].info_plain &&
			    check_copy(plan, i, c->bytes.p + copy[k].off, copy[k].bytes, err))
				return lp_within(err, "%s", path);
		}
	return LP_OK;
}

enum lp_code lp_rafs_check(const struct lp_descriptor *d, struct lp_source *source, size_t n,
			   struct lp_err *err)
{
	LP_AUTO(lp_rafs_boot_free) struct lp_rafs_boot boot = {.version = 0};
	LP_AUTO(lp_rafs_meta_free) struct lp_rafs_meta m = {.version = 0};
	LP_AUTO(copies_free) struct copies copies = {.files = {keep_copy}};
	const struct lp_rafs_plan *plan;

	if (lp_rafs_boot_load(&boot, source, &copies.files, err))
		return err->code;
	if (lp_rafs_meta_open(&m, boot.version, boot.bytes.p, boot.bytes.len, err))
		return lp_within(err, "bootstrap");
	plan = lp_rafs_meta_plan(&m);
	if (lp_rafs_plan_load(&m.v6.plan, d, source, n, err) || check_copies(plan, &copies, err))
		return err->code;
	return check_blobs(plan, d, source, n, err);
}
