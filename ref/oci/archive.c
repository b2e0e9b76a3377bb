// SPDX-License-Identifier: MIT
#include "oci/archive.h"

#include "base/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_HEADER "oci.archive.header"
#define RULE_SIZE "oci.archive.size"
#define RULE_PAX "oci.archive.pax"
#define RULE_MEMBERS "oci.archive.members"

#define BLOCK 512
#define PAX_MAX 65536	/* bytes, ours: a size and some times */
#define NAME_BYTES 257	/* prefix, slash, name, and the NUL */

/* What one header says, with what a pax header before it overrides. */
struct header {
	char name[NAME_BYTES];
	uint64_t bytes;
	char type;
};

/* A number field: octal digits, or base 256 when the top bit is set.  False: neither. */
static bool read_number(struct lp_cursor *c, size_t width, uint64_t *out)
{
	const uint8_t *p = lp_take(c, width);
	uint64_t v = 0;
	size_t i = 0;

	if (*p == 0x80) {
		for (i = 1; i < width; i++) {
			if (v >> 55)
				return false;
			v = v << 8 | p[i];
		}
		*out = v;
		return true;
	}
	while (i < width && p[i] == ' ')
		i++;
	for (; i < width && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	*out = v;
	return i == width || p[i] == '\0' || p[i] == ' ';
}

static bool sum_matches(const uint8_t block[static BLOCK])
{
	struct lp_cursor c = {.p = block + 148, .left = 8};
	uint64_t want, got = 8 * ' ';

	for (size_t i = 0; i < BLOCK; i++)
		got += i < 148 || i >= 156 ? block[i] : 0;
	return read_number(&c, 8, &want) && got == want;
}

static enum lp_code read_header(const uint8_t block[static BLOCK], uint64_t at, struct header *h,
				struct lp_err *err)
{
	struct lp_cursor c = {.p = block, .left = BLOCK};
	const uint8_t *name = lp_take(&c, 100), *prefix;
	bool ok;

	lp_take(&c, 24); /* mode, uid, gid */
	ok = read_number(&c, 12, &h->bytes);
	lp_take(&c, 20); /* mtime, checksum */
	h->type = (char)lp_u8(&c);
	lp_take(&c, 188); /* linkname, magic, version, uname, gname, devices */
	prefix = lp_take(&c, 155);
	if (!ok || !sum_matches(block))
		return lp_fail(err, LP_EFORMAT, at, RULE_HEADER, "not a tar header");
	/* Old tars have other fields, and GNU's has times, where ustar keeps the prefix. */
	if (memcmp(block + 257, "ustar", 6) || !*prefix)
		snprintf(h->name, sizeof(h->name), "%.100s", (const char *)name);
	else
		snprintf(h->name, sizeof(h->name), "%.155s/%.100s", (const char *)prefix,
			 (const char *)name);
	return LP_OK;
}

/* One "LENGTH KEY=VALUE\n" of a pax header; only sizes matter to us. */
static bool read_record(const char *record, size_t n, uint64_t *bytes, bool *sized)
{
	const char *key = memchr(record, ' ', n), *end = record + n - 1;
	uint64_t v = 0;

	if (!key || *end != '\n')
		return false;
	key++;
	if (!strncmp(key, "path=", 5) || !strncmp(key, "GNU.sparse.", 11))
		return false;
	if (strncmp(key, "size=", 5))
		return true;
	for (key += 5; key < end; key++) {
		if (*key < '0' || *key > '9' || v > (INT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(*key - '0');
	}
	*bytes = v;
	*sized = true;
	return true;
}

static enum lp_code read_pax(int fd, uint64_t off, uint64_t n, uint64_t *bytes, bool *sized,
			     struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	const char *p;

	if (n > PAX_MAX)
		return lp_fail(err, LP_ELIMIT, off, RULE_PAX,
			       "a pax header of %" PRIu64 " bytes, the limit is %d", n, PAX_MAX);
	if (lp_buf_reserve(&text, (size_t)n + 1, PAX_MAX + 1, err) ||
	    lp_file_pread(fd, off, text.p, (size_t)n, err))
		return err->code;
	text.p[n] = '\0';
	p = (const char *)text.p;
	for (size_t at = 0, len = 0; at < n; at += len) {
		len = 0;
		for (size_t i = at; p[i] >= '0' && p[i] <= '9' && len <= PAX_MAX; i++)
			len = len * 10 + (size_t)(p[i] - '0');
		if (len < 5 || len > n - at || !read_record(p + at, len, bytes, sized))
			return lp_fail(err, LP_EUNSUP, off + at, RULE_PAX,
				       "a pax record that is not understood here");
	}
	return LP_OK;
}

static enum lp_code add_member(struct lp_archive *a, const struct header *h, uint64_t off,
			       struct lp_err *err)
{
	const char *name = !strncmp(h->name, "./", 2) ? h->name + 2 : h->name;
	struct lp_archive_member *grown;
	size_t room = a->room ? a->room * 2 : 64;

	if (a->n == LP_ARCHIVE_MEMBERS)
		return lp_fail(err, LP_ELIMIT, off, RULE_MEMBERS,
			       "more than %d members in the archive", LP_ARCHIVE_MEMBERS);
	if (a->n == a->room) {
		grown = realloc(a->member, room * sizeof(*grown));
		if (!grown)
			return lp_fail_errno(err, "allocate %zu members", room);
		a->member = grown;
		a->room = room;
	}
	a->member[a->n] = (struct lp_archive_member){strdup(name), off, h->bytes};
	if (!a->member[a->n].name)
		return lp_fail_errno(err, "allocate a name");
	a->n++;
	return LP_OK;
}

/* The member whose header is at *@at; moves *@at to the next one. */
static enum lp_code walk_one(struct lp_archive *a, int fd, uint64_t *at, uint64_t end,
			     const uint8_t block[static BLOCK], struct lp_err *err)
{
	struct header h;
	uint64_t body = *at + BLOCK, bytes = 0;
	bool sized = false;

	if (read_header(block, *at, &h, err))
		return err->code;
	if (h.type == 'x') {
		uint8_t next[BLOCK];

		if (h.bytes > end - body)
			return lp_fail(err, LP_ESHORT, *at, RULE_SIZE, "a pax header ends early");
		if (read_pax(fd, body, h.bytes, &bytes, &sized, err))
			return err->code;
		*at = body + (h.bytes + BLOCK - 1) / BLOCK * BLOCK;
		body = *at + BLOCK;
		if (body > end || lp_file_pread(fd, *at, next, BLOCK, err))
			return lp_fail(err, LP_ESHORT, *at, RULE_SIZE, "no member behind a pax header");
		if (read_header(next, *at, &h, err))
			return err->code;
	}
	if (h.type == 'L' || h.type == 'S' || h.type == 'x')
		return lp_fail(err, LP_EUNSUP, *at, RULE_HEADER, "a member of type '%c'", h.type);
	if (sized)
		h.bytes = bytes;
	if (h.bytes > end - body)
		return lp_fail(err, LP_ESHORT, *at, RULE_SIZE,
			       "\"%.100s\" of %" PRIu64 " bytes goes past the end", h.name,
			       h.bytes);
	*at = body + h.bytes + (BLOCK - h.bytes % BLOCK) % BLOCK;
	return h.type == '0' || h.type == '\0' ? add_member(a, &h, body, err) : LP_OK;
}

enum lp_code lp_archive_open(struct lp_archive *out, int fd, struct lp_err *err)
{
	LP_AUTO(lp_archive_free) struct lp_archive a = {0};
	static const uint8_t zeros[BLOCK];
	uint8_t block[BLOCK];
	uint64_t end, at = 0;

	*out = a;
	if (lp_file_bytes(fd, &end, err))
		return err->code;
	while (end >= BLOCK && at <= end - BLOCK) {
		if (lp_file_pread(fd, at, block, BLOCK, err))
			return err->code;
		if (!memcmp(block, zeros, BLOCK))
			break;
		if (walk_one(&a, fd, &at, end, block, err))
			return err->code;
	}
	*out = a;
	a = (struct lp_archive){0};
	return LP_OK;
}

void lp_archive_free(struct lp_archive *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->member[i].name);
	free(a->member);
	*a = (struct lp_archive){0};
}

const struct lp_archive_member *lp_archive_find(const struct lp_archive *a, const char *name)
{
	for (size_t i = a->n; i-- > 0;)
		if (!strcmp(a->member[i].name, name))
			return &a->member[i];
	return NULL;
}
