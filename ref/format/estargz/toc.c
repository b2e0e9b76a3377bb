// SPDX-License-Identifier: MIT
#include "format/estargz/toc.h"

#include "base/base64.h"
#include "format/estargz/rfc3339.h"
#include "layer/layer.h"
#include "tree/xattr.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RULE_KEY "estargz.toc.key"
#define RULE_VERSION "estargz.toc.version"
#define RULE_ENTRIES "estargz.toc.entries"
#define RULE_REQUIRED "estargz.entry.required"
#define RULE_TYPE "estargz.entry.type"
#define RULE_TIME "estargz.entry.modtime"
#define RULE_XATTRS "estargz.entry.xattrs"

enum kind { NUMBER, TEXT, TYPE, XATTRS, IGNORED };

/*
 * In the order in which writers put them: the next key is nearly always the next that is
 * compared.
 */
static const struct field {
	const char *key;
	size_t bytes;		/* of the key */
	enum kind kind;
	size_t at;		/* in struct lp_toc_entry */
	uint64_t max;
	const char *rule;
} fields[] = {
#define FIELD(key, kind, member, max, rule) \
	{key, sizeof(key) - 1, kind, offsetof(struct lp_toc_entry, member), max, rule}
	FIELD("name", TEXT, name, 0, NULL),
	FIELD("type", TYPE, type, 0, NULL),
	FIELD("size", NUMBER, size, LP_DEVICE_BYTES_MAX, "estargz.entry.size"),
	FIELD("modtime", TEXT, modtime, 0, NULL),
	FIELD("linkName", TEXT, link, 0, NULL),
	FIELD("mode", NUMBER, mode, UINT32_MAX, "estargz.entry.mode"),
	FIELD("uid", NUMBER, uid, UINT32_MAX - 1, "estargz.entry.owner"),
	FIELD("gid", NUMBER, gid, UINT32_MAX - 1, "estargz.entry.owner"),
	FIELD("userName", IGNORED, name, 0, NULL),
	FIELD("groupName", IGNORED, name, 0, NULL),
	FIELD("offset", NUMBER, offset, INT64_MAX, "estargz.chunk.offset"),
	FIELD("innerOffset", NUMBER, inner, LP_DEVICE_BYTES_MAX, "estargz.chunk.inner-offset"),
	FIELD("devMajor", NUMBER, major, (1 << 12) - 1, "estargz.entry.device"),
	FIELD("devMinor", NUMBER, minor, (1 << 20) - 1, "estargz.entry.device"),
	FIELD("NumLink", IGNORED, name, 0, NULL),
	FIELD("xattrs", XATTRS, xattr, 0, NULL),
	FIELD("digest", TEXT, digest, 0, NULL),
	FIELD("chunkOffset", NUMBER, chunk_off, LP_DEVICE_BYTES_MAX, "estargz.chunk.partition"),
	FIELD("chunkSize", NUMBER, chunk_bytes, LP_DEVICE_BYTES_MAX, "estargz.chunk.partition"),
	FIELD("chunkDigest", TEXT, chunk_digest, 0, NULL),
#undef FIELD
};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

static const char *const types[] = {
	[LP_TOC_DIR] = "dir", [LP_TOC_REG] = "reg", [LP_TOC_SYMLINK] = "symlink",
	[LP_TOC_HARDLINK] = "hardlink", [LP_TOC_CHAR] = "char", [LP_TOC_BLOCK] = "block",
	[LP_TOC_FIFO] = "fifo", [LP_TOC_CHUNK] = "chunk",
};

#define NTYPES (sizeof(types) / sizeof(types[0]))

/* Fails if @key is the known key @known in another case. */
static enum lp_code check_case(const char *key, const char *known, uint64_t at,
			       struct lp_err *err)
{
	if (strcasecmp(key, known) != 0)
		return LP_OK;
	return lp_fail(err, LP_EFORMAT, at, RULE_KEY, "TOC: key \"%s\" instead of \"%s\"", key,
		       known);
}

/*
 * The number of the field called @key, or NFIELDS; the search begins at @guess.  A field
 * that was @seen before is refused, and then added to it.
 */
static enum lp_code find_field(const struct lp_scan_text *key, uint64_t at, size_t *guess,
			       uint32_t *seen, struct lp_err *err)
{
	size_t i = *guess, tried = 0;

	while (tried < NFIELDS &&
	       (fields[i].bytes != key->bytes || memcmp(fields[i].key, key->p, key->bytes) != 0)) {
		i = i + 1 < NFIELDS ? i + 1 : 0;
		tried++;
	}
	*guess = NFIELDS;
	for (size_t k = 0; tried == NFIELDS && k < NFIELDS; k++)
		if (check_case(key->p, fields[k].key, at, err))
			return err->code;
	if (tried == NFIELDS)
		return LP_OK;
	if (*seen >> i & 1)
		return lp_fail(err, LP_EFORMAT, at, RULE_KEY, "TOC: key \"%s\" twice", key->p);
	*seen |= (uint32_t)1 << i;
	*guess = i;
	return LP_OK;
}

