// SPDX-License-Identifier: MIT
#include "format/rafs/tail.h"

#include "base/cursor.h"
#include "tree/erofs_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_MISSING "rafs.tail.missing"
#define RULE_HEADER "rafs.tail.header"
#define RULE_SIZE "rafs.tail.size"
#define RULE_ENTRY "rafs.toc.entry"
#define RULE_DIGEST "rafs.toc.digest"

#define SECTIONS_MAX 8	/* ours: there are six names */

/* Fields of a tar's header that are not zero. */
enum { SIZE = 124, MTIME = 136, SUM = 148, TYPE = 156, MAGIC = 257 };

/* The sum of all bytes, those of the sum itself as spaces. */
static unsigned header_sum(const uint8_t *p)
{
	unsigned sum = 8 * ' ';

	for (size_t i = 0; i < LP_RAFS_HEADER_BYTES; i++)
		sum += i < SUM || i >= SUM + 8 ? p[i] : 0;
	return sum;
}

void lp_rafs_tail_header(const char *name, uint64_t bytes,
			 uint8_t out[static LP_RAFS_HEADER_BYTES])
{
	memset(out, 0, LP_RAFS_HEADER_BYTES);
	memcpy(out, name, strlen(name));
	snprintf((char *)out + SIZE, 12, "%011" PRIo64, bytes);
	snprintf((char *)out + MTIME, 12, "%011o", 0u);
	out[TYPE] = '0';
	memcpy(out + MAGIC, "ustar  ", 8);
	snprintf((char *)out + SUM, 8, "%07o", header_sum(out));
}

void lp_rafs_toc_print(const struct lp_rafs_section *s, uint8_t out[static LP_RAFS_TOC_ENTRY])
{
	static const uint8_t flag[] = {[LP_CODEC_NONE] = 1, [LP_CODEC_ZSTD] = 2, [LP_CODEC_LZ4] = 4};

	memset(out, 0, LP_RAFS_TOC_ENTRY);
	lp_put_le(out, 4, flag[s->codec]);
	memcpy(out + 8, s->name, strlen(s->name));
	memcpy(out + 24, s->digest.b, 32);
	lp_put_le(out + 56, 8, s->off);
	lp_put_le(out + 64, 8, s->stored_bytes);
	lp_put_le(out + 72, 8, s->plain_bytes);
}

/* The header that ends at @end: the name and the length of what is in front of it. */
static enum lp_code read_header(struct lp_source *blob, uint64_t end, char name[static 101],
				uint64_t *bytes, struct lp_err *err)
{
	uint8_t p[LP_RAFS_HEADER_BYTES];
	char *stop;

	if (end < sizeof(p))
		return lp_fail(err, LP_EFORMAT, end, RULE_HEADER, "no header ends here");
	if (lp_source_read(blob, end - sizeof(p), p, sizeof(p), err))
		return err->code;
	memcpy(name, p, 100);
	name[100] = '\0';
	p[SIZE + 11] = '\0';
	*bytes = strtoull((const char *)p + SIZE, &stop, 8);
	if (memcmp(p + MAGIC, "ustar", 5) != 0 || p[TYPE] != '0' || *stop ||
	    p[SIZE] < '0' || p[SIZE] > '7' || *bytes > end - sizeof(p))
		return lp_fail(err, LP_EFORMAT, end - sizeof(p), RULE_HEADER,
			       "not the header of a section of at most %" PRIu64 " bytes",
			       end - (uint64_t)sizeof(p));
	return LP_OK;
}

/* Section @name by the headers alone, from the end. */
static enum lp_code find_section(struct lp_source *blob, const char *name, uint64_t *off,
				 uint64_t *bytes, struct lp_err *err)
{
	uint64_t end = blob->bytes;
	char found[101];

	for (int i = 0; i < SECTIONS_MAX && end; i++) {
		if (read_header(blob, end, found, bytes, err))
			return err->code;
		*off = end - LP_RAFS_HEADER_BYTES - *bytes;
		if (!strcmp(found, name))
			return LP_OK;
		end = *off;
	}
	return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, RULE_MISSING, "the blob has no %s", name);
}

static enum lp_code parse_entry(const uint8_t *p, uint64_t at, struct lp_rafs_section *s,
				struct lp_err *err)
{
	struct lp_cursor c = {.p = p, .left = LP_RAFS_TOC_ENTRY};
	uint32_t flags = lp_le32(&c);

