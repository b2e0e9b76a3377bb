// SPDX-License-Identifier: MIT
#include "tree/erofs_read.h"

#include <stdlib.h>
#include <string.h>

#define OVERLAY "trusted.overlay."
#define UNITS(bytes) (((bytes) + LP_EROFS_NID_BYTES - 1) / LP_EROFS_NID_BYTES)

/*
 * What a unit of 32 bytes belongs to: nobody, the middle of something, or the inode that
 * begins here, and then how many more of its names are to come.
 */
enum { FREE = 0, TAKEN = 1, INODE = 2 };

/* A directory that was found and not looked into yet. */
struct todo {
	uint64_t nid, parent;
	uint32_t path;		/* bytes of its path */
};

struct check {
	const struct lp_erofs *e;
	enum lp_erofs_kind kind;
	uint32_t *unit;		/* of each 32 bytes of the file */
	struct lp_buf todo;
	uint64_t entries;
	uint64_t links_left;	/* names that nlinks promise and nobody has seen */
};

/* What has been seen of one directory. */
struct progress {
	struct todo self;
	uint32_t subdirs;
	uint32_t dots;		/* bit 0: ".", bit 1: ".." */
	char last[LP_NAME_MAX];
	size_t last_bytes;
};

static void free_check(struct check *c)
{
	free(c->unit);
	lp_buf_free(&c->todo);
}

/* Zeroed by the system, page by page: a large file with few inodes costs little. */
static enum lp_code make_units(struct check *c, struct lp_err *err)
{
	c->unit = calloc(UNITS(c->e->bytes), sizeof(uint32_t));
	if (!c->unit)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "memory for %zu bytes of tree",
			       c->e->bytes);
	return LP_OK;
}

/* No byte belongs to two records: so no walk is longer than the file. */
static enum lp_code take(struct check *c, uint64_t at, uint64_t end, struct lp_err *err)
{
	for (uint64_t i = at / LP_EROFS_NID_BYTES; i < UNITS(end); i++) {
		if (c->unit[i] != FREE)
			return lp_fail(err, LP_EFORMAT, at, "erofs.inode.overlap",
				       "bytes %llu to %llu belong to two inodes",
				       (unsigned long long)at, (unsigned long long)end);
		c->unit[i] = TAKEN;
	}
	return LP_OK;
}

static enum lp_code take_inode(struct check *c, const struct lp_erofs_inode *i, struct lp_err *err)
{
	uint64_t at = c->e->inode_base + i->nid * LP_EROFS_NID_BYTES, blocks = 0;

	if (take(c, at, lp_erofs_inode_end(c->e, i), err))
		return err->code;
	if (S_ISDIR(i->mode) || S_ISLNK(i->mode))
		blocks = i->layout == LP_EROFS_INLINE ? i->size / LP_EROFS_BLOCK * LP_EROFS_BLOCK :
							i->size;
	if (!blocks)
		return LP_OK;
	at = (uint64_t)i->u * LP_EROFS_BLOCK;
	return take(c, at, at + blocks, err);
}

static enum lp_code check_xattrs(const struct check *c, const struct lp_erofs_inode *i,
				 struct lp_err *err)
{
	uint64_t cookie = 0;
	struct lp_erofs_xattr x;
	bool more;

	for (;;) {
		if (lp_erofs_xattr(c->e, i, &cookie, &x, &more, err))
			return err->code;
		if (!more)
			return LP_OK;
		if (strncmp(x.name, OVERLAY, strlen(OVERLAY)))
			continue;
		/* a layer has opaque directories, and nothing else that overlayfs would obey */
		if (c->kind == LP_EROFS_MERGED || strcmp(x.name, OVERLAY "opaque") || !S_ISDIR(i->mode) ||
		    x.bytes != 1 || memcmp(x.value, "y", 1))
			return lp_fail(err, LP_EFORMAT, i->after, "erofs.xattr.overlay-reserved",
				       "the xattr %s", x.name);
	}
}

static enum lp_code check_chunks(const struct check *c, const struct lp_erofs_inode *i,
				 struct lp_err *err)
{
	struct lp_extent x;

	for (uint64_t off = 0; off < i->size; off += x.bytes)
		if (lp_erofs_extent(c->e, i, off, &x, err))
			return err->code;
	return LP_OK;
}

