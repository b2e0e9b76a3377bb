// SPDX-License-Identifier: MIT
#include "mount/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FOREVER 1e9			/* seconds: nothing changes */
#define THREADS 8			/* ours: a read that waits holds none */
#define STACK_BYTES ((size_t)256 << 10)
#define STACK_TEXT "262144"
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
		.st_blocks = (blkcnt_t)((i->size + 511) / 512),
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
			      FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_EXPLICIT_INVAL_DATA;

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
	(void)ino, (void)fi;
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

/* Append one entry to @p; returns its bytes, more than @left when it has no room. */
static size_t put_dirent(const struct lp_fuse *f, fuse_req_t req, bool plus,
			 const struct lp_erofs_dirent *d, uint64_t next, uint8_t *p, size_t left)
{
	static const mode_t type[] = {0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK,
				      S_IFLNK};
	struct fuse_entry_param e = {0};
	struct lp_erofs_inode inode;
	struct lp_err err = {0};
	char name[LP_NAME_MAX + 1];

	if (d->name_bytes > LP_NAME_MAX)
		return 0;
	memcpy(name, d->name, d->name_bytes);
	name[d->name_bytes] = 0;
	e.attr.st_ino = ino_of(f, d->nid);
	e.attr.st_mode = d->type < sizeof(type) / sizeof(type[0]) ? type[d->type] : 0;
	if (!plus)
		return fuse_add_direntry(req, (char *)p, left, name, &e.attr, (off_t)next);
	/* An inode that cannot be read is named without attributes: lookup says what is wrong. */
	if (!lp_erofs_inode(f->setup.tree, d->nid, &inode, &err))
		fill_entry(f, &inode, &e);
	return fuse_add_direntry_plus(req, (char *)p, left, name, &e, (off_t)next);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t off, bool plus)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	uint8_t *p = lp_fuse_take(f);
	uint64_t cookie = (uint64_t)off;
	struct lp_erofs_inode inode;
	size_t used = 0;
	int bad = p ? 0 : ENOMEM;

	bytes = bytes < LP_FUSE_READ_MAX ? bytes : LP_FUSE_READ_MAX;
	if (!lp_fuse_inode(f, req, ino, &inode)) {
		lp_fuse_give(f, p);
		return;
	}
	while (!bad) {
		struct lp_erofs_dirent d;
		struct lp_err err = {0};
		bool more = false;
		size_t n;

		if (lp_erofs_dirent(f->setup.tree, &inode, &cookie, &d, &more, &err))
			bad = EIO;
		if (bad || !more)
			break;
		n = put_dirent(f, req, plus, &d, cookie, p + used, bytes - used);
		if (n > bytes - used)
			break;
		used += n;
	}
	if (bad && !used)
		fuse_reply_err(req, bad);
	else
		fuse_reply_buf(req, (const char *)p, used);
	lp_fuse_give(f, p);
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