	*s = (struct lp_rafs_section){.digest = {.alg = LP_SHA256}};
	lp_le32(&c);
	memcpy(s->name, lp_take(&c, 16), 16);
	memcpy(s->digest.b, lp_take(&c, 32), 32);
	s->off = lp_le64(&c);
	s->stored_bytes = lp_le64(&c);
	s->plain_bytes = lp_le64(&c);
	s->codec = flags == 1 ? LP_CODEC_NONE : flags == 2 ? LP_CODEC_ZSTD : LP_CODEC_LZ4;
	if ((flags != 1 && flags != 2 && flags != 4) || s->off > at ||
	    s->stored_bytes > at - s->off)
		return lp_fail(err, LP_EFORMAT, at, RULE_ENTRY,
			       "section \"%s\", flags %#x: %" PRIu64 " bytes at %" PRIu64, s->name,
			       flags, s->stored_bytes, s->off);
	return LP_OK;
}

/*
 * The entry of @name in the table of contents, which must have it: by its header a section would
 * be read without a digest.  *found false: there is no table, or it is what is asked for.
 */
static enum lp_code find_entry(struct lp_source *blob, const char *name,
			       struct lp_rafs_section *s, bool *found, struct lp_err *err)
{
	uint8_t p[LP_RAFS_TOC_ENTRY];
	char last[101];
	uint64_t bytes, start;

	*found = false;
	if (read_header(blob, blob->bytes, last, &bytes, err))
		return err->code;
	if (strcmp(last, LP_RAFS_TOC_NAME) != 0 || !strcmp(name, LP_RAFS_TOC_NAME))
		return LP_OK;
	start = blob->bytes - LP_RAFS_HEADER_BYTES - bytes;
	if (bytes % sizeof(p) || bytes > LP_RAFS_TOC_MAX - LP_RAFS_HEADER_BYTES)
		return lp_fail(err, LP_EFORMAT, start, RULE_ENTRY,
			       "a table of contents of %" PRIu64 " bytes", bytes);
	for (uint64_t at = 0; at < bytes && !*found; at += sizeof(p)) {
		if (lp_source_read(blob, start + at, p, sizeof(p), err) ||
		    parse_entry(p, start, s, err))
			return err->code;
		*found = !strcmp(s->name, name);
	}
	return *found ? LP_OK
		      : lp_fail(err, LP_EMISSING, start, RULE_MISSING,
				"the table of contents of the blob has no %s", name);
}

static enum lp_code load_section(struct lp_source *blob, const struct lp_rafs_section *s,
				 struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stored = {.p = NULL};

	if (lp_buf_reserve(&stored, (size_t)s->stored_bytes, SIZE_MAX, err) ||
	    lp_buf_reserve(out, (size_t)s->plain_bytes, SIZE_MAX, err) ||
	    lp_source_read(blob, s->off, stored.p, (size_t)s->stored_bytes, err) ||
	    lp_codec_number(s->codec)->decode(stored.p, (size_t)s->stored_bytes, out->p,
					      (size_t)s->plain_bytes, err))
		return err->code;
	out->len = (size_t)s->plain_bytes;
	return LP_OK;
}

enum lp_code lp_rafs_tail_load(struct lp_source *blob, const char *name, size_t max,
			       struct lp_buf *out, struct lp_err *err)
{
	struct lp_rafs_section s = {.codec = LP_CODEC_NONE};
	struct lp_digest got;
	bool listed;

	out->len = 0;
	if (find_entry(blob, name, &s, &listed, err))
		return err->code;
	if (!listed) {
		if (find_section(blob, name, &s.off, &s.stored_bytes, err))
			return err->code;
		s.plain_bytes = s.stored_bytes;
	}
	if (s.plain_bytes > max || s.stored_bytes > max)
		return lp_fail(err, LP_ELIMIT, s.off, RULE_SIZE, "%s has %" PRIu64 " bytes", name,
			       s.plain_bytes);
	if (load_section(blob, &s, out, err))
		return lp_within(err, "%s", name);
	lp_digest_of(LP_SHA256, out->p, out->len, &got);
	return listed ? lp_digest_check(&got, &s.digest, s.off, RULE_DIGEST, name, err) : LP_OK;
}
