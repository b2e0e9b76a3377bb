// SPDX-License-Identifier: MIT
#include "format/estargz/blob.h"

#include "format/estargz/footer.h"
#include "format/estargz/scan.h"
#include "format/estargz/toc.h"
#include "tree/tar.h"

#include <inttypes.h>
#include <string.h>

#define RULE_NAME "estargz.toc-entry.name"
#define RULE_TYPE "estargz.toc-entry.type"
#define RULE_SIZE "estargz.toc-entry.size"
#define RULE_LIMIT "estargz.limit.toc"
#define RULE_MISSING "estargz.toc-digest.missing"
#define RULE_GRAMMAR "estargz.toc-digest.grammar"
#define RULE_MISMATCH "estargz.toc-digest.mismatch"

/*
 * The first read takes the last 1/150 of the blob, at least 32 KiB: the TOCs of python's, gcc's
 * and nginx's layers are up to 0.61 % of them.  More would cost bytes in every layer, less a
 * round trip in some.
 */
#define TAIL_PART 150
#define TAIL_MIN ((uint64_t)32 << 10)
#define TAIL_MAX ((uint64_t)1 << 20)

#define HEADER 512		/* of a tar entry */
#define NAME_FIELD 100		/* of the header */
#define TYPE_AT 156
#define EXPANSION 1032		/* deflate: 258 bytes from 2 bits, at most */

static uint64_t clamp(uint64_t v, uint64_t least, uint64_t most)
{
	return v < least ? least : v > most ? most : v;
}

/* Make @out the TOC's member: what is not in the @n bytes of @tail is read. */
static enum lp_code read_member(struct lp_source *source, const struct lp_footer *f,
				const struct lp_buf *tail, struct lp_buf *out, struct lp_err *err)
{
	uint64_t bytes = f->end - f->toc_off, tail_off = source->bytes - tail->len;
	size_t missing = f->toc_off < tail_off ? (size_t)(tail_off - f->toc_off) : 0;

	if (bytes > LP_TOC_BYTES_MAX)
		return lp_fail(err, LP_ELIMIT, f->toc_off, RULE_LIMIT,
			       "a TOC of %" PRIu64 " stored bytes", bytes);
	if (lp_buf_reserve(out, (size_t)bytes, LP_TOC_BYTES_MAX, err))
		return err->code;
	if (missing && lp_source_read(source, f->toc_off, out->p, missing, err))
		return err->code;
	memcpy(out->p + missing, tail->p + (f->toc_off + missing - tail_off),
	       (size_t)bytes - missing);
	out->len = (size_t)bytes;
	return LP_OK;
}

static enum lp_code load_member(struct lp_source *source, struct lp_buf *out, uint64_t *toc_off,
				struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf tail = {0};
	size_t n = (size_t)clamp(source->bytes / TAIL_PART, TAIL_MIN, TAIL_MAX);
	struct lp_footer f;

	if (n > source->bytes)
		n = (size_t)source->bytes;
	if (lp_buf_reserve(&tail, n, TAIL_MAX, err))
		return err->code;
	if (n && lp_source_read(source, source->bytes - n, tail.p, n, err))
		return err->code;
	tail.len = n;
	if (lp_footer_parse(tail.p, n, source->bytes, &f, err))
		return err->code;
	*toc_off = f.toc_off;
	return read_member(source, &f, &tail, out, err);
}

/* The size of the TOC, from the tar header at @raw, which must be its. */
static enum lp_code read_header(const uint8_t *raw, uint64_t at, uint64_t *bytes,
				struct lp_err *err)
{
	LP_AUTO(lp_tar_free) struct lp_tar tar = {0};
	char name[NAME_FIELD] = LP_TOC_NAME;
	struct lp_mem_reader mem;
	struct lp_entry e;
	bool more;

	/* Byte for byte: "./stargz.index.json" is another name (estargz.md 1.6). */
	if (memcmp(raw, name, NAME_FIELD) != 0)
		return lp_fail(err, LP_EFORMAT, at, RULE_NAME,
			       "the first entry of the TOC's member is not " LP_TOC_NAME);
	if (raw[TYPE_AT] != '0' && raw[TYPE_AT] != '\0')
		return lp_fail(err, LP_EFORMAT, at, RULE_TYPE, LP_TOC_NAME
			       " has typeflag %02x, want a regular file", raw[TYPE_AT]);
	lp_mem_reader_open(&mem, raw, HEADER);
	if (lp_tar_open(&tar, &mem.reader, err) || lp_tar_next(&tar, &e, &more, err)) {
		err->at = at;
		return lp_within(err, "the TOC's tar header");
	}
	if (strcmp(e.path, LP_TOC_NAME) != 0)
		return lp_fail(err, LP_EFORMAT, at, RULE_NAME,
			       "the name of the TOC's entry has a prefix: %.200s", e.path);
	*bytes = e.size;
	return LP_OK;
}

