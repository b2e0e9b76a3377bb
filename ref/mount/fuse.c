// SPDX-License-Identifier: MIT
#include "mount/session.h"

#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <unistd.h>

#define THREADS 8			/* ours: a read that waits holds none */
#define STACK_TEXT "262144"		/* LP_THREAD_STACK, for libfuse */

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
	sigset_t end;

	/* The one signal that may come: end_threads(). */
	sigemptyset(&end);
	sigaddset(&end, SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &end, NULL);
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
	*started = !lp_thread_start(thread, run, arg, err);
	return *started ? LP_OK : err->code;
}

static enum lp_code make_session(struct lp_fuse *f, int fd, struct lp_err *err)
{
	char program[] = "lazypull", path[32];
	char *argv[] = {program, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	setenv("FUSE_THREAD_STACK", STACK_TEXT, 1);
	f->session = fuse_session_new(&args, &lp_fuse_operations, sizeof(lp_fuse_operations), f);
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
	pthread_mutex_init(&f->pushing, NULL);
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
	pthread_mutex_destroy(&f->pushing);
	free(f);
}

void lp_fuse_count(const struct lp_fuse *f, struct lp_fuse_count *out)
{
	*out = (struct lp_fuse_count){.requests = f->requests, .reads = f->reads,
				      .read_bytes = f->read_bytes, .waited = f->waited,
				      .failed = f->failed, .ahead = f->ahead,
				      .ahead_bytes = f->ahead_bytes};
}
