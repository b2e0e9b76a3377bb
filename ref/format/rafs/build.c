// SPDX-License-Identifier: MIT
#include "format/rafs/build.h"

#include "format/order.h"
#include "format/rafs/chunks.h"
#include "format/rafs/info.h"
#include "format/rafs/print.h"
#include "format/rafs/tail.h"
#include "tree/erofs_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_ID "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define LEVEL_INFO 3	/* zstd's, of sections; as nydus-image */

struct building {
	struct lp_builder builder;	/* first: entry() and body() are called with it */
	struct lp_pack pack;
	struct lp_build_options options;
	struct lp_rafs_choice choice;
	struct lp_spool names;		/* entries without bodies */
	struct lp_buf size;		/* of uint64_t: of their bodies */
	uint64_t body_left, chunk_left;	/* of the body that comes */
	struct lp_rafs_chunks chunks;
	struct lp_tree tree;
	struct lp_hash hash;		/* of the blob */
	struct lp_writer hashing;	/* what all writes go to: hash, then out */
	struct lp_writer *out;
	uint64_t at;			/* bytes of the blob that are written */
	struct lp_buf toc;		/* entries */
	/* The entry that is looked at. */
	struct lp_entry e;
	char path[LP_PATH_MAX + sizeof(OPAQUE)];
	struct lp_xattr xattr[LP_SPOOL_XATTRS];
};

static void building_free(struct building *b)
{
	lp_pack_free(&b->pack);
	lp_spool_free(&b->names);
	lp_buf_free(&b->size);
	lp_rafs_chunks_free(&b->chunks);
	lp_buf_free(&b->toc);
	lp_tree_free(&b->tree);
	lp_hash_free(&b->hash);
	free(b);
}

enum lp_code lp_rafs_choose(const struct lp_build_options *o, struct lp_rafs_choice *out,
			    struct lp_err *err)
{
	uint64_t chunk = o->chunk_bytes ? o->chunk_bytes : LP_RAFS_CHUNK_DEFAULT;

	*out = (struct lp_rafs_choice){
		.version = o->version ? o->version : 6,
		.chunk_bytes = (uint32_t)chunk,
		.codec = o->codec ? o->codec : &lp_codec_zstd,
		.kind = {.alg = o->digester ? o->digester : LP_BLAKE3},
	};
	out->kind.codec = out->codec->id;
	if ((out->version != 5 && out->version != 6) || out->kind.codec == LP_CODEC_GZIP ||
	    (out->kind.alg != LP_BLAKE3 && out->kind.alg != LP_SHA256))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "RAFS is of version 5 or 6, none, lz4 or zstd, blake3 or sha256");
	if (chunk > LP_FRAME_MAX || lp_rafs_chunk_size((uint32_t)chunk, LP_NO_OFFSET, err))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "chunks of %llu bytes: not a power of two from 4096 to 8 Mi",
			       (unsigned long long)chunk);
	return LP_OK;
}

static enum lp_code put_hashed(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	struct building *b = (struct building *)((char *)w - offsetof(struct building, hashing));

	lp_hash_add(&b->hash, p, n);
	b->at += n;
	return lp_write(b->out, p, n, err);
}

static enum lp_code put(struct building *b, const void *p, size_t n, struct lp_err *err)
{
	return lp_write(&b->hashing, p, n, err);
}

/* A chunk comes out of the pack. */
static enum lp_code written(struct lp_pack *p, struct lp_packed *m, struct lp_err *err)
{
	struct building *b = (struct building *)((char *)p - offsetof(struct building, pack));

	return lp_rafs_chunks_use(&b->chunks, m, err);
}

static bool has_data(const struct lp_entry *e)
{
	return e->kind == LP_ENTRY_NODE && S_ISREG(e->mode) && e->size;
}

/* The chunk that begins with @left bytes of a file to come. */
static uint64_t chunk_bytes(const struct building *b, uint64_t left)
{
	return left < b->choice.chunk_bytes ? left : b->choice.chunk_bytes;
}

/* Remember the name. */
static enum lp_code keep_name(struct building *b, const struct lp_entry *e, struct lp_err *err)
{
	uint64_t size = has_data(e) ? e->size : 0;
	struct lp_entry bodiless = *e;

	bodiless.size = 0;
	if (lp_spool_add(&b->names, &bodiless, err))
		return err->code;
	return lp_buf_add(&b->size, &size, sizeof(size), SIZE_MAX, err);
}