/* What one inode says, the first time that it is met. */
static enum lp_code check_inode(struct check *c, const struct lp_erofs_inode *i,
				struct lp_err *err)
{
	uint64_t at = c->e->inode_base + i->nid * LP_EROFS_NID_BYTES;
	const char *target;

	if (take_inode(c, i, err))
		return err->code;
	if (!i->nlink)
		return lp_fail(err, LP_EFORMAT, at + 44, "erofs.inode.nlink", "an inode without links");
	if (i->mtime_ns >= 1000000000)
		return lp_fail(err, LP_EFORMAT, at + 40, "erofs.inode.mtime", "%u nanoseconds",
			       i->mtime_ns);
	if (c->kind == LP_EROFS_MERGED && S_ISCHR(i->mode) && !i->rdev_major && !i->rdev_minor)
		return lp_fail(err, LP_EFORMAT, at, "erofs.merged.whiteout",
			       "a whiteout in a merged tree");
	if (check_xattrs(c, i, err))
		return err->code;
	if (S_ISLNK(i->mode))
		return lp_erofs_symlink(c->e, i, &target, err);
	return S_ISREG(i->mode) ? check_chunks(c, i, err) : LP_OK;
}

static enum lp_code meet_directory(struct check *c, const struct todo *t,
				   const struct lp_erofs_inode *i, struct lp_err *err)
{
	uint64_t at = c->e->inode_base + t->nid * LP_EROFS_NID_BYTES;
	uint32_t *u = c->unit + at / LP_EROFS_NID_BYTES;

	if (*u == INODE)
		return lp_fail(err, LP_EFORMAT, at, "erofs.dir.cycle",
			       "directory %llu has two parents", (unsigned long long)t->nid);
	if (check_inode(c, i, err))
		return err->code;
	*u = INODE;
	return lp_buf_add(&c->todo, t, sizeof(*t), SIZE_MAX, err);
}

static enum lp_code meet_file(struct check *c, uint64_t nid, const struct lp_erofs_inode *i,
			      struct lp_err *err)
{
	uint64_t at = c->e->inode_base + nid * LP_EROFS_NID_BYTES;
	uint32_t *u = c->unit + at / LP_EROFS_NID_BYTES;

	if (*u >= INODE && c->kind == LP_EROFS_FOREIGN)
		return LP_OK;
	if (*u > INODE) {
		--*u;
		c->links_left--;
		return LP_OK;
	}
	if (*u == INODE)
		return lp_fail(err, LP_EFORMAT, at + 44, "erofs.inode.nlink",
			       "more names than the %u that nlink says", i->nlink);
	if (check_inode(c, i, err))
		return err->code;
	if (c->kind == LP_EROFS_FOREIGN) {
		*u = INODE;
		return LP_OK;
	}
	if (i->nlink > LP_ENTRIES_MAX)
		return lp_fail(err, LP_EFORMAT, at + 44, "erofs.inode.nlink", "%u links", i->nlink);
	*u = INODE + i->nlink - 1;
	c->links_left += i->nlink - 1;
	return LP_OK;
}

static enum lp_code check_dot(struct progress *p, const struct lp_erofs_dirent *d, uint64_t want,
			      struct lp_err *err)
{
	uint32_t bit = (uint32_t)d->name_bytes;

	if (d->nid != want || d->type != 2)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.dir.dots",
			       "\"%.*s\" of directory %llu is inode %llu", (int)bit, d->name,
			       (unsigned long long)p->self.nid, (unsigned long long)d->nid);
	p->dots |= bit;
	return LP_OK;
}

static enum lp_code check_order(struct progress *p, const struct lp_erofs_dirent *d,
				struct lp_err *err)
{
	if (p->last_bytes && lp_erofs_compare(p->last, p->last_bytes, d->name, d->name_bytes) >= 0)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.dir.sorted",
			       "\"%.*s\" comes behind \"%.*s\"", (int)d->name_bytes, d->name,
			       (int)p->last_bytes, p->last);
	memcpy(p->last, d->name, d->name_bytes);
	p->last_bytes = d->name_bytes;
	return LP_OK;
}

