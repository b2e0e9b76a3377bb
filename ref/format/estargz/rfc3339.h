/* SPDX-License-Identifier: MIT */
/*
 * rfc3339 - times as text: "2020-09-13T12:26:41.5Z".
 *
 * Reading takes any offset from UTC and up to nine digits of a second; writing is in UTC,
 * with as many digits as are needed.
 *
 * Specification: RFC 3339, 5.6; leap seconds (:60) count as the second after them
 */
#ifndef LP_RFC3339_H
#define LP_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LP_RFC3339_BYTES 40	/* with the NUL; the years that print() takes need fewer */

/* Seconds since 1970 and ns below 10^9 of the @n bytes at @text; false: not of the grammar. */
bool lp_rfc3339_parse(const char *text, size_t n, int64_t *seconds, uint32_t *ns);

/* False: the year does not have four digits. */
bool lp_rfc3339_print(int64_t seconds, uint32_t ns, char out[static LP_RFC3339_BYTES]);

#endif