static enum lp_code take_entry(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err)
{
	struct building *b = (struct building *)(void *)s;

	if (lp_order_skips(e->path))
		return LP_OK;
	b->body_left = has_data(e) ? e->size : 0;
	b->chunk_left = 0;
	return keep_name(b, e, err);
}

static enum lp_code take_body(struct lp_sink *s, const void *p, size_t n, struct lp_err *err)
{
	struct building *b = (struct building *)(void *)s;
	const uint8_t *at = p;

	while (n && b->body_left) {
		size_t part;

		if (!b->chunk_left) {
			b->chunk_left = chunk_bytes(b, b->body_left);
			if (lp_pack_cut(&b->pack, (size_t)b->chunk_left, err))
				return err->code;
		}
		part = n < b->chunk_left ? n : (size_t)b->chunk_left;
		if (lp_pack_add(&b->pack, at, part, err))
			return err->code;
		at += part;
		n -= part;
		b->chunk_left -= part;
		b->body_left -= part;
	}
	return LP_OK;
}

/* The names of whiteouts are files here, as in the tar: who merges knows what they mean. */
static void spell_whiteout(struct building *b)
{
	const char *name = strrchr(b->e.path, '/');
	size_t dir = name ? (size_t)(name - b->e.path) + 1 : 0;

	if (b->e.kind == LP_ENTRY_OPAQUE)
		snprintf(b->path, sizeof(b->path), "%s%s" OPAQUE, b->e.path, *b->e.path ? "/" : "");
	else
		snprintf(b->path, sizeof(b->path), "%.*s" WHITEOUT "%s", (int)dir, b->e.path,
			 b->e.path + dir);
	b->e.kind = LP_ENTRY_NODE;
	b->e.path = b->path;
	b->e.mode = S_IFREG | (b->e.mode & 07777);
	b->e.size = 0;
}

