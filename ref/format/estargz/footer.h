/* SPDX-License-Identifier: MIT */
/*
 * footer - the last bytes of an eStargz blob, which say where its TOC begins.
 *
 * An empty gzip member whose extra field holds the offset:
 *
 *	0         10     12   14    16                  32          38        43       51
 *	| gzip    | XLEN | SG | LEN | %016x of the TOC  | STARGZ    | empty   | CRC32  |
 *	| header  | =26  |    | =22 |                   |           | deflate | ISIZE  |
 *
 * The ancestor's, 47 bytes, has neither SG nor LEN.  Every byte but the digits is fixed, and
 * every byte is compared.
 *
 * Specification: stargz-snapshotter docs/estargz.md, "Footer"; spec/estargz.md 1.9
 */
#ifndef LP_FOOTER_H
#define LP_FOOTER_H

#include "base/err.h"

#include <stddef.h>

#define LP_FOOTER_BYTES 51	/* what is written, and the longest that is read */

struct lp_footer {
	uint64_t toc_off;	/* from the start of the blob: below end */
	uint64_t end;		/* of the TOC's member: where the footer begins */
};

/*
 * lp_footer_parse - the footer of a blob of @blob_bytes, of which @tail are the last @n.
 *
 * LP_EFORMAT  estargz.footer.magic: there is none; estargz.footer.bytes: a fixed byte differs;
 *             estargz.footer.toc-offset: no number, or none inside the blob
 * LP_EUNSUP   estargz.footer.external, estargz.footer.zstd-chunked: the TOC lies elsewhere
 */
LP_MUST_CHECK enum lp_code lp_footer_parse(const uint8_t *tail, size_t n, uint64_t blob_bytes,
					   struct lp_footer *out, struct lp_err *err);

/* The footer of a blob whose TOC begins at @toc_off. */
void lp_footer_print(uint64_t toc_off, uint8_t out[static LP_FOOTER_BYTES]);

#endif
