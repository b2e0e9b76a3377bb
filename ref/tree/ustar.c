// SPDX-License-Identifier: MIT
#include "tree/ustar.h"

#include <string.h>

#define RULE_CHECKSUM "tar.header.checksum"
#define RULE_NUMBER "tar.header.number"
#define RULE_PREFIX "tar.header.gnu-prefix"

enum {
	NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, CHECKSUM = 148,
	TYPE = 156, LINK = 157, MAGIC = 257, VERSION = 263, MAJOR = 329, MINOR = 337,
	PREFIX = 345, GNU_ATIME = 345, GNU_CTIME = 357, STAR_MAGIC = 508,
};

#define ID LP_USTAR_ID
#define BIG LP_USTAR_BIG
#define STAR_PREFIX 131

bool lp_ustar_zero(const uint8_t block[static LP_USTAR_BYTES])
{
	static const uint8_t zero[LP_USTAR_BYTES];

	return !memcmp(block, zero, LP_USTAR_BYTES);
}

/* GNU's base-256: two's complement, big-endian, the top bit set besides. */
static bool read_base256(const uint8_t *p, unsigned n, int64_t *out)
{
	uint8_t fill = p[0] & 0x40 ? 0xff : 0;
	uint64_t v = fill ? UINT64_MAX : 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t c = i ? p[i] : (uint8_t)((p[0] & 0x7f) | (fill & 0x80));

		if ((uint8_t)(v >> 56) != fill)
			return false;
		v = v << 8 | c;
	}
	if (v >> 63 != (fill ? 1U : 0U))
		return false;
	*out = (int64_t)v;
	return true;
}

static bool read_number(const uint8_t *p, unsigned n, int64_t *out)
{
	uint64_t v = 0;
	unsigned i = 0;

	if (n && p[0] & 0x80)
		return read_base256(p, n, out);
	/* Leading and trailing spaces and NULs, as all kinds of writers leave them. */
	while (i < n && (p[i] == ' ' || !p[i]))
		i++;
	while (n > i && (p[n - 1] == ' ' || !p[n - 1]))
		n--;
	for (; i < n; i++) {
		if (p[i] < '0' || p[i] > '7')
			return false;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	*out = (int64_t)v;
	return true;
}

static bool sum_matches(const uint8_t *block)
{
	int plain = 8 * ' ', with_sign = 8 * ' ';
	int64_t want = 0;

	for (int i = 0; i < LP_USTAR_BYTES; i++)
		if (i < CHECKSUM || i >= CHECKSUM + 8) {
			plain += block[i];
			with_sign += (int8_t)block[i];
		}
	/* Some old tars added signed characters. */
	return read_number(block + CHECKSUM, 8, &want) && (want == plain || want == with_sign);
}

static size_t copy_text(char *out, const uint8_t *p, size_t n)
{
	const uint8_t *nul = memchr(p, 0, n);

	if (nul)
		n = (size_t)(nul - p);
	memcpy(out, p, n);
	out[n] = '\0';
	return n;
}

static enum lp_code read_name(const uint8_t *block, uint64_t at, struct lp_ustar *out,
			      struct lp_err *err)
{
	bool posix = !memcmp(block + MAGIC, "ustar", 6);
	bool star = posix && !memcmp(block + STAR_MAGIC, "tar", 4);
	size_t n = 0;
	int64_t time;

	/* Readers differ on whether this is a prefix; GNU's own has two times here. */
	if (!memcmp(block + MAGIC, "ustar  ", 8) &&
	    !(read_number(block + GNU_ATIME, BIG, &time) &&
	      read_number(block + GNU_CTIME, BIG, &time)))
		return lp_fail(err, LP_EFORMAT, at, RULE_PREFIX,
			       "a GNU header has something else in place of times");
	if (posix && block[PREFIX]) {
		n = copy_text(out->name, block + PREFIX, star ? STAR_PREFIX : LP_USTAR_PREFIX);
		out->name[n++] = '/';
	}
	copy_text(out->name + n, block + NAME, LP_USTAR_NAME);
	copy_text(out->link, block + LINK, LP_USTAR_NAME);
	return LP_OK;
}

enum lp_code lp_ustar_parse(const uint8_t block[static LP_USTAR_BYTES], uint64_t at,
			    struct lp_ustar *out, struct lp_err *err)
{
	bool v7 = memcmp(block + MAGIC, "ustar", 6) != 0 &&
		  memcmp(block + MAGIC, "ustar  ", 8) != 0;

	if (!sum_matches(block))
		return lp_fail(err, LP_EFORMAT, at, RULE_CHECKSUM,
			       "the checksum of a tar header differs");
	out->type = (char)block[TYPE];
	out->major = out->minor = 0;
	if (read_name(block, at, out, err))
		return err->code;
	if (!read_number(block + MODE, ID, &out->mode) ||
	    !read_number(block + UID, ID, &out->uid) ||
	    !read_number(block + GID, ID, &out->gid) ||
	    !read_number(block + SIZE, BIG, &out->size) ||
	    !read_number(block + MTIME, BIG, &out->mtime) ||
	    (!v7 && !read_number(block + MAJOR, ID, &out->major)) ||
	    (!v7 && !read_number(block + MINOR, ID, &out->minor)) || out->size < 0)
		return lp_fail(err, LP_EFORMAT, at, RULE_NUMBER,
			       "a number in the tar header of %.100s is none", out->name);
	return LP_OK;
}

bool lp_ustar_fits(int64_t n, unsigned bytes)
{
	return n >= 0 && n < (int64_t)1 << 3 * (bytes - 1);
}

static void write_number(uint8_t *p, unsigned bytes, int64_t n)
{
	uint64_t v = lp_ustar_fits(n, bytes) ? (uint64_t)n : 0;

	for (unsigned i = bytes - 1; i-- > 0; v >>= 3)
		p[i] = (uint8_t)('0' + (v & 7));
	p[bytes - 1] = 0;
}

static void write_text(uint8_t *p, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text && n < room; text++)
		if (!(*text & 0x80))
			p[n++] = (uint8_t)*text;
	while (*text & 0x80)
		text++;
	/* Some readers take a regular file for a directory when its cut name ends so. */
	while (*text && n && p[n - 1] == '/')
		p[--n] = 0;
}

