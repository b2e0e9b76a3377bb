// SPDX-License-Identifier: MIT
#include "tree/tar.h"

#include "codec/input.h"
#include "tree/pax.h"
#include "tree/ustar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_TRUNCATED "tar.archive.truncated"
#define RULE_END "tar.archive.end"
#define RULE_TYPE "tar.header.type"
#define RULE_OWNER "tar.header.owner"
#define RULE_SPARSE "tar.sparse.gnu"
#define RULE_EXTENSION_SIZE "tar.extension.size"
#define RULE_EXTENSION_ORDER "tar.extension.order"
#define RULE_EXTENSION_NAME "tar.extension.name"
#define RULE_GLOBAL "tar.pax.global"
#define RULE_NAME_SLASH "tar.name.trailing-slash"
#define RULE_NAME_ROOT "tar.name.root"
#define RULE_LINK "tar.link.target"
#define RULE_BODY "tar.size.no-body"
#define RULE_DEVICE_RANGE "tar.device.range"
#define RULE_DEVICE_RESERVED "tar.device.reserved-overlay"

#define BLOCK LP_USTAR_BYTES
#define MAJOR_MAX 4095		/* Linux: dev_t is 12 bits of major, 20 of minor */
#define MINOR_MAX 1048575

struct state {
	struct lp_input in;
	struct lp_ustar u;
	uint64_t header_at;		/* of the entry's own header */
	struct lp_buf pax, name, link;	/* 'x', 'L' and 'K': bytes with a NUL behind */
	bool has_pax, has_name, has_link;	/* for the entry to come */
	struct lp_pax local, global;
	char path[LP_PATH_MAX], target[LP_PATH_MAX];
};

static enum lp_code cut_off(const struct state *s, struct lp_err *err)
{
	return lp_fail(err, LP_EFORMAT, s->in.at + s->in.left, RULE_TRUNCATED,
		       "the archive ends inside an entry");
}

static enum lp_code read_body(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct lp_tar *t = (struct lp_tar *)((char *)r - offsetof(struct lp_tar, body));
	struct state *s = t->state;

	*got = 0;
	if (!t->body_left)
		return LP_OK;
	if (lp_input_read(&s->in, p, n < t->body_left ? n : (size_t)t->body_left, got, err))
		return err->code;
	if (!*got)
		return cut_off(s, err);
	t->body_left -= *got;
	t->at = s->in.at;
	return LP_OK;
}

enum lp_code lp_tar_open(struct lp_tar *t, struct lp_reader *from, struct lp_err *err)
{
	struct state *s = calloc(1, sizeof(*s));

	*t = (struct lp_tar){.from = from, .body = {read_body}, .state = s};
	if (!s)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate a tar reader");
	return lp_input_open(&s->in, from, err);
}

void lp_tar_free(struct lp_tar *t)
{
	struct state *s = t->state;

	if (s) {
		lp_input_free(&s->in);
		lp_buf_free(&s->pax);
		lp_buf_free(&s->name);
		lp_buf_free(&s->link);
	}
	free(s);
	*t = (struct lp_tar){0};
}

static enum lp_code skip(struct state *s, uint64_t n, struct lp_err *err)
{
	while (n) {
		size_t some = n < LP_INPUT_BYTES ? (size_t)n : LP_INPUT_BYTES;

		if (lp_input_fill(&s->in, some, err))
			return err->code;
		if (s->in.left < some)
			return cut_off(s, err);
		lp_input_skip(&s->in, some);
		n -= some;
	}
	return LP_OK;
}

static enum lp_code skip_body(struct lp_tar *t, struct lp_err *err)
{
	uint64_t n = t->body_left + t->pad_left;

	t->body_left = t->pad_left = 0;
	return skip(t->state, n, err);
}

/* The bytes of an extension's body, with a NUL behind them, and its padding. */
static enum lp_code read_extension(struct state *s, struct lp_buf *out, struct lp_err *err)
{
	size_t used = (s->has_pax ? s->pax.len : 0) + (s->has_name ? s->name.len : 0) +
		      (s->has_link ? s->link.len : 0);
	size_t left = (size_t)s->u.size, got;

