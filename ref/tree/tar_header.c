// SPDX-License-Identifier: MIT
/*
 * tar_header - an entry as the header blocks that Go's archive/tar would write for it.
 *
 * Plain ustar where everything fits; else an extended header with sorted records before it.
 */
#include "tree/tar.h"

#include "tree/pax.h"
#include "tree/ustar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RULE_XATTR_NAME "tar.xattr.name"
#define RULE_DEVICE_RANGE "tar.device.range"

#define HIDE ".wh."
#define OPAQUE ".wh..wh..opq"
#define PAX_FOLDER "PaxHeaders.0"

void lp_tar_name(const struct lp_entry *e, char out[static LP_TAR_NAME_BYTES])
{
	const char *slash = strrchr(e->path, '/');
	int dir = slash ? (int)(slash + 1 - e->path) : 0;

	if (e->kind == LP_ENTRY_WHITEOUT)
		snprintf(out, LP_TAR_NAME_BYTES, "%.*s" HIDE "%s", dir, e->path, e->path + dir);
	else if (e->kind == LP_ENTRY_OPAQUE)
		snprintf(out, LP_TAR_NAME_BYTES, "%s%s" OPAQUE, e->path, *e->path ? "/" : "");
	else if (e->kind == LP_ENTRY_NODE && S_ISDIR(e->mode))
		snprintf(out, LP_TAR_NAME_BYTES, "%s/", *e->path ? e->path : ".");
	else
		snprintf(out, LP_TAR_NAME_BYTES, "%s", e->path);
}

static char type_of(const struct lp_entry *e)
{
	if (e->kind != LP_ENTRY_NODE)
		return e->kind == LP_ENTRY_HARDLINK ? LP_TAR_LINK : LP_TAR_FILE;
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return LP_TAR_DIR;
	case S_IFLNK:
		return LP_TAR_SYMLINK;
	case S_IFCHR:
		return LP_TAR_CHAR;
	case S_IFBLK:
		return LP_TAR_BLOCK;
	case S_IFIFO:
		return LP_TAR_FIFO;
	default:
		return LP_TAR_FILE;
	}
}

/* Neither too long for its field nor in need of another character set. */
static bool plain(const char *text)
{
	size_t n = 0;

	for (; *text; text++, n++)
		if (*text & 0x80)
			return false;
	return n <= LP_USTAR_NAME;
}

static bool fits_ustar(const struct lp_entry *e, const struct lp_ustar *u, const char *name,
		       const char *link)
{
	return !e->nxattr && !e->mtime_ns && lp_ustar_fits(u->mtime, LP_USTAR_BIG) &&
	       lp_ustar_fits(u->size, LP_USTAR_BIG) && lp_ustar_fits(u->uid, LP_USTAR_ID) &&
	       lp_ustar_fits(u->gid, LP_USTAR_ID) && plain(link) &&
	       (plain(name) || lp_ustar_split(name));
}

/* The xattr whose name comes next behind @last in byte order; NULL: none. */
static const struct lp_xattr *next_xattr(const struct lp_entry *e, const char *last)
{
	const struct lp_xattr *best = NULL;

	for (size_t i = 0; i < e->nxattr; i++)
		if (strcmp(e->xattr[i].name, last) > 0 &&
		    (!best || strcmp(e->xattr[i].name, best->name) < 0))
			best = &e->xattr[i];
	return best;
}

static enum lp_code add_xattrs(const struct lp_entry *e, struct lp_buf *out, struct lp_err *err)
{
	char key[sizeof(LP_PAX_XATTR) + LP_NAME_MAX];

