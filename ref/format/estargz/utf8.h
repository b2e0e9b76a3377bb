/* SPDX-License-Identifier: MIT */
/* utf8 - the characters of UTF-8 text.  Specification: Unicode 15, table 3-7 */
#ifndef LP_UTF8_H
#define LP_UTF8_H

#include <stddef.h>

/* Bytes (1 to 4) of the character at @p, which a NUL ends at the latest; 0: no UTF-8. */
static inline size_t lp_utf8_bytes(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;
	unsigned low = 0x80, high = 0xbf;
	size_t n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;

	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	if (b[0] == 0xe0 || b[0] == 0xf0)
		low = b[0] == 0xe0 ? 0xa0 : 0x90;
	if (b[0] == 0xed || b[0] == 0xf4)
		high = b[0] == 0xed ? 0x9f : 0x8f;
	if (b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

#endif