	if ((uint64_t)s->u.size > LP_TAR_EXTENSION_MAX - used)
		return lp_fail(err, LP_ELIMIT, s->header_at, RULE_EXTENSION_SIZE,
			       "headers of %" PRId64 " bytes before an entry, %zu at most",
			       s->u.size, LP_TAR_EXTENSION_MAX);
	out->len = 0;
	if (lp_buf_reserve(out, left + 1, LP_TAR_EXTENSION_MAX + 1, err))
		return err->code;
	while (left) {
		if (lp_input_read(&s->in, out->p + out->len, left, &got, err))
			return err->code;
		if (!got)
			return cut_off(s, err);
		out->len += got;
		left -= got;
	}
	out->p[out->len] = '\0';
	return skip(s, lp_tar_pad(out->len), err);
}

/* GNU's long name: the bytes of it, and a NUL or padding of NULs that count for nothing. */
static enum lp_code read_long(struct state *s, struct lp_buf *out, bool *has, struct lp_err *err)
{
	if (*has)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_EXTENSION_ORDER,
			       "two long names of one kind for an entry");
	if (read_extension(s, out, err))
		return err->code;
	for (size_t i = strlen((char *)out->p); i < out->len; i++)
		if (out->p[i])
			return lp_fail(err, LP_EFORMAT, s->header_at, RULE_EXTENSION_NAME,
				       "a long name with a NUL inside");
	if (!out->len || !*out->p)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_EXTENSION_NAME,
			       "a long name without a name");
	*has = true;
	return LP_OK;
}

static enum lp_code read_pax(struct state *s, struct lp_err *err)
{
	uint64_t at = s->in.at;

	if (s->has_pax)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_EXTENSION_ORDER,
			       "two extended headers for an entry");
	if (read_extension(s, &s->pax, err))
		return err->code;
	s->has_pax = true;
	return lp_pax_parse(&s->local, (char *)s->pax.p, s->pax.len, at, err);
}

/* Owners and times for all entries to come; what names one file cannot stand for all. */
static enum lp_code read_global(struct state *s, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf b = {0};
	struct lp_pax *g = &s->global;
	uint64_t at = s->in.at;

	if (s->has_pax || s->has_name || s->has_link)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_EXTENSION_ORDER,
			       "a global header between an entry and its own");
	if (read_extension(s, &b, err) || lp_pax_parse(g, (char *)b.p, b.len, at, err))
		return err->code;
	if (g->has_path || g->has_link || g->has_size || g->nxattr)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_GLOBAL,
			       "a global header with a path, a size or xattrs");
	return LP_OK;
}

/* The next header that is an entry's own; false: the archive ends. */
static enum lp_code read_header(struct state *s, bool *more, struct lp_err *err)
{
	s->header_at = s->in.at;
	*more = false;
	if (lp_input_fill(&s->in, BLOCK, err))
		return err->code;
	if (!s->in.left)
		return LP_OK;
	if (s->in.left < BLOCK)
		return cut_off(s, err);
	*more = !lp_ustar_zero(s->in.p);
	if (*more && lp_ustar_parse(s->in.p, s->in.at, &s->u, err))
		return err->code;
	lp_input_skip(&s->in, BLOCK);
	return LP_OK;
}

/* Two zero blocks, or the end of the stream behind one or none. */
static enum lp_code read_end(struct state *s, struct lp_err *err)
{
	if (s->has_pax || s->has_name || s->has_link)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_EXTENSION_ORDER,
			       "the archive ends behind an extended header");
	if (lp_input_fill(&s->in, BLOCK, err))
		return err->code;
	if (s->in.left >= BLOCK && lp_ustar_zero(s->in.p))
		lp_input_skip(&s->in, BLOCK);
	else if (s->in.left)
		return lp_fail(err, LP_EFORMAT, s->in.at, RULE_END,
			       "something stands behind a single zero block");
	return LP_OK;
}

/* POSIX: global, then the entry's own records, then nothing but the header. */
static bool use_pax(enum lp_pax_state local, enum lp_pax_state global, bool *is_local)
{
	*is_local = local != LP_PAX_ABSENT;
	return (*is_local ? local : global) == LP_PAX_SET;
}

