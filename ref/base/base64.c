// SPDX-License-Identifier: MIT
#include "base/base64.h"

#include <stdint.h>

static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void lp_base64_encode(const void *p, size_t n, char *out)
{
	const uint8_t *b = p;

	for (; n >= 3; n -= 3, b += 3) {
		*out++ = digit[b[0] >> 2];
		*out++ = digit[(b[0] & 3) << 4 | b[1] >> 4];
		*out++ = digit[(b[1] & 15) << 2 | b[2] >> 6];
		*out++ = digit[b[2] & 63];
	}
	if (n) {
		*out++ = digit[b[0] >> 2];
		*out++ = digit[(b[0] & 3) << 4 | (n == 2 ? b[1] >> 4 : 0)];
		*out++ = n == 2 ? digit[(b[1] & 15) << 2] : '=';
		*out++ = '=';
	}
}

static int value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool lp_base64_decode(const char *text, size_t n, void *out, size_t *bytes)
{
	size_t pad = n && text[n - 1] == '=' ? 1 + (n > 1 && text[n - 2] == '=') : 0;
	uint8_t *b = out;
	uint32_t bits = 0;
	unsigned have = 0;

	*bytes = n / 4 * 3 - pad;
	if (n % 4)
		return false;
	for (size_t i = 0; i < n - pad; i++) {
		int v = value(text[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*b++ = (uint8_t)(bits >> have);
		}
	}
	return !(bits & ((1u << have) - 1));
}
