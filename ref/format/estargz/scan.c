// SPDX-License-Identifier: MIT
#include "format/estargz/scan.h"

#include "base/json.h"
#include "format/estargz/utf8.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RULE_SYNTAX "estargz.json.syntax"
#define RULE_TYPE "estargz.json.type"
#define RULE_UTF8 "estargz.json.utf8"
#define RULE_ESCAPE "estargz.json.escape"
#define RULE_INTEGER "estargz.json.integer"
#define RULE_DEPTH "estargz.json.depth"
#define RULE_TRAILING "estargz.json.trailing"

#define FORGET_BYTES ((size_t)1 << 20)	/* ours: given back at once */

void lp_scan_open(struct lp_scan *s, char *p, size_t n)
{
	/* NUL is legal nowhere in JSON: every loop ends at the slack at the latest. */
	memset(p + n, 0, LP_SCAN_SLACK);
	*s = (struct lp_scan){.start = p, .at = p, .end = p + n, .kept = p};
}

void lp_scan_forget(struct lp_scan *s, uint64_t upto)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	size_t before, bytes;

	if (s->start + upto < s->kept + FORGET_BYTES)
		return;
	/* Whole pages only: what shares the first one with them is not ours. */
	before = (size_t)(-(uintptr_t)s->kept % page);
	bytes = ((size_t)(s->start + upto - s->kept) - before) / page * page;
	if (!madvise(s->kept + before, bytes, MADV_DONTNEED))
		s->kept += before + bytes;
}

__attribute__((cold))
static enum lp_code fail_at(const struct lp_scan *s, const char *at, const char *rule,
			    const char *what, struct lp_err *err)
{
	return lp_fail(err, LP_EFORMAT, (uint64_t)(at - s->start), rule, "JSON: %s%s", what,
		       at == s->end ? ", but the text ends" : "");
}

static void skip_space(struct lp_scan *s)
{
	char *p = s->at;

	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	s->at = p;
}

uint64_t lp_scan_at(struct lp_scan *s)
{
	skip_space(s);
	return (uint64_t)(s->at - s->start);
}

enum lp_code lp_scan_enter(struct lp_scan *s, char bracket, struct lp_err *err)
{
	skip_space(s);
	if (*s->at != bracket)
		return fail_at(s, s->at, RULE_TYPE,
			       bracket == '{' ? "an object must stand here"
					      : "an array must stand here", err);
	if (s->depth == LP_JSON_DEPTH)
		return fail_at(s, s->at, RULE_DEPTH, "nested too deep", err);
	s->at++;
	s->depth++;
	s->fresh = true;
	return LP_OK;
}

/* Up to the next member of what is closed by @bracket, or behind the bracket. */
static enum lp_code next_member(struct lp_scan *s, char bracket, bool *more, struct lp_err *err)
{
	skip_space(s);
	*more = *s->at != bracket;
	if (*more && !s->fresh && *s->at != ',')
		return fail_at(s, s->at, RULE_SYNTAX, "a comma or a closing bracket must follow",
			       err);
	if (!*more)
		s->depth--;
	if (!*more || !s->fresh)
		s->at++;
	s->fresh = false;
	return LP_OK;
}

enum lp_code lp_scan_key(struct lp_scan *s, struct lp_scan_text *key, bool *more,
			 struct lp_err *err)
{
	if (next_member(s, '}', more, err))
		return err->code;
	if (!*more)
		return LP_OK;
	if (lp_scan_string(s, key, err))
		return err->code;
	skip_space(s);
	if (*s->at != ':')
		return fail_at(s, s->at, RULE_SYNTAX, "a colon must follow a key", err);
	s->at++;
	return LP_OK;
}

enum lp_code lp_scan_item(struct lp_scan *s, bool *more, struct lp_err *err)
{
	return next_member(s, ']', more, err);
}

/*
 * Bytes of a word that end a plain run of a string: their high bits.  Borrows only run
 * upwards from such a byte, so the lowest one found is always true (little endian, as
 * everything here).
 */