static enum lp_code set_numbers(const struct state *s, struct lp_entry *e, struct lp_err *err)
{
	const struct lp_pax *l = &s->local, *g = &s->global;
	int64_t uid = s->u.uid, gid = s->u.gid;
	bool own;

	e->mtime = s->u.mtime;
	if (use_pax(l->has_mtime, g->has_mtime, &own)) {
		e->mtime = own ? l->mtime : g->mtime;
		e->mtime_ns = own ? l->mtime_ns : g->mtime_ns;
	}
	if (use_pax(l->has_uid, g->has_uid, &own))
		uid = own ? l->uid : g->uid;
	if (use_pax(l->has_gid, g->has_gid, &own))
		gid = own ? l->gid : g->gid;
	/* -1 means "leave it" to chown(2). */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_OWNER,
			       "owner %" PRId64 ":%" PRId64, uid, gid);
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->size = l->has_size == LP_PAX_SET ? l->size : (uint64_t)s->u.size;
	return LP_OK;
}

static enum lp_code set_type(const struct state *s, const char *name, struct lp_entry *e,
			     struct lp_err *err)
{
	static const struct {
		char type;
		mode_t mode;
	} types[] = {
		{LP_TAR_FILE, S_IFREG}, {LP_TAR_V7, S_IFREG}, {LP_TAR_CONTIGUOUS, S_IFREG},
		{LP_TAR_LINK, S_IFREG}, {LP_TAR_SYMLINK, S_IFLNK}, {LP_TAR_CHAR, S_IFCHR},
		{LP_TAR_BLOCK, S_IFBLK}, {LP_TAR_DIR, S_IFDIR}, {LP_TAR_FIFO, S_IFIFO},
	};
	bool slash = *name && name[strlen(name) - 1] == '/';
	mode_t mode = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (s->u.type == types[i].type)
			mode = types[i].mode;
	if (s->u.type == LP_TAR_GNU_SPARSE)
		return lp_fail(err, LP_EUNSUP, s->header_at, RULE_SPARSE, "a sparse file: %.100s",
			       name);
	if (!mode)
		return lp_fail(err, LP_EUNSUP, s->header_at, RULE_TYPE,
			       "%.100s is of type 0x%02x", name, (unsigned)s->u.type & 0xff);
	/* V7 has no type for directories. */
	if (s->u.type == LP_TAR_V7 && slash)
		mode = S_IFDIR;
	else if (S_ISREG(mode) && s->u.type != LP_TAR_LINK && slash)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_NAME_SLASH,
			       "%.100s is a file whose name ends in a slash", name);
	if (s->u.type == LP_TAR_LINK)
		e->kind = LP_ENTRY_HARDLINK;
	e->mode = mode | (s->u.mode & 07777);
	return LP_OK;
}

/* Links and directories have no body, whatever their size says; of the rest, readers differ. */
static enum lp_code set_body(struct lp_tar *t, struct lp_entry *e, struct lp_err *err)
{
	struct state *s = t->state;

	if (e->kind == LP_ENTRY_NODE && S_ISREG(e->mode)) {
		t->body_left = e->size;
		t->pad_left = lp_tar_pad(e->size);
		return LP_OK;
	}
	if (e->size && e->kind == LP_ENTRY_NODE && !S_ISDIR(e->mode))
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_BODY,
			       "%.100s has no body, but a size of %" PRIu64, e->path, e->size);
	e->size = 0;
	return LP_OK;
}

static enum lp_code set_device(const struct state *s, struct lp_entry *e, struct lp_err *err)
{
	if (!S_ISCHR(e->mode) && !S_ISBLK(e->mode))
		return LP_OK;
	if (s->u.major < 0 || s->u.major > MAJOR_MAX || s->u.minor < 0 || s->u.minor > MINOR_MAX)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_DEVICE_RANGE,
			       "%.100s is the device %" PRId64 ":%" PRId64, e->path, s->u.major,
			       s->u.minor);
	/* To overlayfs this would be a whiteout (design.md 10.2). */
	if (S_ISCHR(e->mode) && !s->u.major && !s->u.minor)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_DEVICE_RESERVED,
			       "%.100s is the character device 0:0", e->path);
	e->major = (uint32_t)s->u.major;
	e->minor = (uint32_t)s->u.minor;
	return LP_OK;
}

