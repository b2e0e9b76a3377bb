// SPDX-License-Identifier: MIT
#include "format/estargz/build.h"

#include "format/estargz/footer.h"
#include "format/estargz/landmark.h"
#include "format/order.h"
#include "format/estargz/print.h"
#include "format/estargz/toc.h"
#include "format/pack.h"
#include "tree/tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RULE_LIMIT "estargz.limit.toc"

#define CHUNK_BYTES ((uint64_t)4 << 20)	/* the reference writer's default */

/*
 * Headers that follow a body share its member, as the reference writer has it; a million
 * directories in a row begin a new one now and then, so that memory stays bounded.
 */
#define HEADERS_MAX ((size_t)1 << 20)

/*
 * The TOC is one member.  Up to so many bytes it is encoded at once, which makes it 8 %
 * smaller than a stream of zlib's; above, memory is what is short (design.md 7).
 */
#define WHOLE_TOC_MAX ((size_t)32 << 20)

/* A body that was handed to the pack. */
enum part { WHOLE, FIRST, MIDDLE, LAST };

struct chunk {
	uint64_t off;		/* of its member in the blob: set when it is written */
	uint8_t digest[32];	/* SHA-256, set then too */
	uint8_t part;
};

struct building {
	struct lp_pack pack;	/* first: written() is called with it */
	const struct lp_spool *in;
	uint64_t chunk_bytes;
	struct lp_order order;
	struct lp_buf chunk;	/* of struct chunk, in the order of the archive */
	struct lp_buf whole;	/* 32-byte digests of the files of several chunks */
	size_t written;		/* chunks */
	uint64_t toc_off;	/* of the TOC's member in the blob */
	struct lp_hash hash;	/* of the file of several chunks that is being written */
	struct lp_buf text;	/* a header, an entry of the TOC */
	/* The entry that is looked at, and how far printing the TOC is. */
	struct lp_entry e;
	uint64_t body;
	size_t next_chunk, next_whole;
	char name[LP_TAR_NAME_BYTES];
	struct lp_xattr xattr[LP_SPOOL_XATTRS];
};

static void building_free(struct building *b)
{
	lp_pack_free(&b->pack);
	lp_order_free(&b->order);
	lp_buf_free(&b->chunk);
	lp_buf_free(&b->whole);
	lp_hash_free(&b->hash);
	lp_buf_free(&b->text);
}

static struct chunk *chunk_at(const struct building *b, size_t i)
{
	return (struct chunk *)(void *)b->chunk.p + i;
}

/* A member was written: its place and digests are known now. */
static enum lp_code written(struct lp_pack *p, struct lp_packed *m, struct lp_err *err)
{
	struct building *b = (struct building *)(void *)p;
	struct chunk *c = chunk_at(b, b->written++);
	struct lp_digest whole;

	c->off = m->off;
	memcpy(c->digest, m->digest.b, sizeof(c->digest));
	if (c->part == FIRST && lp_hash_begin(&b->hash, LP_SHA256, err))
		return err->code;
	if (c->part != WHOLE)
		lp_hash_add(&b->hash, m->body, m->body_bytes);
	if (c->part != LAST)
		return LP_OK;
	lp_hash_end(&b->hash, &whole);
	return lp_buf_add(&b->whole, whole.b, sizeof(c->digest), SIZE_MAX, err);
}

/* Is this entry, b->e, a file with a body? */
static bool has_data(const struct building *b)
{
	return b->e.kind == LP_ENTRY_NODE && S_ISREG(b->e.mode) && b->e.size;
}

/* Look at place @i of the archive; the landmark stands at order.early, and shifts the rest. */
static void look_at(struct building *b, size_t i)
{
	if (i != b->order.early) {
		i = lp_order_at(&b->order, i < b->order.early ? i : i - 1);
		lp_spool_entry(b->in, i, &b->e, b->xattr, &b->body);
		return;
	}
	b->e = (struct lp_entry){
		.path = b->order.early ? LP_LANDMARK_PREFETCH : LP_LANDMARK_NONE,
		.mode = S_IFREG,
		.size = sizeof(LP_LANDMARK_BODY) - 1,
	};
}

