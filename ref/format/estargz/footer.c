// SPDX-License-Identifier: MIT
#include "format/estargz/footer.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define RULE_MAGIC "estargz.footer.magic"
#define RULE_BYTES "estargz.footer.bytes"
#define RULE_TOC_OFFSET "estargz.footer.toc-offset"
#define RULE_EXTERNAL "estargz.footer.external"
#define RULE_ZSTD "estargz.footer.zstd-chunked"

#define HEX 16	/* digits of the offset */

/* RFC 1952: deflate, FEXTRA, no time, no flags, OS unknown; XLEN follows. */
#define GZIP "\x1f\x8b\x08\x04\0\0\0\0\0\xff"
/* An empty final stored block, CRC32 and ISIZE of nothing. */
#define EMPTY "\x01\0\0\xff\xff\0\0\0\0\0\0\0\0"

/* What stands before and behind the digits. */
static const char before[] = GZIP "\x1a\0SG\x16\0", before_legacy[] = GZIP "\x16\0";
static const char after[] = "STARGZ" EMPTY;
static const char external[] = GZIP "\x15\0SG\x11\0STARGZEXTERNALTOC" EMPTY;

/* Texts without their NUL. */
#define BYTES(text) (sizeof(text) - 1)

_Static_assert(BYTES(before) + HEX + BYTES(after) == LP_FOOTER_BYTES, "51 bytes");

static bool ends_with(const uint8_t *tail, size_t n, const char *text, size_t bytes)
{
	return n >= bytes && !memcmp(tail + n - bytes, text, bytes);
}

/* Where in the blob the TOC is not, but a known kind of footer is. */
static enum lp_code refuse_others(const uint8_t *tail, size_t n, uint64_t at, struct lp_err *err)
{
	if (ends_with(tail, n, external, BYTES(external)))
		return lp_fail(err, LP_EUNSUP, at - BYTES(external), RULE_EXTERNAL,
			       "the TOC is not in the blob but in an image of its own");
	if (ends_with(tail, n, "GnUlInUx", 8) || ends_with(tail, n, "GNUlInUx", 8))
		return lp_fail(err, LP_EUNSUP, at - 8, RULE_ZSTD, "a zstd:chunked footer");
	return LP_OK;
}

/* Fails unless the @bytes at @p, which is byte @at of the blob, are @want. */
static enum lp_code check_bytes(const uint8_t *p, const char *want, size_t bytes, uint64_t at,
				struct lp_err *err)
{
	for (size_t i = 0; i < bytes; i++)
		if (p[i] != (uint8_t)want[i])
			return lp_fail(err, LP_EFORMAT, at + i, RULE_BYTES,
				       "byte %02x in the footer, want %02x", p[i],
				       (uint8_t)want[i]);
	return LP_OK;
}

/* Sixteen digits [0-9a-f]; no sign, no space, no upper case. */
static enum lp_code parse_hex(const uint8_t *p, uint64_t at, uint64_t *out, struct lp_err *err)
{
	uint64_t v = 0;

	for (size_t i = 0; i < HEX; i++) {
		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (uint64_t)(p[i] - '0');
		else if (p[i] >= 'a' && p[i] <= 'f')
			v = v << 4 | (uint64_t)(p[i] - 'a' + 10);
		else
			return lp_fail(err, LP_EFORMAT, at + i, RULE_TOC_OFFSET,
				       "byte %02x in the TOC offset, want [0-9a-f]", p[i]);
	}
	*out = v;
	return LP_OK;
}

enum lp_code lp_footer_parse(const uint8_t *tail, size_t n, uint64_t blob_bytes,
			     struct lp_footer *out, struct lp_err *err)
{
	const size_t legacy_bytes = BYTES(before_legacy) + HEX + BYTES(after);
	const char *head = before;
	size_t bytes = LP_FOOTER_BYTES, head_bytes = BYTES(before);
	const uint8_t *p;
	uint64_t toc = 0;

	if (refuse_others(tail, n, blob_bytes, err))
		return err->code;
	if (n < legacy_bytes || memcmp(tail + n - BYTES(after), after, 6) != 0)
		return lp_fail(err, LP_EFORMAT, blob_bytes, RULE_MAGIC, "no eStargz footer");
	/* Both forms end alike: the gzip magic tells which one it is. */
	if (n < bytes || memcmp(tail + n - bytes, before, 3) != 0) {
		head = before_legacy;
		head_bytes = BYTES(before_legacy);
		bytes = legacy_bytes;
	}
	p = tail + n - bytes;
	out->end = blob_bytes - bytes;
	if (check_bytes(p, head, head_bytes, out->end, err) ||
	    check_bytes(p + head_bytes + HEX, after, BYTES(after), out->end + head_bytes + HEX, err) ||
	    parse_hex(p + head_bytes, out->end + head_bytes, &toc, err))
		return err->code;
	if (toc >= out->end)
		return lp_fail(err, LP_EFORMAT, out->end + head_bytes, RULE_TOC_OFFSET,
			       "the TOC at %" PRIu64 " is not before the footer at %" PRIu64, toc,
			       out->end);
	out->toc_off = toc;
	return LP_OK;
}

void lp_footer_print(uint64_t toc_off, uint8_t out[static LP_FOOTER_BYTES])
{
	char hex[HEX + 1];

	snprintf(hex, sizeof(hex), "%016" PRIx64, toc_off);
	memcpy(out, before, BYTES(before));
	memcpy(out + BYTES(before), hex, HEX);
	memcpy(out + BYTES(before) + HEX, after, BYTES(after));
}