/* The first @want plain bytes of the member at @at. */
static enum lp_code decode(const struct lp_buf *stored, void *out, size_t want, uint64_t at,
			   struct lp_err *err)
{
	if (!lp_codec_gzip.decode(stored->p, stored->len, out, want, err))
		return LP_OK;
	err->at = at;
	return lp_within(err, "the TOC's member");
}

/* Inflate the first member of @stored: its header, then the JSON too. */
static enum lp_code inflate(const struct lp_buf *stored, struct lp_blob_toc *out,
			    struct lp_err *err)
{
	uint8_t raw[HEADER];
	uint64_t bytes = 0;

	if (decode(stored, raw, HEADER, out->toc_off, err) ||
	    read_header(raw, out->toc_off, &bytes, err))
		return err->code;
	if (bytes > LP_TOC_BYTES_MAX)
		return lp_fail(err, LP_ELIMIT, out->toc_off, RULE_LIMIT,
			       "a TOC of %" PRIu64 " bytes", bytes);
	if (bytes > (uint64_t)stored->len * EXPANSION)
		return lp_fail(err, LP_EFORMAT, out->toc_off, RULE_SIZE, "%zu stored bytes"
			       " cannot be a TOC of %" PRIu64, stored->len, bytes);
	out->json_bytes = (size_t)bytes;
	if (lp_buf_reserve(&out->plain, HEADER + out->json_bytes + LP_SCAN_SLACK, SIZE_MAX, err) ||
	    decode(stored, out->plain.p, HEADER + out->json_bytes, out->toc_off, err))
		return err->code;
	out->json = (char *)out->plain.p + HEADER;
	return LP_OK;
}

/* The digest that the manifest vouches for; none where @options allow that. */
static enum lp_code read_note(const struct lp_descriptor *d,
			      const struct lp_open_options *options, struct lp_digest *want,
			      struct lp_err *err)
{
	const char *note = lp_descriptor_note(d, LP_NOTE_TOC_DIGEST);

	*want = (struct lp_digest){0};
	if (!note && options && options->allow_unverified)
		return LP_OK;
	if (!note)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_MISSING,
			       "no annotation " LP_NOTE_TOC_DIGEST);
	if (!lp_digest_parse(note, strlen(note), want, err))
		return LP_OK;
	err->rule = RULE_GRAMMAR;
	return lp_within(err, "annotation " LP_NOTE_TOC_DIGEST);
}

static enum lp_code verify(const struct lp_blob_toc *toc, const struct lp_digest *want,
			   struct lp_err *err)
{
	struct lp_digest got;

	if (want->alg == LP_NO_DIGEST)
		return LP_OK;
	lp_digest_of(want->alg, toc->json, toc->json_bytes, &got);
	return lp_digest_check(&got, want, toc->toc_off, RULE_MISMATCH, "the TOC", err);
}

enum lp_code lp_blob_load(const struct lp_descriptor *d, struct lp_source *source,
			  const struct lp_open_options *options, struct lp_blob_toc *out,
			  struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stored = {0};
	struct lp_digest want;

	*out = (struct lp_blob_toc){0};
	if (read_note(d, options, &want, err) ||
	    load_member(source, &stored, &out->toc_off, err) || inflate(&stored, out, err) ||
	    verify(out, &want, err)) {
		lp_blob_free(out);
		return err->code;
	}
	return LP_OK;
}

void lp_blob_free(struct lp_blob_toc *t)
{
	lp_buf_free(&t->plain);
	*t = (struct lp_blob_toc){0};
}

enum lp_code lp_blob_probe(struct lp_source *source, bool *ours, struct lp_err *err)
{
	uint8_t tail[LP_FOOTER_BYTES];
	size_t n = source->bytes < sizeof(tail) ? (size_t)source->bytes : sizeof(tail);
	struct lp_footer f;
	struct lp_err no;

	*ours = false;
	if (n && lp_source_read(source, source->bytes - n, tail, n, err))
		return err->code;
	*ours = !lp_footer_parse(tail, n, source->bytes, &f, &no);
	return LP_OK;
}