	for (const struct lp_xattr *x = next_xattr(e, ""); x; x = next_xattr(e, x->name)) {
		if (strlen(x->name) > LP_NAME_MAX || strchr(x->name, '='))
			return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_XATTR_NAME,
				       "a tar cannot hold the xattr %.60s", x->name);
		snprintf(key, sizeof(key), LP_PAX_XATTR "%s", x->name);
		if (lp_pax_add(out, key, x->value, x->bytes, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code add_number(struct lp_buf *out, const char *key, int64_t n, unsigned field,
			       struct lp_err *err)
{
	char text[24];

	if (lp_ustar_fits(n, field))
		return LP_OK;
	snprintf(text, sizeof(text), "%" PRId64, n);
	return lp_pax_add(out, key, text, strlen(text), err);
}

static enum lp_code add_text(struct lp_buf *out, const char *key, const char *text,
			     struct lp_err *err)
{
	return plain(text) ? LP_OK : lp_pax_add(out, key, text, strlen(text), err);
}

/* Seconds with their fraction, without zeros at its end. */
static enum lp_code add_mtime(struct lp_buf *out, const struct lp_entry *e, struct lp_err *err)
{
	bool minus = e->mtime < 0;
	uint64_t seconds = minus ? (uint64_t)-(e->mtime + 1) : (uint64_t)e->mtime;
	char text[40];
	size_t n;

	if (!e->mtime_ns)
		return add_number(out, "mtime", e->mtime, LP_USTAR_BIG, err);
	n = (size_t)snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu32, minus ? "-" : "",
			     seconds, minus ? 1000000000 - e->mtime_ns : e->mtime_ns);
	while (text[n - 1] == '0')
		n--;
	return lp_pax_add(out, "mtime", text, n, err);
}

/* Sorted by key: capitals come first. */
static enum lp_code add_records(const struct lp_entry *e, const struct lp_ustar *u,
				const char *name, const char *link, struct lp_buf *out,
				struct lp_err *err)
{
	if (add_xattrs(e, out, err) || add_number(out, "gid", u->gid, LP_USTAR_ID, err) ||
	    add_text(out, "linkpath", link, err) || add_mtime(out, e, err) ||
	    add_text(out, "path", name, err) ||
	    add_number(out, "size", u->size, LP_USTAR_BIG, err) ||
	    add_number(out, "uid", u->uid, LP_USTAR_ID, err))
		return err->code;
	return LP_OK;
}

/* ASCII only, as far as there is room. */
static size_t append(char out[static LP_USTAR_NAME + 1], size_t at, const char *text, size_t n)
{
	for (size_t i = 0; i < n && at < LP_USTAR_NAME; i++)
		if (!(text[i] & 0x80))
			out[at++] = text[i];
	return at;
}

/* "dir/PaxHeaders.0/file": what a reader without PAX unpacks it as. */
static void name_extension(const char *name, char out[static LP_USTAR_NAME + 1])
{
	const char *slash = strrchr(name, '/');
	const char *file = slash ? slash + 1 : name;
	bool root = !strcmp(name, "./");
	size_t n = append(out, 0, name, root ? 0 : (size_t)(file - name));

	n = append(out, n, PAX_FOLDER "/", strlen(PAX_FOLDER "/"));
	n = append(out, n, file, strlen(file));
	while (n && out[n - 1] == '/')
		n--;
	out[n] = '\0';
}

static enum lp_code add_block(struct lp_buf *out, const struct lp_ustar *u, const char *name,
			      size_t slash, const char *link, struct lp_err *err)
{
	uint8_t block[LP_USTAR_BYTES];

	lp_ustar_format(u, name, slash, link, block);
	return lp_buf_add(out, block, sizeof(block), SIZE_MAX, err);
}

static enum lp_code add_extension(const struct lp_buf *records, const char *name,
				  struct lp_buf *out, struct lp_err *err)
{
	static const uint8_t zero[LP_USTAR_BYTES];
	struct lp_ustar u = {.type = LP_TAR_PAX, .size = (int64_t)records->len};
	char short_name[LP_USTAR_NAME + 1];

	name_extension(name, short_name);
	if (add_block(out, &u, short_name, 0, "", err) ||
	    lp_buf_add(out, records->p, records->len, SIZE_MAX, err) ||
	    lp_buf_add(out, zero, lp_tar_pad(records->len), SIZE_MAX, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_tar_header(const struct lp_entry *e, struct lp_buf *out, struct lp_err *err)
{
	struct lp_ustar u = {
		.type = type_of(e), .mode = e->mode & 07777, .uid = e->uid, .gid = e->gid,
		.mtime = e->mtime,
	};
	const char *link = u.type == LP_TAR_LINK || u.type == LP_TAR_SYMLINK ? e->link : "";
	LP_AUTO(lp_buf_free) struct lp_buf records = {0};
	char name[LP_TAR_NAME_BYTES];

	if (u.type == LP_TAR_FILE && e->kind == LP_ENTRY_NODE)
		u.size = (int64_t)e->size;
	if (u.type == LP_TAR_CHAR || u.type == LP_TAR_BLOCK) {
		u.major = e->major;
		u.minor = e->minor;
	}
	if (!lp_ustar_fits(u.major, LP_USTAR_ID) || !lp_ustar_fits(u.minor, LP_USTAR_ID))
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_DEVICE_RANGE,
			       "a tar cannot hold the device %.100s", e->path);
	lp_tar_name(e, name);
	if (fits_ustar(e, &u, name, link))
		return add_block(out, &u, name, lp_ustar_split(name), link, err);
	if (add_records(e, &u, name, link, &records, err) ||
	    add_extension(&records, name, out, err))
		return err->code;
	return add_block(out, &u, name, 0, link, err);
}
