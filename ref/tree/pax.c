// SPDX-License-Identifier: MIT
#include "tree/pax.h"

#include "tree/xattr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RULE_RECORD "tar.pax.record"
#define RULE_VALUE "tar.pax.value"
#define RULE_SPARSE "tar.sparse.pax"
#define RULE_XATTR_COUNT "tar.xattr.count"

#define NS_DIGITS 9

/* One record, cut into C strings. */
struct record {
	char *key, *value;
	size_t bytes;		/* of the value */
	uint64_t at;
};

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

void lp_pax_clear(struct lp_pax *x)
{
	x->has_path = x->has_link = x->has_size = LP_PAX_ABSENT;
	x->has_uid = x->has_gid = x->has_mtime = LP_PAX_ABSENT;
	x->nxattr = 0;
}

/* Decimal digits only, up to @max; moves @*p behind them. */
static bool read_digits(const char **p, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	const char *start = *p;

	for (; **p >= '0' && **p <= '9'; ++*p) {
		uint64_t digit = (uint64_t)(**p - '0');

		if (digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return *p > start;
}

static bool read_count(const char *text, uint64_t max, uint64_t *out)
{
	return read_digits(&text, max, out) && !*text;
}

/* "-1.5" is one and a half seconds before 1970: the seconds round down. */
static bool read_time(const char *text, int64_t *seconds, uint32_t *ns)
{
	bool minus = *text == '-';
	uint64_t whole;

	text += minus;
	if (!read_digits(&text, INT64_MAX - 1, &whole))
		return false;
	*seconds = minus ? -(int64_t)whole : (int64_t)whole;
	*ns = 0;
	if (!*text)
		return true;
	if (*text++ != '.')
		return false;
	for (int i = 0; i < NS_DIGITS; i++) {
		*ns = *ns * 10 + (uint32_t)(*text ? *text - '0' : 0);
		if (*text && (*text < '0' || *text > '9'))
			return false;
		text += *text != '\0';
	}
	if (minus && *ns) {
		--*seconds;
		*ns = 1000000000 - *ns;
	}
	return text[strspn(text, "0123456789")] == '\0';
}

static enum lp_code take_xattr(struct lp_pax *x, const struct record *r, struct lp_err *err)
{
	const char *name = r->key + strlen(LP_PAX_XATTR);
	size_t i = 0;
	bool keep;

	if (lp_xattr_take(name, r->bytes, r->at, &keep, err))
		return err->code;
	if (!keep)
		return LP_OK;
	while (i < x->nxattr && strcmp(x->xattr[i].name, name) != 0)
		i++;
	if (i == LP_PAX_XATTRS)
		return lp_fail(err, LP_ELIMIT, r->at, RULE_XATTR_COUNT, "more than %d xattrs",
			       LP_PAX_XATTRS);
	x->xattr[i] = (struct lp_xattr){.name = name, .value = r->value, .bytes = r->bytes};
	x->nxattr += i == x->nxattr;
	return LP_OK;
}

/* The keys that we know; false: a value that is none. */
static bool take_value(struct lp_pax *x, const struct record *r)
{
	enum lp_pax_state state = r->bytes ? LP_PAX_SET : LP_PAX_ERASED;
	uint64_t n = 0;
	bool ok = true;

	if (!strcmp(r->key, "path")) {
		x->has_path = state;
		x->path = r->value;
	} else if (!strcmp(r->key, "linkpath")) {
		x->has_link = state;
		x->link = r->value;
	} else if (!strcmp(r->key, "size")) {
		x->has_size = state;
		ok = !r->bytes || read_count(r->value, INT64_MAX, &x->size);
	} else if (!strcmp(r->key, "uid")) {
		x->has_uid = state;
		ok = !r->bytes || read_count(r->value, UINT32_MAX - 1, &n);
		x->uid = (uint32_t)n;
	} else if (!strcmp(r->key, "gid")) {
		x->has_gid = state;
		ok = !r->bytes || read_count(r->value, UINT32_MAX - 1, &n);
		x->gid = (uint32_t)n;
	} else if (!strcmp(r->key, "mtime")) {
		x->has_mtime = state;
		ok = !r->bytes || read_time(r->value, &x->mtime, &x->mtime_ns);
	} else {
		return true;
	}
	/* A NUL inside would be the end for some readers and not for others. */
	return ok && strlen(r->value) == r->bytes;
}

static enum lp_code take_record(struct lp_pax *x, const struct record *r, struct lp_err *err)
{
	if (begins(r->key, LP_PAX_XATTR))
		return take_xattr(x, r, err);
	if (begins(r->key, "GNU.sparse.") || !strcmp(r->key, "SUN.holesdata"))
		return lp_fail(err, LP_EUNSUP, r->at, RULE_SPARSE,
			       "a sparse file: %.60s", r->key);
	if (!take_value(x, r))
		return lp_fail(err, LP_EFORMAT, r->at, RULE_VALUE,
			       "\"%.60s\" is no %.20s", r->value, r->key);
	return LP_OK;
}

/* Cut the record at @p, of at most @n bytes; *@used is its length. */
static bool cut_record(char *p, size_t n, struct record *r, size_t *used)
{
	const char *digits = p;
	uint64_t length;
	char *end, *equals;

	/* The buffer ends with a NUL, so digits end there at the latest. */
	if (*p == '0' || !read_digits(&digits, n, &length) || *digits != ' ')
		return false;
	r->key = p + (digits - p) + 1;
	end = p + length - 1;
	if (end <= r->key || *end != '\n')
		return false;
	*end = '\0';
	equals = memchr(r->key, '=', (size_t)(end - r->key));
	if (!equals || equals == r->key || memchr(r->key, 0, (size_t)(equals - r->key)))
		return false;
	*equals = '\0';
	r->value = equals + 1;
	r->bytes = (size_t)(end - r->value);
	*used = (size_t)length;
	return true;
}

enum lp_code lp_pax_parse(struct lp_pax *x, char *p, size_t n, uint64_t at, struct lp_err *err)
{
	size_t used;

	p[n] = '\0';
	for (size_t off = 0; off < n; off += used) {
		struct record r = {.at = at + off};

		if (!cut_record(p + off, n - off, &r, &used))
			return lp_fail(err, LP_EFORMAT, at + off, RULE_RECORD,
				       "not a record of an extended header");
		if (take_record(x, &r, err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_pax_add(struct lp_buf *out, const char *key, const void *value, size_t n,
			struct lp_err *err)
{
	size_t rest = strlen(key) + n + 3, length = rest + 1;	/* ' ', '=', '\n' */
	char head[24];

	/* The length counts its own digits. */
	for (size_t power = 10; length >= power; power *= 10)
		length++;
	snprintf(head, sizeof(head), "%zu ", length);
	if (lp_buf_add(out, head, strlen(head), SIZE_MAX, err) ||
	    lp_buf_add(out, key, strlen(key), SIZE_MAX, err) ||
	    lp_buf_add(out, "=", 1, SIZE_MAX, err) || lp_buf_add(out, value, n, SIZE_MAX, err) ||
	    lp_buf_add(out, "\n", 1, SIZE_MAX, err))
		return err->code;
	return LP_OK;
}