size_t lp_ustar_split(const char *name)
{
	size_t n = strlen(name), at;

	if (n <= LP_USTAR_NAME)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (name[i] & 0x80)
			return 0;
	/* As Go does, so that the same names become the same bytes. */
	at = n > LP_USTAR_PREFIX + 1 ? LP_USTAR_PREFIX + 1 : n - (name[n - 1] == '/');
	while (at && name[at - 1] != '/')
		at--;
	if (at < 2 || n == at || n - at > LP_USTAR_NAME)
		return 0;
	return at - 1;
}

void lp_ustar_format(const struct lp_ustar *u, const char *name, size_t slash, const char *link,
		     uint8_t block[static LP_USTAR_BYTES])
{
	unsigned sum = 0;

	memset(block, 0, LP_USTAR_BYTES);
	if (slash)
		memcpy(block + PREFIX, name, slash);
	write_text(block + NAME, LP_USTAR_NAME, slash ? name + slash + 1 : name);
	write_text(block + LINK, LP_USTAR_NAME, link);
	write_number(block + MODE, ID, u->mode);
	write_number(block + UID, ID, u->uid);
	write_number(block + GID, ID, u->gid);
	write_number(block + SIZE, BIG, u->size);
	write_number(block + MTIME, BIG, u->mtime);
	block[TYPE] = (uint8_t)u->type;
	memcpy(block + MAGIC, "ustar\0" "00", 8);
	/* Headers of extensions have no device numbers, as Go and others write them. */
	if (u->type != LP_TAR_PAX) {
		write_number(block + MAJOR, ID, u->major);
		write_number(block + MINOR, ID, u->minor);
	}
	memset(block + CHECKSUM, ' ', 8);
	for (int i = 0; i < LP_USTAR_BYTES; i++)
		sum += block[i];
	write_number(block + CHECKSUM, 7, (int64_t)sum);
}