static enum lp_code check_entry(struct check *c, struct progress *p,
				const struct lp_erofs_dirent *d, struct lp_err *err)
{
	struct todo child = {
		.nid = d->nid,
		.parent = p->self.nid,
		.path = p->self.path + (p->self.path != 0) + (uint32_t)d->name_bytes,
	};
	struct lp_erofs_inode i;

	if (check_order(p, d, err))
		return err->code;
	if (d->name_bytes == 1 && d->name[0] == '.')
		return check_dot(p, d, p->self.nid, err);
	if (d->name_bytes == 2 && !memcmp(d->name, "..", 2))
		return check_dot(p, d, p->self.parent, err);
	if (++c->entries > LP_ENTRIES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "erofs.limit.entries",
			       "more than %u entries", LP_ENTRIES_MAX);
	if (child.path >= LP_PATH_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "erofs.limit.path",
			       "a path of %u bytes", child.path);
	if (lp_erofs_inode(c->e, d->nid, &i, err))
		return err->code;
	if (!d->nid || d->type != lp_erofs_type(i.mode))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.dir.type",
			       "\"%.*s\" is inode %llu of type %u, with mode %o", (int)d->name_bytes,
			       d->name, (unsigned long long)d->nid, d->type, i.mode);
	if (!S_ISDIR(i.mode))
		return meet_file(c, d->nid, &i, err);
	p->subdirs++;
	return meet_directory(c, &child, &i, err);
}

static enum lp_code check_directory(struct check *c, const struct todo *t, struct lp_err *err)
{
	struct progress p = {.self = *t};
	uint64_t at = c->e->inode_base + t->nid * LP_EROFS_NID_BYTES, cookie = 0;
	struct lp_erofs_dirent d;
	struct lp_erofs_inode i;
	bool more = true;

	if (lp_erofs_inode(c->e, t->nid, &i, err))
		return err->code;
	for (;;) {
		if (lp_erofs_dirent(c->e, &i, &cookie, &d, &more, err))
			return err->code;
		if (!more)
			break;
		if (check_entry(c, &p, &d, err))
			return err->code;
	}
	if (p.dots != 3)
		return lp_fail(err, LP_EFORMAT, at, "erofs.dir.dots",
			       "directory %llu has no \".\" or no \"..\"", (unsigned long long)t->nid);
	if (i.nlink != 2 + p.subdirs && c->kind != LP_EROFS_FOREIGN)
		return lp_fail(err, LP_EFORMAT, at + 44, "erofs.inode.nlink",
			       "directory %llu has %u links and %u subdirectories",
			       (unsigned long long)t->nid, i.nlink, p.subdirs);
	return LP_OK;
}

static enum lp_code check_devices(const struct lp_erofs *e, struct lp_err *err)
{
	if (e->device_slot < LP_EROFS_SUPER_AT + LP_EROFS_SUPER_BYTES && e->ndevice)
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 88, "erofs.super.devices",
			       "the device table lies at %u, in the superblock", e->device_slot);
	return LP_OK;
}

enum lp_code lp_erofs_check(const struct lp_erofs *e, enum lp_erofs_kind kind, struct lp_err *err)
{
	LP_AUTO(free_check) struct check c = {.e = e, .kind = kind};
	struct todo t = {.nid = e->root, .parent = e->root};
	uint64_t head = LP_EROFS_SUPER_AT + LP_EROFS_SUPER_BYTES;
	struct lp_erofs_inode root;

	if (check_devices(e, err) || make_units(&c, err))
		return err->code;
	if (take(&c, 0, head, err) ||
	    (e->ndevice && take(&c, e->device_slot,
				e->device_slot + (uint64_t)e->ndevice * LP_EROFS_SLOT_BYTES, err)) ||
	    lp_erofs_inode(e, e->root, &root, err) || meet_directory(&c, &t, &root, err))
		return err->code;
	while (c.todo.len) {
		c.todo.len -= sizeof(t);
		memcpy(&t, c.todo.p + c.todo.len, sizeof(t));
		if (check_directory(&c, &t, err))
			return err->code;
	}
	if (c.links_left)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.inode.nlink",
			       "%llu names fewer than link counts say",
			       (unsigned long long)c.links_left);
	if (e->inodes > e->bytes / LP_EROFS_NID_BYTES && kind != LP_EROFS_FOREIGN)
		return lp_fail(err, LP_EFORMAT, LP_EROFS_SUPER_AT + 16, "erofs.super.inodes",
			       "%llu inodes in %zu bytes", (unsigned long long)e->inodes, e->bytes);
	return LP_OK;
}
