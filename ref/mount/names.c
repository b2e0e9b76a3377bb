// SPDX-License-Identifier: MIT
#include "mount/session.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FOREVER 1e9			/* seconds: nothing changes */
#define XATTR_LIST_MAX 65536		/* bytes: XATTR_LIST_MAX of Linux */

static uint64_t nid_of(const struct lp_fuse *f, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? f->setup.tree->root : ino;
}

static fuse_ino_t ino_of(const struct lp_fuse *f, uint64_t nid)
{
	return nid == f->setup.tree->root ? FUSE_ROOT_ID : nid;
}

bool lp_fuse_inode(struct lp_fuse *f, fuse_req_t req, fuse_ino_t ino, struct lp_erofs_inode *out)
{
	struct lp_err err = {0};

	f->requests++;
	if (!lp_erofs_inode(f->setup.tree, nid_of(f, ino), out, &err))
		return true;
	f->failed++;
	fuse_reply_err(req, EIO);
	return false;
}

static void fill_stat(const struct lp_fuse *f, const struct lp_erofs_inode *i, struct stat *st)
{
	*st = (struct stat){
		.st_ino = ino_of(f, i->nid),
		.st_mode = i->mode,
		.st_nlink = i->nlink,
		.st_uid = i->uid,
		.st_gid = i->gid,
		.st_rdev = makedev(i->rdev_major, i->rdev_minor),
		.st_size = (off_t)i->size,
		.st_blksize = LP_BLOCK,
		.st_blocks = (blkcnt_t)((i->size + LP_BLOCK - 1) / LP_BLOCK * (LP_BLOCK / 512)),
	};
	st->st_mtim.tv_sec = i->mtime;
	st->st_mtim.tv_nsec = i->mtime_ns;
	st->st_atim = st->st_ctim = st->st_mtim;
}

static void fill_entry(const struct lp_fuse *f, const struct lp_erofs_inode *i,
		       struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = ino_of(f, i->nid),
		.attr_timeout = FOREVER,
		.entry_timeout = FOREVER,
	};
	fill_stat(f, i, &e->attr);
}

static void init(void *userdata, struct fuse_conn_info *c)
{
	const unsigned want = FUSE_CAP_READDIRPLUS | FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
			      FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPEN_SUPPORT |
			      FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_EXPLICIT_INVAL_DATA |
			      FUSE_CAP_POSIX_ACL;

	(void)userdata;
	/* READDIRPLUS_AUTO is left out: a walk then costs half (spec/erofs.md 7). */
	c->want = c->capable & want;
	c->time_gran = 1;
	c->max_background = 64;
	c->congestion_threshold = 48;
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	struct fuse_entry_param e = {.entry_timeout = FOREVER};
	struct lp_erofs_inode inode;
	struct lp_err err = {0};
	uint64_t nid = 0;
	enum lp_code code;

	if (!lp_fuse_inode(f, req, parent, &inode))
		return;
	code = S_ISDIR(inode.mode) ? lp_erofs_lookup(f->setup.tree, &inode, name, strlen(name), &nid,
						     &err)
				   : LP_EFORMAT;
	if (code == LP_EMISSING) {
		fuse_reply_entry(req, &e); /* inode 0: the kernel remembers that it is not there */
	} else if (code || lp_erofs_inode(f->setup.tree, nid, &inode, &err)) {
		f->failed++;
		fuse_reply_err(req, EIO);
	} else {
		fill_entry(f, &inode, &e);
		fuse_reply_entry(req, &e);
	}
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	struct lp_erofs_inode inode;
	struct stat st;

	(void)fi;
	if (!lp_fuse_inode(f, req, ino, &inode))
		return;
	fill_stat(f, &inode, &st);
	fuse_reply_attr(req, &st, FOREVER);
}

