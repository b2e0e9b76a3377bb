// SPDX-License-Identifier: MIT
#include "format/estargz/print.h"

#include "base/base64.h"
#include "format/estargz/rfc3339.h"
#include "format/estargz/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_UTF8 "estargz.write.utf8"
#define RULE_TIME "estargz.entry.modtime"

/* A printing in progress: the first failure stays, and what follows does nothing. */
struct printer {
	struct lp_buf *out;
	struct lp_err *err;
	bool failed;
	bool comma;		/* a member was printed before */
};

static void put(struct printer *p, const void *bytes, size_t n)
{
	p->failed = p->failed || lp_buf_add(p->out, bytes, n, SIZE_MAX, p->err);
}

static void put_text(struct printer *p, const char *text)
{
	put(p, text, strlen(text));
}

/* What one character becomes, if not itself; Go escapes HTML's and JavaScript's own too. */
static size_t escape(const char *c, size_t bytes, char out[static 8])
{
	static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
	const char *hit = strchr(from, *c);

	if (hit) {
		out[0] = '\\';
		out[1] = to[hit - from];
		return 2;
	}
	if ((unsigned char)*c < ' ' || *c == '<' || *c == '>' || *c == '&')
		return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)*c);
	if (bytes == 3 && (!memcmp(c, "\xe2\x80\xa8", 3) || !memcmp(c, "\xe2\x80\xa9", 3)))
		return (size_t)snprintf(out, 8, "\\u202%c", c[2] == '\xa8' ? '8' : '9');
	return 0;
}

static void put_string(struct printer *p, const char *text)
{
	const char *run = text, *c = text;
	char escaped[8];
	size_t bytes, n;

	put(p, "\"", 1);
	for (; *c && !p->failed; c += bytes) {
		bytes = lp_utf8_bytes(c);
		if (!bytes) {
			p->failed = true;
			lp_fail(p->err, LP_EUNSUP, LP_NO_OFFSET, RULE_UTF8,
				"\"%.200s\" is not UTF-8, so a TOC cannot hold it", text);
			return;
		}
		n = escape(c, bytes, escaped);
		if (!n)
			continue;
		put(p, run, (size_t)(c - run));
		put(p, escaped, n);
		run = c + bytes;
	}
	put(p, run, (size_t)(c - run));
	put(p, "\"", 1);
}

static void key(struct printer *p, const char *indent, const char *name)
{
	put_text(p, p->comma ? ",\n" : "\n");
	put_text(p, indent);
	put_string(p, name);
	put_text(p, ": ");
	p->comma = true;
}

static void string_member(struct printer *p, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	key(p, "\t\t\t", name);
	put_string(p, text);
}

static void number_member(struct printer *p, const char *name, uint64_t v)
{
	char text[24];

	if (!v)
		return;
	key(p, "\t\t\t", name);
	put(p, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, v));
}

static void digest_member(struct printer *p, const char *name, const struct lp_digest *d)
{
	char text[LP_DIGEST_TEXT];

	if (!d)
		return;
	lp_digest_text(d, text);
	string_member(p, name, text);
}

static void time_member(struct printer *p, const struct lp_entry *e)
{
	char text[LP_RFC3339_BYTES];

	if (!e->mtime && !e->mtime_ns)
		return;
	if (!lp_rfc3339_print(e->mtime, e->mtime_ns, text)) {
		p->failed = true;
		lp_fail(p->err, LP_EUNSUP, LP_NO_OFFSET, RULE_TIME,
			"\"%.200s\": a time in seconds of %" PRId64
			" has no year of four digits", e->path, e->mtime);
		return;
	}
	string_member(p, "modtime", text);
}

static void value(struct printer *p, const struct lp_xattr *x)
{
	size_t n = lp_base64_chars(x->bytes);

	put(p, "\"", 1);
	p->failed = p->failed || lp_buf_reserve(p->out, n, SIZE_MAX, p->err);
	if (p->failed)
		return;
	lp_base64_encode(x->value, x->bytes, (char *)p->out->p + p->out->len);
	p->out->len += n;
	put(p, "\"", 1);
}