static uint64_t special(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101, high = ones << 7;
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';

	return (((w - ones * ' ') | (quote - ones) | (slash - ones)) & ~w & high) | (w & high);
}

/* The first byte at or behind @p that is a quote, a backslash, control or not ASCII. */
static char *plain_end(char *p)
{
	uint64_t w, found;

	for (;; p += sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		found = special(w);
		if (found)
			return p + __builtin_ctzll(found) / 8;
	}
}

static char *put_utf8(char *w, uint32_t c)
{
	if (c < 0x80) {
		*w++ = (char)c;
		return w;
	}
	if (c < 0x800) {
		*w++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*w++ = (char)(0xe0 | c >> 12);
		} else {
			*w++ = (char)(0xf0 | c >> 18);
			*w++ = (char)(0x80 | (c >> 12 & 63));
		}
		*w++ = (char)(0x80 | (c >> 6 & 63));
	}
	*w++ = (char)(0x80 | (c & 63));
	return w;
}

/* The value of the four digits at @p, or UINT32_MAX. */
static uint32_t hex4(const char *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i], lower = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			v = v << 4 | (uint32_t)(lower - 'a' + 10);
		else
			return UINT32_MAX;
	}
	return v;
}

/* \uXXXX, or a pair of them, at @r to @w. */
static enum lp_code unescape_unicode(struct lp_scan *s, char **r, char **w, struct lp_err *err)
{
	uint32_t c = hex4(*r + 2), low;

	if (c == UINT32_MAX)
		return fail_at(s, *r, RULE_ESCAPE, "\\u needs four digits", err);
	if (!c)
		return fail_at(s, *r, RULE_ESCAPE, "NUL in a string", err);
	if (c >= 0xd800 && c < 0xe000) {
		low = c < 0xdc00 && (*r)[6] == '\\' && (*r)[7] == 'u' ? hex4(*r + 8) : 0;
		if (low < 0xdc00 || low >= 0xe000)
			return fail_at(s, *r, RULE_ESCAPE, "half a surrogate pair", err);
		c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
		*r += 6;
	}
	*r += 6;
	*w = put_utf8(*w, c);
	return LP_OK;
}

static enum lp_code unescape(struct lp_scan *s, char **r, char **w, struct lp_err *err)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = (*r)[1];
	const char *hit = c ? strchr(from, c) : NULL;

	if (c == 'u')
		return unescape_unicode(s, r, w, err);
	if (!hit)
		return fail_at(s, *r, RULE_ESCAPE, "no such escape", err);
	*(*w)++ = to[hit - from];
	*r += 2;
	return LP_OK;
}

/* The rest of a string from @r on, which is no plain byte. */
static enum lp_code slow_string(struct lp_scan *s, char *r, char **end, struct lp_err *err)
{
	char *w = r;
	size_t n;

	while (*r != '"') {
		if (*r == '\\') {
			if (unescape(s, &r, &w, err))
				return err->code;
			continue;
		}
		if ((unsigned char)*r < ' ')
			return fail_at(s, r, RULE_SYNTAX, "control character in a string", err);
		n = (unsigned char)*r < 0x80 ? (size_t)(plain_end(r) - r) : lp_utf8_bytes(r);
		if (!n)
			return fail_at(s, r, RULE_UTF8, "no UTF-8", err);
		memmove(w, r, n);
		w += n;
		r += n;
	}
	*end = w;
	s->at = r + 1;
	return LP_OK;
}

enum lp_code lp_scan_string(struct lp_scan *s, struct lp_scan_text *out, struct lp_err *err)
{
	char *end;

	skip_space(s);
	if (*s->at != '"')
		return fail_at(s, s->at, RULE_TYPE, "a string must stand here", err);
	out->p = s->at + 1;
	end = plain_end(out->p);
	if (*end == '"')
		s->at = end + 1;
	else if (slow_string(s, end, &end, err))
		return err->code;
	*end = '\0';
	out->bytes = (size_t)(end - out->p);
	return LP_OK;
}

