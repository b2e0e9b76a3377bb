// SPDX-License-Identifier: MIT
#include "format/rafs/zran.h"

#include "base/cursor.h"
#include "format/rafs/info.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_RANGE "rafs6.info.range"
#define RULE_SIZE "rafs6.zran.size"
#define RULE_HEADER "rafs6.zran.header"
#define RULE_CHUNK "rafs6.zran.chunk"
#define RULE_CONTEXT "rafs6.zran.context"

#define ENTRY 24u
#define CONTEXT 40u
#define MAGIC 0xb10bb10bu
#define FLAG_ZRAN 2u
#define INFO_MAX ((uint64_t)256 << 20)	/* ours: 8000 dictionaries, 4 GiB of gzip as nydus cuts it */

struct context {
	uint64_t in, out, dictionary;
	uint32_t in_bytes, out_bytes, dictionary_bytes;
	uint8_t bits;			/* of the byte before @in that are the stream's too */
};

static enum lp_code read_head(struct lp_rafs_zran *z, const struct lp_rafs_blob *b,
			      struct lp_err *err)
{
	struct lp_cursor c = {.p = z->head.p, .left = LP_RAFS_INFO_HEAD};
	uint32_t magic = lp_le32(&c), entries, again;
	uint64_t off, bytes;

	lp_take(&c, 8);
	entries = lp_le32(&c);
	lp_take(&c, 24);
	off = lp_le64(&c);
	bytes = lp_le64(&c);
	z->ncontext = lp_le32(&c);
	lp_take(&c, LP_RAFS_INFO_HEAD - 60 - 4);
	again = lp_le32(&c);
	if (magic != MAGIC || again != MAGIC || entries != b->nchunk ||
	    off != (uint64_t)b->nchunk * ENTRY || off > b->info_plain ||
	    bytes > b->info_plain - off || z->ncontext > b->nchunk ||
	    (uint64_t)z->ncontext * CONTEXT > bytes)
		return lp_fail(err, LP_EFORMAT, b->info_off + b->info_stored, RULE_HEADER,
			       "%u chunks and %u contexts, %" PRIu64 " bytes from %" PRIu64
			       " of %" PRIu64, entries, z->ncontext, bytes, off, b->info_plain);
	z->nchunk = b->nchunk;
	z->info.len = (size_t)(off + bytes);
	return LP_OK;
}

enum lp_code lp_rafs_zran_load(struct lp_rafs_zran *z, const struct lp_rafs_blob *b,
			       struct lp_source *meta, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stored = {.p = NULL};
	uint64_t end = b->info_off + b->info_stored;
	size_t n = (size_t)b->info_plain;

	if (b->info_plain > INFO_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_SIZE,
			       "%" PRIu64 " bytes of contexts", b->info_plain);
	if (end > meta->bytes || LP_RAFS_INFO_HEAD > meta->bytes - end)
		return lp_fail(err, LP_EFORMAT, b->info_off, RULE_RANGE,
			       "contexts of %" PRIu64 " bytes at %" PRIu64 " in a blob of %" PRIu64,
			       b->info_stored, b->info_off, meta->bytes);
	if (lp_buf_reserve(&stored, (size_t)b->info_stored, INFO_MAX, err) ||
	    lp_buf_reserve(&z->info, n, INFO_MAX, err) ||
	    lp_buf_reserve(&z->head, LP_RAFS_INFO_HEAD, LP_RAFS_INFO_HEAD, err) ||
	    lp_source_read(meta, b->info_off, stored.p, (size_t)b->info_stored, err) ||
	    lp_source_read(meta, end, z->head.p, LP_RAFS_INFO_HEAD, err) ||
	    lp_codec_number(b->info_codec)->decode(stored.p, (size_t)b->info_stored, z->info.p, n,
						   err))
		return lp_within(err, "contexts");
	z->head.len = LP_RAFS_INFO_HEAD;
	if (read_head(z, b, err))
		return err->code;
	z->frame = calloc((size_t)z->ncontext + 1, sizeof(*z->frame));
	return z->frame ? LP_OK : lp_fail_errno(err, "%u contexts", z->ncontext);
}

void lp_rafs_zran_free(struct lp_rafs_zran *z)
{
	lp_buf_free(&z->info);
	lp_buf_free(&z->head);
	free(z->frame);
	*z = (struct lp_rafs_zran){.nchunk = 0};
}

