/* SPDX-License-Identifier: MIT */
/*
 * base64 - bytes as text and back: the standard alphabet, with padding, no white space.
 *
 * Specification: RFC 4648, section 4
 */
#ifndef LP_BASE64_H
#define LP_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Characters, without a NUL, that @n bytes become. */
static inline size_t lp_base64_chars(size_t n)
{
	return (n / 3 + (n % 3 != 0)) * 4;
}

/* Put the lp_base64_chars(@n) characters of @n bytes at @out; no NUL. */
void lp_base64_encode(const void *p, size_t n, char *out);

/*
 * lp_base64_decode - the bytes of @n characters.
 *
 * Strict: the length is a multiple of four, padding stands at the end only, and the bits
 * that padding leaves over are zero, so that each run of bytes has one text.
 *
 * @out    n / 4 * 3 bytes; may be @text itself
 * @bytes  how many there are
 */
bool lp_base64_decode(const char *text, size_t n, void *out, size_t *bytes);

#endif