static void read_link(fuse_req_t req, fuse_ino_t ino)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	char target[LP_SYMLINK_MAX + 1];
	struct lp_erofs_inode inode;
	struct lp_err err = {0};
	const char *p = NULL;

	if (!lp_fuse_inode(f, req, ino, &inode))
		return;
	if (!S_ISLNK(inode.mode) || inode.size > LP_SYMLINK_MAX ||
	    lp_erofs_symlink(f->setup.tree, &inode, &p, &err)) {
		fuse_reply_err(req, S_ISLNK(inode.mode) ? EIO : EINVAL);
		return;
	}
	memcpy(target, p, inode.size);
	target[inode.size] = 0;
	fuse_reply_readlink(req, target);
}

/* Answered once: from then on the kernel opens by itself. */
static void no_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct lp_fuse *f = fuse_req_userdata(req);

	(void)ino, (void)fi;
	f->requests++;
	fuse_reply_err(req, ENOSYS);
}

static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)ino, (void)n;
	fuse_reply_none(req);
}

static void forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *which)
{
	(void)n, (void)which;
	fuse_reply_none(req);
}

/* The answer to a readdir request, as it grows. */
struct page {
	struct lp_fuse *f;
	fuse_req_t req;
	bool plus;
	uint8_t *p;
	size_t used, room;
};

/* Append @d, behind which @next goes on; false when it has no room. */
static bool put_dirent(struct page *a, const struct lp_erofs_dirent *d, uint64_t next)
{
	static const mode_t type[] = {0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK,
				      S_IFLNK};
	struct fuse_entry_param e = {0};
	struct lp_erofs_inode inode;
	struct lp_err err = {0};
	char name[LP_NAME_MAX + 1], *to = (char *)a->p + a->used;
	size_t left = a->room - a->used, n;

	if (d->name_bytes > LP_NAME_MAX)
		return true;
	memcpy(name, d->name, d->name_bytes);
	name[d->name_bytes] = 0;
	e.attr.st_ino = ino_of(a->f, d->nid);
	e.attr.st_mode = d->type < sizeof(type) / sizeof(type[0]) ? type[d->type] : 0;
	/* An inode that cannot be read is named without attributes: lookup says what is wrong. */
	if (a->plus && !lp_erofs_inode(a->f->setup.tree, d->nid, &inode, &err))
		fill_entry(a->f, &inode, &e);
	n = a->plus ? fuse_add_direntry_plus(a->req, to, left, name, &e, (off_t)next)
		    : fuse_add_direntry(a->req, to, left, name, &e.attr, (off_t)next);
	a->used += n <= left ? n : 0;
	return n <= left;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t off, bool plus)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	struct page a = {.f = f, .req = req, .plus = plus,
			 .room = bytes < LP_FUSE_READ_MAX ? bytes : LP_FUSE_READ_MAX};
	uint64_t cookie = (uint64_t)off;
	struct lp_erofs_inode inode;
	bool more = true;
	int bad = 0;

	if (!lp_fuse_inode(f, req, ino, &inode))
		return;
	a.p = lp_fuse_take(f);
	bad = a.p ? 0 : ENOMEM;
	while (!bad && more) {
		struct lp_erofs_dirent d;
		struct lp_err err = {0};

		if (lp_erofs_dirent(f->setup.tree, &inode, &cookie, &d, &more, &err))
			bad = EIO;
		else if (more)
			more = put_dirent(&a, &d, cookie);
	}
	if (bad && !a.used)
		fuse_reply_err(req, bad);
	else
		fuse_reply_buf(req, (const char *)a.p, a.used);
	lp_fuse_give(f, a.p);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t off,
		     struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, bytes, off, false);
}

static void read_dir_plus(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t off,
			  struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, bytes, off, true);
}

/* The xattrs are asked for again and again; where there are none, once is enough. */
static bool has_none(struct lp_fuse *f, fuse_req_t req)
{
	if (f->plain)
		fuse_reply_err(req, ENOSYS);
	return f->plain;
}

static void reply_xattr(fuse_req_t req, const void *value, size_t bytes, size_t room)
{
	if (!room)
		fuse_reply_xattr(req, bytes);
	else if (bytes > room)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, bytes);
}