static void read_context(const struct lp_rafs_zran *z, uint32_t i, struct context *x)
{
	struct lp_cursor c = {.p = z->info.p + (size_t)z->nchunk * ENTRY + (size_t)i * CONTEXT,
			      .left = CONTEXT};

	x->in = lp_le64(&c);
	x->out = lp_le64(&c);
	x->dictionary = lp_le64(&c);
	x->in_bytes = lp_le32(&c);
	x->out_bytes = lp_le32(&c);
	x->dictionary_bytes = lp_le32(&c);
	lp_u8(&c); /* the byte, which is in the layer too */
	x->bits = lp_u8(&c);
}

/* The plain bytes before it, to the end of @window; zeros in front. */
static enum lp_code read_window(const struct lp_rafs_zran *z, uint32_t i, const struct context *x,
				uint8_t *window, struct lp_err *err)
{
	size_t from = (size_t)z->nchunk * ENTRY + (size_t)z->ncontext * CONTEXT;
	uint64_t all = z->info.len - from;

	if (x->dictionary_bytes > LP_WINDOW_BYTES || x->dictionary > all ||
	    x->dictionary_bytes > all - x->dictionary)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_CONTEXT,
			       "context %u has a dictionary of %u bytes at %" PRIu64 " of %" PRIu64, i,
			       x->dictionary_bytes, x->dictionary, all);
	memset(window, 0, LP_WINDOW_BYTES - x->dictionary_bytes);
	memcpy(window + LP_WINDOW_BYTES - x->dictionary_bytes, z->info.p + from + x->dictionary,
	       x->dictionary_bytes);
	return LP_OK;
}

static enum lp_code tell_context(struct lp_rafs_zran *z, uint32_t i, const struct context *x,
				 uint64_t blob_bytes, struct lp_sink *sink, struct lp_err *err)
{
	uint8_t before = x->bits ? 1 : 0;
	struct lp_frame f = {.off = x->in - before, .stored_bytes = (uint64_t)x->in_bytes + before,
			     .plain_bytes = x->out_bytes, .codec = LP_CODEC_GZIP,
			     .bit = before ? (uint8_t)(8 - x->bits) : 0};
	uint8_t *window;
	uint32_t frame;
	enum lp_code code;

	if (x->bits > 7 || x->in < before || x->in > blob_bytes || !x->in_bytes ||
	    x->in_bytes > blob_bytes - x->in || !x->out_bytes ||
	    x->out_bytes > LP_RAFS_ZRAN_PLAIN_MAX)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_CONTEXT,
			       "context %u: %u bytes in %u at %" PRIu64 " of %" PRIu64 ", %u bits", i,
			       x->out_bytes, x->in_bytes, x->in, blob_bytes, x->bits);
	window = malloc(LP_WINDOW_BYTES);
	if (!window)
		return lp_fail_errno(err, "a window");
	code = read_window(z, i, x, window, err);
	code = code ? code : sink->frame(sink, &f, window, &frame, err);
	free(window);
	if (!code)
		z->frame[i] = frame + 1;
	return code;
}

enum lp_code lp_rafs_zran_tell(struct lp_rafs_zran *z, const struct lp_rafs_chunk *c,
			       uint64_t blob_bytes, struct lp_sink *sink, uint32_t *frame,
			       uint64_t *off, struct lp_err *err)
{
	struct lp_cursor entry = {.p = z->info.p + (size_t)c->number * ENTRY, .left = ENTRY};
	struct context x = {.in = 0};
	uint64_t flags, where;
	uint32_t i;

	if (c->number >= z->nchunk)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_CHUNK,
			       "chunk %u of %u in the contexts", c->number, z->nchunk);
	flags = lp_le64(&entry) >> 56;
	lp_take(&entry, 8);
	where = lp_le64(&entry);
	i = (uint32_t)(where >> 32);
	*off = (uint32_t)where;
	if (i < z->ncontext)
		read_context(z, i, &x);
	if (!(flags & FLAG_ZRAN) || i >= z->ncontext || *off > x.out_bytes ||
	    c->plain_bytes > x.out_bytes - *off)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_CHUNK,
			       "chunk %u: %u bytes at %" PRIu64 " of context %u, which has %u",
			       c->number, c->plain_bytes, *off, i, x.out_bytes);
	if (!z->frame[i] && tell_context(z, i, &x, blob_bytes, sink, err))
		return err->code;
	*frame = z->frame[i] - 1;
	return LP_OK;
}