static enum lp_code read_number(struct lp_scan *s, const struct field *f, uint64_t *out,
				struct lp_err *err)
{
	uint64_t at = lp_scan_at(s);
	int64_t v;

	if (lp_scan_integer(s, &v, err))
		return err->code;
	if (v < 0 || (uint64_t)v > f->max)
		return lp_fail(err, LP_EFORMAT, at, f->rule, "TOC: %s %" PRId64
			       " is not in 0 to %" PRIu64, f->key, v, f->max);
	*out = (uint64_t)v;
	return LP_OK;
}

static enum lp_code read_type(struct lp_scan *s, enum lp_toc_type *out, struct lp_err *err)
{
	uint64_t at = lp_scan_at(s);
	struct lp_scan_text text;

	if (lp_scan_string(s, &text, err))
		return err->code;
	for (size_t i = 0; i < NTYPES; i++) {
		if (strcmp(text.p, types[i]) != 0)
			continue;
		*out = (enum lp_toc_type)i;
		return LP_OK;
	}
	return lp_fail(err, LP_EFORMAT, at, RULE_TYPE, "TOC: unknown type \"%.40s\"", text.p);
}

/* The next xattr, and whether it is kept. */
static enum lp_code read_xattr(struct lp_toc *t, struct lp_xattr *x, bool *more, bool *keep,
			       struct lp_err *err)
{
	struct lp_scan_text key, text;
	uint64_t at;
	size_t n;

	if (lp_scan_key(&t->scan, &key, more, err))
		return err->code;
	if (!*more)
		return LP_OK;
	at = lp_scan_at(&t->scan);
	*x = (struct lp_xattr){.name = key.p, .value = ""};
	if (!lp_scan_null(&t->scan)) { /* null: what a missing slice of bytes becomes in Go */
		if (lp_scan_string(&t->scan, &text, err))
			return err->code;
		if (!lp_base64_decode(text.p, text.bytes, text.p, &n))
			return lp_fail(err, LP_EFORMAT, at, RULE_XATTRS,
				       "TOC: xattr \"%.100s\" is not base64", key.p);
		x->value = text.p;
		x->bytes = n;
	}
	return lp_xattr_take(x->name, x->bytes, at, keep, err);
}

