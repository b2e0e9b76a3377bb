// SPDX-License-Identifier: MIT
#include "image/flatten.h"

#include "image/publish.h"
#include "tree/erofs_layout.h"

#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)256 << 10)	/* ours: bytes of a body told at once */
#define XATTR_BYTES (sizeof(struct lp_erofs_xattr) * LP_TREE_XATTRS_MAX)

struct flattening {
	struct lp_erofs_visitor visitor;
	struct lp_filler *filler;
	struct lp_sink *sink;
	size_t *first;		/* by nid: offset of the first path, and 1; 0: none yet */
	struct lp_buf paths;	/* NUL-terminated */
	struct lp_buf found;	/* of struct lp_erofs_xattr */
	struct lp_buf xattr;	/* of struct lp_xattr, into found */
	uint8_t *piece;		/* [PIECE] */
	char target[LP_SYMLINK_MAX + 1];
};

static void flattening_free(struct flattening *f)
{
	free(f->first);
	free(f->piece);
	lp_buf_free(&f->paths);
	lp_buf_free(&f->found);
	lp_buf_free(&f->xattr);
}

static enum lp_code find_xattrs(struct flattening *f, const struct lp_erofs_inode *i,
				struct lp_err *err)
{
	const struct lp_erofs_xattr *x;
	uint64_t cookie = 0;
	bool more = true;

	f->found.len = f->xattr.len = 0;
	while (more) {
		struct lp_erofs_xattr next;

		if (lp_erofs_xattr(&f->filler->local.tree, i, &cookie, &next, &more, err))
			return err->code;
		if (more && lp_buf_add(&f->found, &next, sizeof(next), XATTR_BYTES, err))
			return err->code;
	}
	x = (const struct lp_erofs_xattr *)(void *)f->found.p;
	for (size_t k = 0; k < f->found.len / sizeof(*x); k++) {
		struct lp_xattr one = {.name = x[k].name, .value = x[k].value, .bytes = x[k].bytes};

		if (lp_buf_add(&f->xattr, &one, sizeof(one), SIZE_MAX, err))
			return err->code;
	}
	return LP_OK;
}

/* What the inode says beside its names; hard links aside. */
static enum lp_code fill_entry(struct flattening *f, const struct lp_erofs_inode *i,
			       struct lp_entry *e, struct lp_err *err)
{
	const char *target;

	e->size = S_ISREG(i->mode) ? i->size : 0;
	e->major = i->rdev_major;
	e->minor = i->rdev_minor;
	if (find_xattrs(f, i, err))
		return err->code;
	e->xattr = (const struct lp_xattr *)(void *)f->xattr.p;
	e->nxattr = f->xattr.len / sizeof(struct lp_xattr);
	if (!S_ISLNK(i->mode))
		return LP_OK;
	if (lp_erofs_symlink(&f->filler->local.tree, i, &target, err))
		return err->code;
	memcpy(f->target, target, (size_t)i->size);
	f->target[i->size] = '\0';
	e->link = f->target;
	return LP_OK;
}

static enum lp_code tell_body(struct flattening *f, const struct lp_erofs_inode *i,
			      struct lp_err *err)
{
	size_t got;

	for (uint64_t off = 0; off < i->size; off += got)
		if (lp_filler_read(f->filler, i, off, f->piece, PIECE, &got, err) ||
		    f->sink->body(f->sink, f->piece, got, err))
			return err->code;
	return LP_OK;
}

static enum lp_code visit(struct lp_erofs_visitor *v, const char *path,
			  const struct lp_erofs_inode *i, struct lp_err *err)
{
	struct flattening *f = (struct flattening *)v;
	struct lp_entry e = {.path = path, .mode = i->mode, .uid = i->uid, .gid = i->gid,
			     .mtime = i->mtime, .mtime_ns = i->mtime_ns};
	bool again = i->nlink > 1 && !S_ISDIR(i->mode) && f->first[i->nid];

	if (again) {
		e.kind = LP_ENTRY_HARDLINK;
		e.link = (const char *)f->paths.p + f->first[i->nid] - 1;
	} else if (i->nlink > 1 && !S_ISDIR(i->mode)) {
		f->first[i->nid] = f->paths.len + 1;
		if (lp_buf_add(&f->paths, path, strlen(path) + 1, SIZE_MAX, err))
			return err->code;
	}
	if (!again && fill_entry(f, i, &e, err))
		return err->code;
	if (f->sink->entry(f->sink, &e, err))
		return err->code;
	return !again && S_ISREG(i->mode) ? tell_body(f, i, err) : LP_OK;
}

enum lp_code lp_flatten_wanted(struct lp_image *i, bool *yes, struct lp_err *err)
{
	const struct lp_open_options options = {.allow_unverified = false};
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	const struct lp_format *format;
	size_t n = i->manifest.nlayer;

	*yes = false;
	if (!n)
		return LP_OK;
	if (lp_image_source(i, n - 1, &source, err) ||
	    lp_format_of(&i->manifest.layer[n - 1], &source, &options, &format, err))
		return lp_within(err, "layer %zu", n - 1);
	*yes = format->image;
	return LP_OK;
}

enum lp_code lp_flatten(struct lp_image *i, struct lp_store *store, struct lp_sink *sink,
			struct lp_err *err)
{
	const struct lp_publish_options o = {.allow_unverified = false};
	LP_AUTO(lp_filler_free) struct lp_filler filler = LP_FILLER_EMPTY;
	LP_AUTO(flattening_free) struct flattening f = {.visitor = {visit}, .filler = &filler,
							.sink = sink};

	if (lp_publish(i, store, &o, err) || lp_store_settle(store, err) ||
	    lp_filler_open(&filler, i, store, err))
		return err->code;
	f.first = calloc(filler.local.tree.bytes / LP_EROFS_NID_BYTES + 1, sizeof(*f.first));
	f.piece = malloc(PIECE);
	if (!f.first || !f.piece)
		return lp_fail_errno(err, "a tree of %zu bytes", filler.local.tree.bytes);
	return lp_erofs_walk(&filler.local.tree, &f.visitor, err);
}