static enum lp_code begin_chunk(struct building *b, size_t bytes, enum part part,
				struct lp_err *err)
{
	struct chunk c = {.part = (uint8_t)part};

	if (lp_buf_add(&b->chunk, &c, sizeof(c), SIZE_MAX, err))
		return err->code;
	return lp_pack_cut(&b->pack, bytes, err);
}

static enum lp_code put_chunks(struct building *b, bool landmark, struct lp_err *err)
{
	static const uint8_t zero[512];
	uint64_t off = 0, left = b->e.size, n;
	enum part part;

	for (; left; left -= n, off += n) {
		n = left < b->chunk_bytes ? left : b->chunk_bytes;
		part = n == b->e.size ? WHOLE : !off ? FIRST : n == left ? LAST : MIDDLE;
		if (begin_chunk(b, (size_t)n, part, err))
			return err->code;
		if (landmark ? lp_pack_add(&b->pack, LP_LANDMARK_BODY, (size_t)n, err)
			     : lp_pack_spool(&b->pack, b->body + off, n, err))
			return err->code;
	}
	return lp_pack_add(&b->pack, zero, lp_tar_pad(b->e.size), err);
}

static enum lp_code put_entries(struct building *b, struct lp_err *err)
{
	for (size_t i = 0; i <= b->order.count; i++) {
		look_at(b, i);
		b->text.len = 0;
		if (lp_pack_member_bytes(&b->pack) >= HEADERS_MAX + b->chunk_bytes &&
		    lp_pack_cut(&b->pack, 0, err))
			return err->code;
		if (lp_tar_header(&b->e, &b->text, err) ||
		    lp_pack_add(&b->pack, b->text.p, b->text.len, err))
			return err->code;
		if (has_data(b) && put_chunks(b, i == b->order.early, err))
			return err->code;
	}
	return lp_pack_flush(&b->pack, err);
}

/* Print the chunks of the file b->e. */
static enum lp_code print_chunks(struct building *b, bool first, struct lp_writer *to,
				 struct lp_err *err)
{
	struct lp_digest whole = {.alg = LP_SHA256}, digest = {.alg = LP_SHA256};
	uint64_t off = 0;

	while (off < b->e.size) {
		const struct chunk *c = chunk_at(b, b->next_chunk++);
		uint64_t n = b->e.size - off < b->chunk_bytes ? b->e.size - off : b->chunk_bytes;
		struct lp_print_chunk p = {.off = c->off, .chunk_off = off, .digest = &digest,
					   .whole = &whole,
					   .chunk_bytes = n == b->chunk_bytes ? n : 0};

		memcpy(digest.b, c->digest, sizeof(c->digest));
		if (c->part == FIRST)
			memcpy(whole.b, b->whole.p + sizeof(c->digest) * b->next_whole++,
			       sizeof(c->digest));
		else if (c->part == WHOLE)
			whole = digest;
		b->text.len = 0;
		if (lp_print_entry(&b->text, first && !off, b->name, &b->e, &p, err) ||
		    lp_write(to, b->text.p, b->text.len, err))
			return err->code;
		off += n;
	}
	return LP_OK;
}

static enum lp_code print_toc(struct building *b, struct lp_writer *to, struct lp_err *err)
{
	b->text.len = 0;
	b->next_chunk = b->next_whole = 0;
	if (lp_print_head(&b->text, err) || lp_write(to, b->text.p, b->text.len, err))
		return err->code;
	for (size_t i = 0; i <= b->order.count; i++) {
		look_at(b, i);
		lp_tar_name(&b->e, b->name);
		b->text.len = 0;
		if (has_data(b)) {
			if (print_chunks(b, !i, to, err))
				return err->code;
			continue;
		}
		if (lp_print_entry(&b->text, !i, b->name, &b->e, NULL, err) ||
		    lp_write(to, b->text.p, b->text.len, err))
			return err->code;
	}
	b->text.len = 0;
	if (lp_print_tail(&b->text, err))
		return err->code;
	return lp_write(to, b->text.p, b->text.len, err);
}