static int by_name(const void *a, const void *b)
{
	const struct lp_xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static enum lp_code read_xattrs(struct lp_toc *t, struct lp_toc_entry *e, struct lp_err *err)
{
	uint64_t at = lp_scan_at(&t->scan);
	struct lp_xattr *list, x;
	bool more, keep, sorted = true;
	size_t n = 0;

	t->xattr.len = 0;
	if (lp_scan_enter(&t->scan, '{', err))
		return err->code;
	for (;;) {
		if (read_xattr(t, &x, &more, &keep, err))
			return err->code;
		if (!more)
			break;
		if (!keep)
			continue;
		if (n == LP_TOC_XATTRS_MAX)
			return lp_fail(err, LP_ELIMIT, at, RULE_XATTRS,
				       "TOC: more than %d xattrs", LP_TOC_XATTRS_MAX);
		if (lp_buf_add(&t->xattr, &x, sizeof(x), sizeof(x) * LP_TOC_XATTRS_MAX, err))
			return err->code;
		list = (struct lp_xattr *)(void *)t->xattr.p;
		sorted = sorted && (!n || by_name(&list[n - 1], &x) < 0);
		n++;
	}
	list = (struct lp_xattr *)(void *)t->xattr.p;
	if (!sorted)
		qsort(list, n, sizeof(*list), by_name);
	for (size_t i = 1; !sorted && i < n; i++)
		if (!by_name(&list[i - 1], &list[i]))
			return lp_fail(err, LP_EFORMAT, at, RULE_KEY,
				       "TOC: xattr \"%.100s\" twice", list[i].name);
	e->xattr = list;
	e->nxattr = n;
	return LP_OK;
}

static enum lp_code read_field(struct lp_toc *t, size_t i, struct lp_toc_entry *e,
			       struct lp_err *err)
{
	void *at = i < NFIELDS ? (char *)e + fields[i].at : NULL;

	switch (i < NFIELDS ? fields[i].kind : IGNORED) {
	case NUMBER:
		return read_number(&t->scan, &fields[i], at, err);
	case TEXT:
		return lp_scan_string(&t->scan, at, err);
	case TYPE:
		return read_type(&t->scan, at, err);
	case XATTRS:
		return read_xattrs(t, e, err);
	case IGNORED:
		break;
	}
	return lp_scan_skip(&t->scan, err);
}

static enum lp_code read_entry(struct lp_toc *t, struct lp_toc_entry *e, struct lp_err *err)
{
	enum { NAME, TYPE_OF }; /* indices in fields */
	struct lp_scan_text key;
	uint32_t seen = 0;
	size_t field = 0;
	uint64_t at;
	bool more;

	*e = (struct lp_toc_entry){.at = lp_scan_at(&t->scan)};
	if (lp_scan_enter(&t->scan, '{', err))
		return err->code;
	for (;;) {
		at = lp_scan_at(&t->scan);
		if (lp_scan_key(&t->scan, &key, &more, err))
			return err->code;
		if (!more)
			break;
		if (find_field(&key, at, &field, &seen, err) || read_field(t, field, e, err))
			return err->code;
		field = field + 1 < NFIELDS ? field + 1 : 0;
	}
	if (!(seen >> NAME & 1) || !(seen >> TYPE_OF & 1))
		return lp_fail(err, LP_EFORMAT, e->at, RULE_REQUIRED,
			       "TOC: an entry without name or type");
	if (e->modtime.p &&
	    !lp_rfc3339_parse(e->modtime.p, e->modtime.bytes, &e->mtime, &e->mtime_ns))
		return lp_fail(err, LP_EFORMAT, e->at, RULE_TIME,
			       "TOC: modtime \"%.40s\" is not RFC 3339", e->modtime.p);
	return LP_OK;
}

/* A member of the top object, other than the entries. */
static enum lp_code read_top(struct lp_toc *t, const struct lp_scan_text *key, uint64_t at,
			     struct lp_err *err)
{
	int64_t version;

	if (strcmp(key->p, "version") != 0) {
		if (check_case(key->p, "version", at, err) || check_case(key->p, "entries", at, err))
			return err->code;
		return lp_scan_skip(&t->scan, err);
	}
	if (t->had_version)
		return lp_fail(err, LP_EFORMAT, at, RULE_KEY, "TOC: key \"version\" twice");
	if (lp_scan_integer(&t->scan, &version, err))
		return err->code;
	t->had_version = true;
	if (version != 1)
		return lp_fail(err, LP_EFORMAT, at, RULE_VERSION, "TOC: version %" PRId64
			       ", want 1", version);
	return LP_OK;
}

/* The top object, up to the first entry, or from behind the last one to the end. */
static enum lp_code walk_top(struct lp_toc *t, bool *entries, struct lp_err *err)
{
	struct lp_scan_text key;
	uint64_t at;
	bool more;

	for (;;) {
		at = lp_scan_at(&t->scan);
		if (lp_scan_key(&t->scan, &key, &more, err))
			return err->code;
		if (!more)
			break;
		if (strcmp(key.p, "entries") != 0) {
			if (read_top(t, &key, at, err))
				return err->code;
			continue;
		}
		if (*entries)
			return lp_fail(err, LP_EFORMAT, at, RULE_KEY, "TOC: key \"entries\" twice");
		*entries = true;
		if (lp_scan_null(&t->scan)) /* how Go writes no entries */
			continue;
		t->in_entries = true;
		return lp_scan_enter(&t->scan, '[', err);
	}
	if (!*entries)
		return lp_fail(err, LP_EFORMAT, at, RULE_ENTRIES, "TOC: no entries");
	if (!t->had_version)
		return lp_fail(err, LP_EFORMAT, at, RULE_VERSION, "TOC: no version");
	t->in_entries = false;
	return lp_scan_end(&t->scan, err);
}

enum lp_code lp_toc_open(struct lp_toc *t, char *json, size_t n, struct lp_err *err)
{
	bool entries = false;

	*t = (struct lp_toc){0};
	lp_scan_open(&t->scan, json, n);
	if (lp_scan_enter(&t->scan, '{', err))
		return err->code;
	return walk_top(t, &entries, err);
}

enum lp_code lp_toc_next(struct lp_toc *t, struct lp_toc_entry *e, bool *more,
			 struct lp_err *err)
{
	bool entries = true;

	*more = false;
	if (!t->in_entries)
		return LP_OK;
	if (lp_scan_item(&t->scan, more, err))
		return err->code;
	return *more ? read_entry(t, e, err) : walk_top(t, &entries, err);
}

void lp_toc_free(struct lp_toc *t)
{
	lp_buf_free(&t->xattr);
	*t = (struct lp_toc){0};
}