static const struct fuse_lowlevel_ops operations = {
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

uint8_t *lp_fuse_take(struct lp_fuse *f)
{
	uint8_t *p = NULL;

	pthread_mutex_lock(&f->lock);
	if (f->nbuffer)
		p = f->buffer[--f->nbuffer];
	pthread_mutex_unlock(&f->lock);
	return p ? p : malloc(LP_FUSE_READ_MAX);
}

void lp_fuse_give(struct lp_fuse *f, uint8_t *p)
{
	pthread_mutex_lock(&f->lock);
	if (p && f->nbuffer < LP_FUSE_BUFFERS) {
		f->buffer[f->nbuffer++] = p;
		p = NULL;
	}
	pthread_mutex_unlock(&f->lock);
	free(p);
}

void lp_fuse_rest(struct lp_fuse *f)
{
	uint8_t *p[LP_FUSE_BUFFERS];
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = f->nbuffer;
	memcpy(p, f->buffer, sizeof(p));
	f->nbuffer = 0;
	pthread_mutex_unlock(&f->lock);
	while (n-- > 0)
		free(p[n]);
}

static void *loop(void *arg)
{
	struct lp_fuse *f = arg;
	struct fuse_loop_config *c = fuse_loop_cfg_create();

	if (c) {
		fuse_loop_cfg_set_clone_fd(c, 1);
		fuse_loop_cfg_set_max_threads(c, THREADS);
		fuse_loop_cfg_set_idle_threads(c, THREADS);
		fuse_session_loop_mt(f->session, c);
		fuse_loop_cfg_destroy(c);
	}
	f->ended = true;
	eventfd_write(f->setup.ended, 1);
	return NULL;
}

/* Stops the walk at the first inode with an xattr. */
static enum lp_code find_xattr(struct lp_erofs_visitor *v, const char *path,
			       const struct lp_erofs_inode *inode, struct lp_err *err)
{
	(void)v, (void)path;
	if (!inode->xattr_icount)
		return LP_OK;
	return lp_fail(err, LP_EMISSING, LP_NO_OFFSET, NULL, "there are xattrs");
}

static void *scan(void *arg)
{
	struct lp_fuse *f = arg;
	struct lp_erofs_visitor v = {.visit = find_xattr};
	struct lp_err err = {0};

	if (!lp_erofs_walk(f->setup.tree, &v, &err))
		f->plain = true;
	return NULL;
}

static enum lp_code start(pthread_t *thread, bool *started, void *(*run)(void *), void *arg,
			  struct lp_err *err)
{
	pthread_attr_t attr;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	*started = !rc;
	errno = rc;
	return rc ? lp_fail_errno(err, "start a thread") : LP_OK;
}

static enum lp_code make_session(struct lp_fuse *f, int fd, struct lp_err *err)
{
	char program[] = "lazypull", path[32];
	char *argv[] = {program, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	setenv("FUSE_THREAD_STACK", STACK_TEXT, 1);
	f->session = fuse_session_new(&args, &operations, sizeof(operations), f);
	fuse_opt_free_args(&args);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	if (!f->session || fuse_session_mount(f->session, path))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "libfuse makes no session");
	return LP_OK;
}

/* A FUSE super block whose server is whoever reads @fd, in a mount attached to nothing. */
static enum lp_code make_mount(const char *name, int fd, int *mount, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fs = fsopen("fuse", FSOPEN_CLOEXEC);
	char fd_text[16], source[PATH_MAX];

	snprintf(fd_text, sizeof(fd_text), "%d", fd);
	snprintf(source, sizeof(source), "lazypull:%.200s", name);
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "subtype", "lazypull", 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "fd", fd_text, 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "rootmode", "40000", 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "user_id", "0", 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "group_id", "0", 0) ||
	    fsconfig(fs, FSCONFIG_SET_FLAG, "default_permissions", NULL, 0) ||
	    fsconfig(fs, FSCONFIG_SET_FLAG, "allow_other", NULL, 0) ||
	    fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return lp_fail_errno(err, "make a FUSE file system");
	/* Whoever can reach the directory must not get a stranger's setuid files and devices. */
	*mount = fsmount(fs, FSMOUNT_CLOEXEC,
			 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (*mount < 0)
		return lp_fail_errno(err, "mount a FUSE file system");
	return LP_OK;
}

static enum lp_code open_all(struct lp_fuse *f, int *mount, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int made = -1;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return lp_fail_errno(err, "open /dev/fuse");
	if (make_session(f, fd, err)) {
		lp_fd_close(&fd);
		return err->code;
	}
	if (make_mount(f->setup.name, fd, &made, err) ||
	    start(&f->loop, &f->looping, loop, f, err) ||
	    start(&f->scan, &f->scanning, scan, f, err))
		return err->code;
	*mount = made;
	made = -1;
	return LP_OK;
}

enum lp_code lp_fuse_mount(struct lp_fuse **out, const struct lp_fuse_setup *s, int *mount,
			   struct lp_err *err)
{
	struct lp_fuse *f = calloc(1, sizeof(*f));

	if (!f)
		return lp_fail_errno(err, "a FUSE session");
	f->setup = *s;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->idle, NULL);
	if (open_all(f, mount, err)) {
		lp_fuse_free(&f);
		return err->code;
	}
	f->setup.name = NULL;
	*out = f;
	return LP_OK;
}

bool lp_fuse_ended(const struct lp_fuse *f)
{
	return f->ended;
}

static void nothing(int signal)
{
	(void)signal;
}

static void end_threads(struct lp_fuse *f)
{
	const struct sigaction wake = {.sa_handler = nothing};

	if (f->looping) {
		sigaction(SIGUSR2, &wake, NULL);
		fuse_session_exit(f->session);
		/* The loop sleeps in sem_wait(), which a handled signal ends. */
		while (!f->ended && !pthread_kill(f->loop, SIGUSR2))
			usleep(1000);
		pthread_join(f->loop, NULL);
	}
	if (f->scanning)
		pthread_join(f->scan, NULL);
}

void lp_fuse_free(struct lp_fuse **fp)
{
	struct lp_fuse *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	end_threads(f);
	f->stopping = true;
	lp_link_doubt(f->setup.link, NULL);
	pthread_mutex_lock(&f->lock);
	while (f->waiting)
		pthread_cond_wait(&f->idle, &f->lock);
	pthread_mutex_unlock(&f->lock);
	lp_fuse_rest(f);
	if (f->session)
		fuse_session_destroy(f->session);
	pthread_cond_destroy(&f->idle);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void lp_fuse_count(const struct lp_fuse *f, struct lp_fuse_count *out)
{
	*out = (struct lp_fuse_count){.reads = f->reads, .read_bytes = f->read_bytes,
				      .waited = f->waited, .failed = f->failed};
}
