/* SPDX-License-Identifier: MIT */
/*
 * range - the Range header of a request, against the size of what it asks for.
 *
 * Specification: RFC 9110, 14.1.2 (byte ranges), 14.2 (Range)
 */
#ifndef LB_RANGE_H
#define LB_RANGE_H

#include <stddef.h>
#include <stdint.h>

#define LB_RANGES_MAX 256	/* ours: more in one request and the header is ignored */

struct lb_range {
	uint64_t off, bytes;	/* within the resource; bytes is never 0 */
};

struct lb_ranges {
	struct lb_range r[LB_RANGES_MAX];
	size_t n;
};

enum lb_range_answer {
	LB_RANGE_WHOLE,		/* no header, another unit, or not of the grammar: 200 */
	LB_RANGE_PART,		/* out->n satisfiable ranges, in the order asked for: 206 */
	LB_RANGE_OUTSIDE,	/* well-formed, and none satisfiable: 416 */
};

/* @text is the header's value, or NULL; ends are clamped to @bytes, the resource's size. */
enum lb_range_answer lb_range_parse(const char *text, uint64_t bytes, struct lb_ranges *out);

#endif