static void get_xattr(fuse_req_t req, fuse_ino_t ino, const char *want, size_t room)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	struct lp_erofs_inode inode;
	uint64_t cookie = 0;

	if (has_none(f, req) || !lp_fuse_inode(f, req, ino, &inode))
		return;
	for (;;) {
		struct lp_erofs_xattr x;
		struct lp_err err = {0};
		bool more = false;

		if (lp_erofs_xattr(f->setup.tree, &inode, &cookie, &x, &more, &err)) {
			fuse_reply_err(req, EIO);
			return;
		}
		if (!more)
			break;
		if (!strcmp(x.name, want)) {
			reply_xattr(req, x.value, x.bytes, room);
			return;
		}
	}
	fuse_reply_err(req, ENODATA);
}

static void list_xattr(fuse_req_t req, fuse_ino_t ino, size_t room)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	LP_AUTO(lp_buf_free) struct lp_buf names = {0};
	struct lp_erofs_inode inode;
	uint64_t cookie = 0;

	if (has_none(f, req) || !lp_fuse_inode(f, req, ino, &inode))
		return;
	for (;;) {
		struct lp_erofs_xattr x;
		struct lp_err err = {0};
		bool more = false;

		if (lp_erofs_xattr(f->setup.tree, &inode, &cookie, &x, &more, &err) ||
		    (more && lp_buf_add(&names, x.name, strlen(x.name) + 1, XATTR_LIST_MAX, &err))) {
			fuse_reply_err(req, err.code == LP_ELIMIT ? E2BIG : EIO);
			return;
		}
		if (!more)
			break;
	}
	reply_xattr(req, names.p, names.len, room);
}

static void stat_fs(fuse_req_t req, fuse_ino_t ino)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	struct statvfs st = {
		.f_bsize = LP_BLOCK,
		.f_frsize = LP_BLOCK,
		.f_blocks = f->setup.tree->bytes / LP_BLOCK,
		.f_files = f->setup.tree->inodes,
		.f_namemax = LP_NAME_MAX,
	};

	(void)ino;
	f->requests++;
	for (size_t i = 0; i < f->setup.ndevice; i++)
		st.f_blocks += f->setup.device[i].device->table.layer.device_bytes / LP_BLOCK;
	fuse_reply_statfs(req, &st);
}

static void seek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	struct lp_erofs_inode inode;
	uint64_t at = (uint64_t)off;

	(void)fi;
	if (!lp_fuse_inode(f, req, ino, &inode))
		return;
	if ((whence != SEEK_DATA && whence != SEEK_HOLE) || off < 0 || at >= inode.size) {
		fuse_reply_err(req, at >= inode.size ? ENXIO : EINVAL);
		return;
	}
	while (at < inode.size) {
		struct lp_err err = {0};
		struct lp_extent e;

		if (lp_erofs_extent(f->setup.tree, &inode, at, &e, &err) || e.off > at ||
		    e.bytes <= at - e.off) {
			fuse_reply_err(req, EIO);
			return;
		}
		if ((whence == SEEK_DATA) == (e.device != 0))
			break;
		at = e.off + e.bytes;
	}
	if (at >= inode.size && whence == SEEK_DATA)
		fuse_reply_err(req, ENXIO);
	else
		fuse_reply_lseek(req, (off_t)(at < inode.size ? at : inode.size));
}

const struct fuse_lowlevel_ops lp_fuse_operations = {
	.init = init,
	.lookup = lookup,
	.getattr = getattr,
	.readlink = read_link,
	.open = no_open,
	.opendir = no_open,
	.forget = forget,
	.forget_multi = forget_multi,
	.read = lp_fuse_read,
	.readdir = read_dir,
	.readdirplus = read_dir_plus,
	.getxattr = get_xattr,
	.listxattr = list_xattr,
	.statfs = stat_fs,
	.lseek = seek,
};