static int by_name(const void *a, const void *b)
{
	const struct lp_xattr *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void xattrs_member(struct printer *p, const struct lp_entry *e)
{
	const struct lp_xattr **list;

	if (!e->nxattr)
		return;
	list = calloc(e->nxattr, sizeof(*list));
	if (!list) {
		p->failed = true;
		lp_fail_errno(p->err, "calloc");
		return;
	}
	for (size_t i = 0; i < e->nxattr; i++)
		list[i] = &e->xattr[i];
	qsort(list, e->nxattr, sizeof(const struct lp_xattr *), by_name);
	key(p, "\t\t\t", "xattrs");
	put_text(p, "{");
	p->comma = false;
	for (size_t i = 0; i < e->nxattr; i++) {
		key(p, "\t\t\t\t", list[i]->name);
		value(p, list[i]);
	}
	free(list);
	put_text(p, "\n\t\t\t}");
}

static const char *type_of(const struct lp_entry *e, const struct lp_print_chunk *chunk)
{
	if (chunk && chunk->chunk_off)
		return "chunk";
	if (e->kind == LP_ENTRY_HARDLINK)
		return "hardlink";
	if (e->kind != LP_ENTRY_NODE)
		return "reg";
	switch (e->mode & S_IFMT) {
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
		return "reg";
	}
}

/* Everything that stands in the tar's header. */
static void header_members(struct printer *p, const struct lp_entry *e, bool data)
{
	number_member(p, "size", data ? e->size : 0);
	time_member(p, e);
	string_member(p, "linkName", e->link);
	number_member(p, "mode", e->mode & 07777);
	number_member(p, "uid", e->uid);
	number_member(p, "gid", e->gid);
}

enum lp_code lp_print_entry(struct lp_buf *out, bool first, const char *name,
			    const struct lp_entry *e, const struct lp_print_chunk *chunk,
			    struct lp_err *err)
{
	static const char nothing[] = "sha256:"
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct printer p = {.out = out, .err = err};
	const char *type = type_of(e, chunk);
	bool later = chunk && chunk->chunk_off;

	put_text(&p, first ? "\n\t\t{" : ",\n\t\t{");
	key(&p, "\t\t\t", "name");
	put_string(&p, name);
	string_member(&p, "type", type);
	if (!later)
		header_members(&p, e, chunk);
	number_member(&p, "offset", chunk ? chunk->off : 0);
	if (e->kind == LP_ENTRY_NODE && (S_ISCHR(e->mode) || S_ISBLK(e->mode))) {
		number_member(&p, "devMajor", e->major);
		number_member(&p, "devMinor", e->minor);
	}
	if (!later)
		xattrs_member(&p, e);
	if (chunk) {
		digest_member(&p, "digest", later ? NULL : chunk->whole);
		number_member(&p, "chunkOffset", chunk->chunk_off);
		number_member(&p, "chunkSize", chunk->chunk_bytes);
		digest_member(&p, "chunkDigest", chunk->digest);
	} else if (!strcmp(type, "reg")) {
		string_member(&p, "digest", nothing);
	}
	put_text(&p, "\n\t\t}");
	return p.failed ? err->code : LP_OK;
}

static enum lp_code print(struct lp_buf *out, const char *text, struct lp_err *err)
{
	return lp_buf_add(out, text, strlen(text), SIZE_MAX, err);
}

enum lp_code lp_print_head(struct lp_buf *out, struct lp_err *err)
{
	return print(out, "{\n\t\"version\": 1,\n\t\"entries\": [", err);
}

enum lp_code lp_print_tail(struct lp_buf *out, struct lp_err *err)
{
	return print(out, "\n\t]\n}", err);
}