enum lp_code lp_scan_integer(struct lp_scan *s, int64_t *out, struct lp_err *err)
{
	bool minus;
	uint64_t v = 0, max;
	char *p;

	skip_space(s);
	minus = *s->at == '-';
	max = (uint64_t)INT64_MAX + minus;
	p = s->at + minus;
	if (*p < '0' || *p > '9')
		return fail_at(s, s->at, RULE_INTEGER, "an integer must stand here", err);
	if (*p == '0' && p[1] >= '0' && p[1] <= '9')
		return fail_at(s, s->at, RULE_SYNTAX, "a leading zero", err);
	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned d = (unsigned)(*p - '0');

		if (v > (max - d) / 10)
			return fail_at(s, s->at, RULE_INTEGER, "more than 64 bits", err);
		v = v * 10 + d;
	}
	if (*p == '.' || *p == 'e' || *p == 'E')
		return fail_at(s, s->at, RULE_INTEGER, "an integer must stand here", err);
	s->at = p;
	*out = minus ? -(int64_t)(v - 1) - 1 : (int64_t)v;
	return LP_OK;
}

bool lp_scan_null(struct lp_scan *s)
{
	skip_space(s);
	if (strncmp(s->at, "null", 4) != 0)
		return false;
	s->at += 4;
	return true;
}

static char *skip_digits(char *p)
{
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

static enum lp_code skip_number(struct lp_scan *s, struct lp_err *err)
{
	char *p = s->at + (*s->at == '-'), *from = p;

	p = skip_digits(p);
	if (p == from || (*from == '0' && p != from + 1))
		return fail_at(s, s->at, RULE_SYNTAX, "a value must stand here", err);
	if (*p == '.') {
		from = ++p;
		p = skip_digits(p);
		if (p == from)
			return fail_at(s, p, RULE_SYNTAX, "a digit must follow", err);
	}
	if (*p == 'e' || *p == 'E') {
		p += 1 + (p[1] == '+' || p[1] == '-');
		from = p;
		p = skip_digits(p);
		if (p == from)
			return fail_at(s, p, RULE_SYNTAX, "a digit must follow", err);
	}
	s->at = p;
	return LP_OK;
}

static enum lp_code skip_scalar(struct lp_scan *s, struct lp_err *err)
{
	static const char *const word[] = {"true", "false", "null"};
	struct lp_scan_text text;

	if (*s->at == '"')
		return lp_scan_string(s, &text, err);
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (strncmp(s->at, word[i], strlen(word[i])) != 0)
			continue;
		s->at += strlen(word[i]);
		return LP_OK;
	}
	return skip_number(s, err);
}

enum lp_code lp_scan_skip(struct lp_scan *s, struct lp_err *err)
{
	const uint32_t base = s->depth;
	uint64_t object = 0; /* bit i: level base + i + 1 is an object */
	struct lp_scan_text key;
	bool more;

	do {
		skip_space(s);
		if (*s->at == '{' || *s->at == '[') {
			uint64_t bit = (uint64_t)1 << (s->depth - base);

			object = *s->at == '{' ? object | bit : object & ~bit;
			if (lp_scan_enter(s, *s->at, err))
				return err->code;
		} else if (skip_scalar(s, err)) {
			return err->code;
		}
		/* Leave what ends here; stop at the next member of what does not. */
		for (more = false; !more && s->depth > base;)
			if (object >> (s->depth - base - 1) & 1
				    ? lp_scan_key(s, &key, &more, err)
				    : lp_scan_item(s, &more, err))
				return err->code;
	} while (s->depth > base);
	return LP_OK;
}

enum lp_code lp_scan_end(struct lp_scan *s, struct lp_err *err)
{
	skip_space(s);
	if (s->at != s->end)
		return fail_at(s, s->at, RULE_TRAILING, "bytes behind the value", err);
	return LP_OK;
}