/* The extents of the file that is looked at; *next: the first of its uses. */
static enum lp_code find_extents(const struct building *b, size_t *next, struct lp_buf *extents,
				 struct lp_err *err)
{
	extents->len = 0;
	for (uint64_t off = 0; off < b->e.size; off += b->choice.chunk_bytes) {
		struct lp_extent x = lp_rafs_chunks_extent(&b->chunks, (*next)++, off);

		if (lp_buf_add(extents, &x, sizeof(x), SIZE_MAX, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code make_tree(struct building *b, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf extents = {.p = NULL};
	const uint64_t *size = (const uint64_t *)(const void *)b->size.p;
	uint64_t body;
	size_t next = 0;

	if (lp_tree_open(&b->tree, err))
		return err->code;
	for (size_t i = 0; i < b->names.count; i++) {
		lp_spool_entry(&b->names, i, &b->e, b->xattr, &body);
		b->e.size = size[i];
		if (b->e.kind == LP_ENTRY_WHITEOUT || b->e.kind == LP_ENTRY_OPAQUE)
			spell_whiteout(b);
		if (has_data(&b->e)) {
			if (find_extents(b, &next, &extents, err))
				return err->code;
			b->e.extent = (const struct lp_extent *)(void *)extents.p;
			b->e.nextent = extents.len / sizeof(*b->e.extent);
		}
		if (lp_tree_add(&b->tree, &b->e, err))
			return err->code;
	}
	return lp_tree_end(&b->tree, err);
}

static enum lp_code list_section(struct building *b, const struct lp_rafs_section *s,
				 struct lp_err *err)
{
	uint8_t entry[LP_RAFS_TOC_ENTRY];

	lp_rafs_toc_print(s, entry);
	return lp_buf_add(&b->toc, entry, sizeof(entry), SIZE_MAX, err);
}

static enum lp_code put_header(struct building *b, const char *name, uint64_t bytes,
			       struct lp_err *err)
{
	uint8_t header[LP_RAFS_HEADER_BYTES];

	lp_rafs_tail_header(name, bytes, header);
	return put(b, header, sizeof(header), err);
}

/* The bytes of a section, by zstd if @small and that is smaller; listed, no header yet. */
static enum lp_code put_section(struct building *b, const char *name, const struct lp_buf *plain,
				bool small, struct lp_rafs_section *s, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stored = {.p = NULL};
	const struct lp_buf *what = plain;

	*s = (struct lp_rafs_section){.codec = LP_CODEC_NONE, .off = b->at,
				      .plain_bytes = plain->len};
	snprintf(s->name, sizeof(s->name), "%s", name);
	lp_digest_of(LP_SHA256, plain->p, plain->len, &s->digest);
	if (small && lp_codec_zstd.encode(plain->p, plain->len, LEVEL_INFO, &stored, err))
		return err->code;
	if (small && stored.len < plain->len) {
		s->codec = LP_CODEC_ZSTD;
		what = &stored;
	}
	s->stored_bytes = what->len;
	if (put(b, what->p, what->len, err))
		return err->code;
	return list_section(b, s, err);
}

/* The compression contexts of @own, their header, the digests: v6. */
static enum lp_code put_info(struct building *b, struct lp_rafs_stock *own, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf info = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf digests = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf head = {.p = NULL};
	struct lp_rafs_blob *blob = &own->blob;
	struct lp_rafs_section s;
	uint8_t entry[LP_RAFS_INFO_ENTRY];

	for (uint32_t i = 0; i < blob->nchunk; i++) {
		const struct lp_rafs_chunk *c = &lp_rafs_stock_at(own, i)->c;

		lp_rafs_info_print(c, entry);
		if (lp_buf_add(&info, entry, sizeof(entry), SIZE_MAX, err) ||
		    lp_buf_add(&digests, c->digest, LP_RAFS_DIGEST, SIZE_MAX, err))
			return err->code;
	}
	if (put_section(b, LP_RAFS_INFO, &info, true, &s, err) ||
	    lp_buf_reserve(&head, LP_RAFS_INFO_HEAD, SIZE_MAX, err))
		return err->code;
	blob->info_codec = s.codec;
	blob->info_off = s.off;
	blob->info_stored = s.stored_bytes;
	blob->info_plain = s.plain_bytes;
	lp_rafs_info_head(blob, head.p);
	head.len = LP_RAFS_INFO_HEAD;
	if (put_section(b, LP_RAFS_INFO_HEADER, &head, false, &s, err) ||
	    put_header(b, LP_RAFS_INFO, blob->info_stored + LP_RAFS_INFO_HEAD, err) ||
	    put_section(b, LP_RAFS_DIGESTS, &digests, false, &s, err))
		return err->code;
	return put_header(b, LP_RAFS_DIGESTS, digests.len, err);
}

/* What stands behind the chunks and in front of the bootstrap. */
static enum lp_code put_data_end(struct building *b, struct lp_err *err)
{
	struct lp_rafs_section s = {.name = LP_RAFS_DATA, .codec = LP_CODEC_NONE,
				    .stored_bytes = b->at};
	struct lp_rafs_stock *own = lp_rafs_chunks_own(&b->chunks);

	if (!own)
		return LP_OK;
	own->blob.nchunk = (uint32_t)(own->chunk.len / sizeof(struct lp_rafs_stored));
	s.plain_bytes = own->blob.plain_bytes;
	/* The digest covers the header: so does that of nydus-image. */
	if (put_header(b, LP_RAFS_DATA, b->at, err) || lp_hash_now(&b->hash, &s.digest, err) ||
	    list_section(b, &s, err) || (b->choice.version == 6 && put_info(b, own, err)))
		return err->code;
	own->blob.stored_bytes = b->at;
	return LP_OK;
}

static enum lp_code print_boot(struct building *b, struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_rafs_model_free) struct lp_rafs_model m = {
		.tree = &b->tree, .stock = lp_rafs_chunks_stock(&b->chunks, 0),
		.nstock = b->chunks.stock.len / sizeof(struct lp_rafs_stock),
		.prefetch = b->options.prefetch, .nprefetch = b->options.nprefetch,
		.chunk_bytes = b->choice.chunk_bytes, .kind = b->choice.kind,
	};

	if (lp_rafs_model_make(&m, err))
		return err->code;
	return b->choice.version == 6 ? lp_rafs_print_v6(&m, false, out, err)
				      : lp_rafs_print_v5(&m, out, err);
}

static enum lp_code put_boot(struct building *b, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf boot = {.p = NULL};
	bool toc = b->choice.version == 6;
	struct lp_rafs_section s;

	if (print_boot(b, &boot, err) ||
	    put_section(b, LP_RAFS_IMAGE_BOOT, &boot, toc, &s, err) ||
	    put_header(b, LP_RAFS_IMAGE_BOOT, s.stored_bytes, err))
		return err->code;
	if (!toc)
		return LP_OK;
	if (put(b, b->toc.p, b->toc.len, err))
		return err->code;
	return put_header(b, LP_RAFS_TOC_NAME, b->toc.len, err);
}

static enum lp_code end(struct lp_builder *builder, struct lp_built *built, struct lp_err *err)
{
	struct building *b = (struct building *)(void *)builder;

	*built = (struct lp_built){
		.media_type = LP_MEDIA_NYDUS_BLOB,
		.note = {{LP_NOTE_NYDUS_BLOB, "true"}}, .nnote = 1,
	};
	if (lp_pack_flush(&b->pack, err) || put_data_end(b, err) || make_tree(b, err) ||
	    put_boot(b, err))
		return err->code;
	lp_hash_end(&b->hash, &built->digest);
	built->bytes = built->plain_bytes = b->at;
	return LP_OK;
}

static void free_builder(struct lp_builder *builder)
{
	building_free((struct building *)(void *)builder);
}

static enum lp_code begin(struct building *b, const struct lp_spool *in, struct lp_err *err)
{
	const struct lp_build_options *o = &b->options;
	struct lp_rafs_blob *blob = &b->chunks.own;

	b->builder = (struct lp_builder){.sink = {.entry = take_entry, .body = take_body},
					 .end = end, .free = free_builder};
	b->names.fd = -1;
	b->hashing.write = put_hashed;
	if (lp_rafs_choose(o, &b->choice, err) ||
	    lp_pack_open(&b->pack, in, o, b->choice.codec, &b->hashing, err) ||
	    lp_hash_begin(&b->hash, LP_SHA256, err))
		return err->code;
	b->pack.written = written;
	b->pack.alg = b->choice.kind.alg;
	b->pack.chunks = true;
	memcpy(blob->id, UNKNOWN_ID, sizeof(UNKNOWN_ID));
	blob->codec = b->choice.kind.codec;
	blob->features = LP_RAFS_INLINED_META | LP_RAFS_TAR_HEADER | LP_RAFS_TAR_TOC;
	if (b->choice.version == 6)
		blob->features |= LP_RAFS_ALIGNED | LP_RAFS_INFO_DIGEST | LP_RAFS_TOC;
	b->chunks.aligned = b->choice.version == 6;
	return lp_rafs_chunks_open(&b->chunks, o->dict, o->dict_bytes, err);
}

static enum lp_code open_building(const struct lp_build_options *options,
				  const struct lp_spool *in, struct lp_writer *out,
				  struct building **b, struct lp_err *err)
{
	*b = calloc(1, sizeof(**b));
	if (!*b)
		return lp_fail_errno(err, "calloc");
	(*b)->options = *options;
	(*b)->out = out;
	if (!begin(*b, in, err))
		return LP_OK;
	building_free(*b);
	*b = NULL;
	return err->code;
}

enum lp_code lp_rafs_builder(const struct lp_build_options *options, struct lp_writer *out,
			     struct lp_builder **b, struct lp_err *err)
{
	struct building *new;

	if (open_building(options, NULL, out, &new, err))
		return err->code;
	*b = &new->builder;
	return LP_OK;
}

/* The entries of a spool in their order, bodies by pieces that the pool reads. */
static enum lp_code put_spool(struct building *b, const struct lp_spool *in, struct lp_err *err)
{
	LP_AUTO(lp_order_free) struct lp_order order = {.count = 0};
	uint64_t body;

	if (lp_order_make(&order, in, b->options.prefetch, b->options.nprefetch, err))
		return err->code;
	for (size_t i = 0; i < order.count; i++) {
		lp_spool_entry(in, lp_order_at(&order, i), &b->e, b->xattr, &body);
		if (keep_name(b, &b->e, err))
			return err->code;
		for (uint64_t off = 0, n; has_data(&b->e) && off < b->e.size; off += n) {
			n = chunk_bytes(b, b->e.size - off);
			if (lp_pack_cut(&b->pack, (size_t)n, err) ||
			    lp_pack_spool(&b->pack, body + off, n, err))
				return err->code;
		}
	}
	return LP_OK;
}

enum lp_code lp_rafs_build(const struct lp_spool *in, const struct lp_build_options *options,
			   struct lp_writer *out, struct lp_built *built, struct lp_err *err)
{
	struct building *b;
	enum lp_code rc;

	if (open_building(options, in, out, &b, err))
		return err->code;
	rc = put_spool(b, in, err);
	rc = rc ? rc : end(&b->builder, built, err);
	building_free(b);
	return rc;
}