/* A writer into the pack. */
struct pack_writer {
	struct lp_writer writer;
	struct lp_pack *pack;
};

static enum lp_code pack_write(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	return lp_pack_add(((struct pack_writer *)(void *)w)->pack, p, n, err);
}

/* The TOC's member.  It is printed twice, rather than kept: its length stands before it. */
static enum lp_code put_toc(struct building *b, struct lp_digest *toc_digest, struct lp_err *err)
{
	static const uint8_t zero[512 + LP_TAR_EOF_BYTES];
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer count = {0};
	LP_AUTO(lp_buf_free) struct lp_buf header = {0};
	struct pack_writer to = {{pack_write}, &b->pack};
	struct lp_entry toc = {.path = LP_TOC_NAME, .mode = S_IFREG};

	if (lp_hash_writer_open(&count, NULL, LP_SHA256, err) ||
	    print_toc(b, &count.writer, err))
		return err->code;
	if (count.bytes > LP_TOC_BYTES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_LIMIT,
			       "a TOC of %" PRIu64 " bytes", count.bytes);
	toc.size = count.bytes;
	b->toc_off = b->pack.stored_bytes;
	if (toc.size > WHOLE_TOC_MAX ? lp_pack_widen(&b->pack, err) : lp_pack_cut(&b->pack, 0, err))
		return err->code;
	if (lp_tar_header(&toc, &header, err) ||
	    lp_pack_add(&b->pack, header.p, header.len, err) || print_toc(b, &to.writer, err))
		return err->code;
	lp_hash_end(&count.hash, toc_digest);
	return lp_pack_add(&b->pack, zero, lp_tar_pad(toc.size) + LP_TAR_EOF_BYTES, err);
}

static void add_note(struct lp_built *built, const char *key, const char *value)
{
	built->note[built->nnote].key = key;
	snprintf(built->note[built->nnote].value, sizeof(built->note[0].value), "%s", value);
	built->nnote++;
}

static enum lp_code finish(struct building *b, const struct lp_digest *toc_digest,
			   struct lp_built *built, struct lp_err *err)
{
	uint8_t footer[LP_FOOTER_BYTES];
	char text[LP_DIGEST_TEXT];

	if (lp_pack_end(&b->pack, &built->diffid, err))
		return err->code;
	lp_footer_print(b->toc_off, footer);
	if (lp_write(b->pack.out, footer, sizeof(footer), err))
		return err->code;
	built->media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
	built->plain_bytes = b->pack.plain_bytes;
	lp_digest_text(toc_digest, text);
	add_note(built, LP_NOTE_TOC_DIGEST, text);
	snprintf(text, sizeof(text), "%" PRIu64, built->plain_bytes);
	add_note(built, LP_NOTE_PLAIN_BYTES, text);
	return LP_OK;
}

enum lp_code lp_estargz_build(const struct lp_spool *in, const struct lp_build_options *options,
			      struct lp_writer *out, struct lp_built *built, struct lp_err *err)
{
	LP_AUTO(building_free) struct building b = {.in = in};
	struct lp_build_options o = *options;
	struct lp_digest toc_digest;

	*built = (struct lp_built){0};
	if (o.codec && o.codec != &lp_codec_gzip)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "eStargz is gzip, not %s",
			       o.codec->name);
	b.chunk_bytes = o.chunk_bytes ? o.chunk_bytes : CHUNK_BYTES;
	if (b.chunk_bytes > LP_FRAME_MAX)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "chunks of %" PRIu64 " bytes, at most %zu", b.chunk_bytes,
			       LP_FRAME_MAX);
	if (lp_order_make(&b.order, in, o.prefetch, o.nprefetch, err) ||
	    lp_pack_open(&b.pack, in, &o, &lp_codec_gzip, out, err))
		return err->code;
	b.pack.written = written;
	if (put_entries(&b, err) || put_toc(&b, &toc_digest, err) ||
	    finish(&b, &toc_digest, built, err))
		return err->code;
	return LP_OK;
}