static enum lp_code set_link(struct state *s, struct lp_entry *e, struct lp_err *err)
{
	const char *link = s->local.has_link == LP_PAX_SET ? s->local.link :
			   s->has_link ? (char *)s->link.p : s->u.link;

	if (e->kind != LP_ENTRY_HARDLINK && !S_ISLNK(e->mode))
		return LP_OK;
	if (!*link || strlen(link) > LP_SYMLINK_MAX)
		return lp_fail(err, *link ? LP_ELIMIT : LP_EFORMAT, s->header_at, RULE_LINK,
			       "%.100s links to %s", e->path, *link ? "too long a name" : "nothing");
	e->link = link;
	if (e->kind != LP_ENTRY_HARDLINK)
		return LP_OK;
	e->link = s->target;
	if (lp_path_clean(link, s->target, err))
		return err->code;
	if (!*s->target)
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_LINK,
			       "%.100s links to the root", e->path);
	return LP_OK;
}

static enum lp_code set_names(struct state *s, struct lp_entry *e, struct lp_err *err)
{
	bool pax_name = s->local.has_path == LP_PAX_SET;
	const char *name = pax_name ? s->local.path : s->has_name ? (char *)s->name.p : s->u.name;

	/* Whether PAX or GNU wins, no two readers agree. */
	if ((pax_name && s->has_name) || (s->local.has_link == LP_PAX_SET && s->has_link))
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_EXTENSION_ORDER,
			       "%.100s has a PAX and a GNU name", name);
	if (set_type(s, name, e, err) || lp_path_clean(name, s->path, err))
		return err->code;
	e->path = s->path;
	if (!*s->path && !S_ISDIR(e->mode))
		return lp_fail(err, LP_EFORMAT, s->header_at, RULE_NAME_ROOT,
			       "\"%.100s\" is the root, but not a directory", name);
	return set_link(s, e, err);
}

/* Make the entry that @s holds; *@skip: AUFS's own, not for us. */
static enum lp_code make_entry(struct lp_tar *t, struct lp_entry *out, bool *skip_it,
			       struct lp_err *err)
{
	struct state *s = t->state;
	struct lp_entry e = {.xattr = s->local.xattr, .nxattr = s->local.nxattr};

	if (set_names(s, &e, err) || set_numbers(s, &e, err) || set_device(s, &e, err) ||
	    set_body(t, &e, err) || lp_entry_whiteout(&e, s->path, skip_it, err)) {
		if (err->at == LP_NO_OFFSET && err->code != LP_ESYSTEM)
			err->at = s->header_at;
		return err->code;
	}
	if (!*skip_it)
		*out = e;
	return e.size ? LP_OK : skip_body(t, err); /* a whiteout may have one all the same */
}

static enum lp_code read_entry(struct lp_tar *t, struct lp_entry *e, bool *skip_it,
			       struct lp_err *err)
{
	struct state *s = t->state;

	*skip_it = true;
	switch (s->u.type) {
	case LP_TAR_PAX:
		return read_pax(s, err);
	case LP_TAR_PAX_GLOBAL:
		return read_global(s, err);
	case LP_TAR_GNU_NAME:
		return read_long(s, &s->name, &s->has_name, err);
	case LP_TAR_GNU_LINK:
		return read_long(s, &s->link, &s->has_link, err);
	default:
		if (make_entry(t, e, skip_it, err))
			return err->code;
		s->has_pax = s->has_name = s->has_link = false;
		return LP_OK;
	}
}

enum lp_code lp_tar_next(struct lp_tar *t, struct lp_entry *e, bool *more, struct lp_err *err)
{
	struct state *s = t->state;
	bool skip_it = true;

	*more = !t->ended;
	while (*more && skip_it) {
		if (skip_body(t, err))
			return err->code;
		if (!s->has_pax)
			lp_pax_clear(&s->local);
		if (read_header(s, more, err))
			return err->code;
		if (*more ? read_entry(t, e, &skip_it, err) : read_end(s, err))
			return err->code;
		t->at = s->in.at;
	}
	t->ended = !*more;
	return LP_OK;
}
