// SPDX-License-Identifier: MIT
#include "tree/canonical_line.h"

#include "base/base64.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS_MAX 128	/* bytes of what print() may be asked for at once */

/* An xattr; offsets in the line's text. */
struct item {
	size_t name, value, bytes;
};

void lp_canonical_line_free(struct lp_canonical_line *l)
{
	lp_buf_free(&l->item);
	lp_buf_free(&l->text);
	*l = (struct lp_canonical_line){0};
}

void lp_canonical_line_reset(struct lp_canonical_line *l)
{
	l->e = (struct lp_entry){0};
	l->first = NULL;
	l->opaque = false;
	l->digest = (struct lp_digest){0};
	l->item.len = 0;
	l->text.len = 0;
}

enum lp_code lp_canonical_line_xattr(struct lp_canonical_line *l, const char *name,
				     const void *value, size_t bytes, struct lp_err *err)
{
	const struct item i = {l->text.len, l->text.len + strlen(name) + 1, bytes};

	if (!strncmp(name, "trusted.overlay.", 16) || !strncmp(name, "user.overlay.", 13)) {
		l->opaque = l->opaque || (!strcmp(strstr(name, "overlay."), "overlay.opaque") &&
					  bytes == 1 && !memcmp(value, "y", 1));
		return LP_OK;
	}
	if (lp_buf_add(&l->text, name, strlen(name) + 1, LP_CANONICAL_LINE_MAX, err) ||
	    lp_buf_add(&l->text, value, bytes, LP_CANONICAL_LINE_MAX, err))
		return err->code;
	return lp_buf_add(&l->item, &i, sizeof(i), LP_CANONICAL_LINE_MAX, err);
}

static enum lp_code add(struct lp_buf *out, const char *text, struct lp_err *err)
{
	return lp_buf_add(out, text, strlen(text), LP_CANONICAL_LINE_MAX, err);
}

__attribute__((format(printf, 3, 4)))
static enum lp_code print(struct lp_buf *out, struct lp_err *err, const char *fmt, ...)
{
	char text[NUMBERS_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return lp_buf_add(out, text, (size_t)n, LP_CANONICAL_LINE_MAX, err);
}

/* "text", percent-encoded. */
static enum lp_code quote(struct lp_buf *out, const char *text, struct lp_err *err)
{
	static const char digit[] = "0123456789ABCDEF";
	size_t n = strlen(text);
	uint8_t *p;

	if (lp_buf_reserve(out, 3 * n + 2, LP_CANONICAL_LINE_MAX, err))
		return err->code;
	p = out->p + out->len;
	*p++ = '"';
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '%') {
			*p++ = c;
			continue;
		}
		*p++ = '%';
		*p++ = (uint8_t)digit[c >> 4];
		*p++ = (uint8_t)digit[c & 15];
	}
	*p++ = '"';
	out->len = (size_t)(p - out->p);
	return LP_OK;
}

static enum lp_code quote_as(struct lp_buf *out, const char *key, const char *text,
			     struct lp_err *err)
{
	if (add(out, key, err))
		return err->code;
	return quote(out, text, err);
}

static int compare(const void *a, const void *b, void *text)
{
	const struct item *x = a, *y = b;
	const char *names = text;

	return strcmp(names + x->name, names + y->name);
}

static enum lp_code print_xattrs(struct lp_canonical_line *l, struct lp_buf *out,
				 struct lp_err *err)
{
	struct item *item = (struct item *)(void *)l->item.p;
	size_t n = l->item.len / sizeof(*item);

	if (!n)
		return LP_OK;
	qsort_r(item, n, sizeof(*item), compare, l->text.p);
	for (size_t i = 0; i < n; i++) {
		size_t chars = lp_base64_chars(item[i].bytes);

		if (quote_as(out, i ? "," : ",\"x\":{", (const char *)l->text.p + item[i].name, err) ||
		    add(out, ":\"", err) || lp_buf_reserve(out, chars, LP_CANONICAL_LINE_MAX, err))
			return err->code;
		lp_base64_encode(l->text.p + item[i].value, item[i].bytes, (char *)out->p + out->len);
		out->len += chars;
		if (add(out, "\"", err))
			return err->code;
	}
	return add(out, "}", err);
}

/* Nanoseconds since 1970 may have more than 64 bits. */
static enum lp_code print_time(const struct lp_entry *e, struct lp_buf *out, struct lp_err *err)
{
	bool before = e->mtime < 0;
	uint64_t s = before ? -(uint64_t)e->mtime : (uint64_t)e->mtime;
	uint32_t ns = e->mtime_ns;

	if (before && ns) {
		s--;
		ns = 1000000000 - ns;
	}
	if (s)
		return print(out, err, ",\"mt\":%s%" PRIu64 "%09u", before ? "-" : "", s, ns);
	return print(out, err, ",\"mt\":%s%u", before ? "-" : "", ns);
}

static const char *type_name(const struct lp_entry *e)
{
	if (e->kind == LP_ENTRY_WHITEOUT)
		return "whiteout";
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return "reg";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	default:
		return "socket";
	}
}

static enum lp_code print_attributes(const struct lp_entry *e, struct lp_buf *out,
				     struct lp_err *err)
{
	if (print(out, err, ",\"m\":%u,\"u\":%u,\"g\":%u", e->mode & 07777, e->uid, e->gid) ||
	    (S_ISREG(e->mode) && print(out, err, ",\"s\":%" PRIu64, e->size)) ||
	    print_time(e, out, err))
		return err->code;
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode))
		return print(out, err, ",\"dev\":\"%u:%u\"", e->major, e->minor);
	return LP_OK;
}

enum lp_code lp_canonical_line_print(struct lp_canonical_line *l, struct lp_buf *out,
				     struct lp_err *err)
{
	const struct lp_entry *e = &l->e;
	char digest[LP_DIGEST_TEXT];

	if (quote_as(out, "{\"p\":", e->path, err) || quote_as(out, ",\"t\":", type_name(e), err))
		return err->code;
	if (e->kind == LP_ENTRY_WHITEOUT)
		return add(out, "}\n", err);
	if (print_attributes(e, out, err) || (l->first && quote_as(out, ",\"hl\":", l->first, err)) ||
	    (S_ISLNK(e->mode) && quote_as(out, ",\"l\":", e->link, err)) ||
	    print_xattrs(l, out, err) || (l->opaque && add(out, ",\"o\":true", err)))
		return err->code;
	if (l->digest.alg && !l->first) {
		lp_digest_text(&l->digest, digest);
		if (quote_as(out, ",\"d\":", digest, err))
			return err->code;
	}
	return add(out, "}\n", err);
}
