// SPDX-License-Identifier: MIT
#include "format/rafs/crc.h"

#include <isa-l/crc.h>

#define RULE_CRC "rafs.chunk.crc"

uint32_t lp_rafs_crc(const uint8_t *p, size_t n)
{
	union {
		const uint8_t *given;
		unsigned char *taken; /* the library's prototype; it only reads */
	} u = {.given = p};

	return ~crc32_iscsi(u.taken, (int)n, ~0u);
}

static enum lp_code check_one(const struct lp_rafs_chunk *c, uint8_t codec, uint64_t at,
			      struct lp_source *blob, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stored = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf plain = {.p = NULL};
	const uint8_t *p;
	uint32_t sum;

	if (lp_buf_reserve(&stored, c->stored_bytes, SIZE_MAX, err) ||
	    lp_source_read(blob, c->off, stored.p, c->stored_bytes, err))
		return err->code;
	p = stored.p;
	if (c->flags & LP_RAFS_COMPRESSED) {
		if (lp_buf_reserve(&plain, c->plain_bytes, SIZE_MAX, err) ||
		    lp_codec_number(codec)->decode(p, c->stored_bytes, plain.p, c->plain_bytes,
						   err))
			return err->code;
		p = plain.p;
	}
	sum = lp_rafs_crc(p, c->plain_bytes);
	if (sum != c->crc)
		return lp_fail(err, LP_EDIGEST, at, RULE_CRC,
			       "chunk %u has CRC-32C %#x, its record says %#x", c->number, sum,
			       c->crc);
	return LP_OK;
}

enum lp_code lp_rafs_crc_check(const struct lp_rafs_plan *plan, uint32_t i, struct lp_source *blob,
			       struct lp_err *err)
{
	const struct lp_rafs_place *at = (const struct lp_rafs_place *)(const void *)plan->place.p;

	for (size_t k = 0; k < plan->place.len / sizeof(*at); k++) {
		struct lp_rafs_chunk c;

		if (at[k].blob != i)
			continue;
		lp_rafs_chunk_read(plan->boot + at[k].at, &c);
		if (c.flags & LP_RAFS_CRC &&
		    check_one(&c, plan->blob[i].codec, at[k].at, blob, err))
			return err->code;
	}
	return LP_OK;
}
