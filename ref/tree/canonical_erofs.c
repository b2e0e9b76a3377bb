// SPDX-License-Identifier: MIT
#include "tree/canonical.h"
#include "tree/canonical_walk.h"

#include <string.h>

/* Handles and ids are nids. */
struct erofs_source {
	struct lp_canonical_source source;
	const struct lp_erofs *e;
	struct lp_canonical_data *data;
	char target[LP_SYMLINK_MAX + 1];
};

static enum lp_code list(struct lp_canonical_source *source, uint64_t handle,
			 struct lp_canonical_walk *w, struct lp_err *err)
{
	struct erofs_source *s = (struct erofs_source *)source;
	struct lp_erofs_inode dir;
	struct lp_erofs_dirent d;
	uint64_t cookie = 0;
	bool more = true;

	if (lp_erofs_inode(s->e, handle, &dir, err))
		return err->code;
	while (more) {
		if (lp_erofs_dirent(s->e, &dir, &cookie, &d, &more, err))
			return err->code;
		if (!more || (d.name[0] == '.' &&
			      (d.name_bytes == 1 || (d.name_bytes == 2 && d.name[1] == '.'))))
			continue;
		if (lp_canonical_name(w, d.name, d.name_bytes, d.nid, d.type == 2, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code take_xattrs(const struct erofs_source *s, const struct lp_erofs_inode *i,
				struct lp_canonical_walk *w, struct lp_err *err)
{
	struct lp_erofs_xattr x;
	uint64_t cookie = 0;
	bool more = true;

	while (more) {
		if (lp_erofs_xattr(s->e, i, &cookie, &x, &more, err))
			return err->code;
		if (more && lp_canonical_line_xattr(&w->line, x.name, x.value, x.bytes, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code take_data(struct erofs_source *s, const struct lp_erofs_inode *i,
			      struct lp_canonical_walk *w, struct lp_err *err)
{
	const char *target;

	if (S_ISREG(i->mode) && s->data && !w->line.first)
		return s->data->digest(s->data, i, &w->line.digest, err);
	if (!S_ISLNK(i->mode))
		return LP_OK;
	if (lp_erofs_symlink(s->e, i, &target, err))
		return err->code;
	memcpy(s->target, target, i->size);
	s->target[i->size] = '\0';
	w->line.e.link = s->target;
	return LP_OK;
}

static enum lp_code describe(struct lp_canonical_source *source, uint64_t handle,
			     const char *name, uint64_t id, struct lp_canonical_walk *w,
			     struct lp_err *err)
{
	struct erofs_source *s = (struct erofs_source *)source;
	struct lp_entry *e = &w->line.e;
	struct lp_erofs_inode i;

	if (lp_erofs_inode(s->e, *name ? id : handle, &i, err))
		return err->code;
	e->mode = i.mode;
	e->uid = i.uid;
	e->gid = i.gid;
	e->major = i.rdev_major;
	e->minor = i.rdev_minor;
	e->size = i.size;
	e->mtime = i.mtime;
	e->mtime_ns = i.mtime_ns;
	if (S_ISCHR(i.mode) && !i.rdev_major && !i.rdev_minor)
		e->kind = LP_ENTRY_WHITEOUT;
	if (!S_ISDIR(i.mode) && i.nlink > 1 && lp_canonical_first(w, 0, i.nid, err))
		return err->code;
	if (take_xattrs(s, &i, w, err))
		return err->code;
	return take_data(s, &i, w, err);
}

static enum lp_code enter(struct lp_canonical_source *s, uint64_t handle, const char *name,
			  uint64_t id, uint64_t *child, struct lp_err *err)
{
	(void)s;
	(void)handle;
	(void)name;
	(void)err;
	*child = id;
	return LP_OK;
}

static void leave(struct lp_canonical_source *s, uint64_t handle)
{
	(void)s;
	(void)handle;
}

enum lp_code lp_canonical_erofs(const struct lp_erofs *e, struct lp_canonical_data *data,
				struct lp_writer *out, struct lp_err *err)
{
	struct erofs_source s = {.source = {list, describe, enter, leave}, .e = e, .data = data};

	return lp_canonical_walk(&s.source, e->root, out, err);
}
