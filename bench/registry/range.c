// SPDX-License-Identifier: MIT
#include "registry/range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* Decimal digits at *p; a number that does not fit saturates, which is past every end. */
static bool number(const char **p, uint64_t *v)
{
	const char *s = *p;

	for (*v = 0; *s >= '0' && *s <= '9'; s++) {
		unsigned digit = (unsigned)(*s - '0');

		*v = *v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *v * 10 + digit;
	}
	if (s == *p)
		return false;
	*p = s;
	return true;
}

/* One "first-last", "first-" or "-suffix" at *p; bytes 0: not satisfiable. */
static bool one(const char **p, uint64_t size, struct lb_range *r)
{
	uint64_t first, last;
	bool open, suffix = !number(p, &first);

	if (*(*p)++ != '-')
		return false;
	open = !number(p, &last);
	if (suffix ? open : !open && last < first)
		return false;
	*r = (struct lb_range){0};
	if (suffix) {
		r->bytes = last < size ? last : size;
		r->off = size - r->bytes;
	} else if (first < size) {
		r->off = first;
		r->bytes = open || last >= size ? size - first : last - first + 1;
	}
	return true;
}

enum lb_range_answer lb_range_parse(const char *text, uint64_t bytes, struct lb_ranges *out)
{
	const char *p = text;

	out->n = 0;
	if (!text || strncasecmp(text, "bytes=", 6) != 0)
		return LB_RANGE_WHOLE;
	p += 6;
	for (size_t asked = 0;; asked++) {
		struct lb_range r;

		p = skip_blanks(p);
		if (asked == LB_RANGES_MAX || !one(&p, bytes, &r))
			return LB_RANGE_WHOLE;
		if (r.bytes)
			out->r[out->n++] = r;
		p = skip_blanks(p);
		if (!*p)
			break;
		if (*p++ != ',')
			return LB_RANGE_WHOLE;
	}
	return out->n ? LB_RANGE_PART : LB_RANGE_OUTSIDE;
}
