// SPDX-License-Identifier: MIT
#include "mount/session.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KILLED (1ull << (9 - 1))	/* SIGKILL in SigPnd of /proc/PID/status */

/* A read that waits for the worker. */
struct miss {
	struct lp_wait wait;
	struct lp_fuse *f;
	fuse_req_t req;
	struct lp_erofs_inode inode;
	uint64_t off;
	size_t bytes;
	pid_t pid;		/* of the reader's thread */
	uint64_t since_ns;	/* when it began to wait */
	struct lp_extent asked;	/* the run that the worker makes ready */
};

static void serve(struct lp_fuse *f, fuse_req_t req, struct miss *m,
		  const struct lp_erofs_inode *inode, uint64_t off, size_t bytes);

static void fail(struct lp_fuse *f, fuse_req_t req, int sys)
{
	f->failed++;
	fuse_reply_err(req, sys);
}

/* The read that waited as @m is to be answered now; NULL: it did not wait. */
static void note(struct lp_fuse *f, const struct miss *m, bool failed)
{
	struct lp_waited one;

	if (!m)
		return;
	one = (struct lp_waited){.nid = m->inode.nid, .off = m->off, .bytes = m->bytes,
				 .at_ns = m->since_ns, .wait_ns = lp_now_ns() - m->since_ns,
				 .failed = failed};
	lp_waits_add(f->setup.waits, &one);
}

static const struct lp_fuse_device *device_of(const struct lp_fuse *f, uint32_t number)
{
	return number && number <= f->setup.ndevice ? &f->setup.device[number - 1] : NULL;
}

static bool ready(const struct lp_fuse *f, const struct lp_extent *e)
{
	const struct lp_fuse_device *d = device_of(f, e->device);

	return !e->device || (d && lp_device_ready(d->device, e->device_off, e->bytes));
}

/* The run at @off, at most @bytes of it. */
static enum lp_code run_at(const struct lp_fuse *f, const struct lp_erofs_inode *inode,
			   uint64_t off, uint64_t bytes, struct lp_extent *e, struct lp_err *err)
{
	uint64_t skip;

	if (lp_erofs_extent(f->setup.tree, inode, off, e, err))
		return err->code;
	if (off < e->off || off - e->off >= e->bytes)
		return lp_fail(err, LP_EFORMAT, off, "mount.fuse.extent", "a hole in the extents");
	skip = off - e->off;
	e->off = off;
	e->device_off += e->device ? skip : 0;
	e->bytes -= skip;
	e->bytes = e->bytes < bytes ? e->bytes : bytes;
	if (e->device && !device_of(f, e->device))
		return lp_fail(err, LP_EFORMAT, off, "mount.fuse.extent", "no device %u",
			       e->device);
	return LP_OK;
}

static bool killed(pid_t pid)
{
	char path[40], line[160];
	unsigned long long pending = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	if (!status)
		return true;
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "SigPnd:", 7) || !strncmp(line, "ShdPnd:", 7))
			pending |= strtoull(line + 7, NULL, 16);
	fclose(status);
	return pending & KILLED;
}

/* A signal that the reader handles must not fail a page fault of it: only death counts. */
static bool gone(const struct lp_wait *w)
{
	const struct miss *m = (const struct miss *)w;

	return m->f->stopping || (w->doubted && killed(m->pid));
}

static void interrupted(fuse_req_t req, void *data)
{
	struct miss *m = data;

	(void)req;
	lp_link_doubt(m->f->setup.link, &m->wait);
}

static void forget(struct lp_fuse *f)
{
	pthread_mutex_lock(&f->lock);
	if (!--f->waiting)
		pthread_cond_broadcast(&f->idle);
	pthread_mutex_unlock(&f->lock);
}

/* What the reader is told of a failure of the worker: a full disk is not a broken one. */
static int reason(enum lp_code code, int sys)
{
	bool told = sys == EINTR || sys == ENOSPC || sys == EDQUOT;

	return code == LP_ESYSTEM && told ? sys : EIO;
}

static void arrived(struct lp_wait *w, enum lp_code code, int sys)
{
	struct miss *m = (struct miss *)w;
	struct lp_fuse *f = m->f;

	/* Waits for interrupted(), which may be looking at @m. */
	fuse_req_interrupt_func(m->req, NULL, NULL);
	/* A promise that was not kept is an error, never zeros. */
	if (code || !ready(f, &m->asked)) {
		note(f, m, true);
		fail(f, m->req, reason(code, sys));
		free(m);
	} else {
		serve(f, m->req, m, &m->inode, m->off, m->bytes);
	}
	forget(f);
}

/* Ask the worker for @e; the read goes on in arrived(). */
static void await(struct lp_fuse *f, fuse_req_t req, struct miss *m, const struct lp_extent *e)
{
	struct lp_msg ask = {
		.op = LP_MSG_WANT,
		.device = device_of(f, e->device)->number,
		.off = e->device_off,
		.bytes = e->bytes,
	};

	m->f = f;
	m->req = req;
	m->pid = fuse_req_ctx(req)->pid;
	m->asked = *e;
	m->since_ns = m->since_ns ? m->since_ns : lp_now_ns();
	m->wait = (struct lp_wait){.due_ns = lp_now_ns() + f->setup.read_timeout_ns, .gone = gone,
				   .done = arrived};
	pthread_mutex_lock(&f->lock);
	f->waiting++;
	pthread_mutex_unlock(&f->lock);
	f->waited++;
	/*
	 * After lp_link_ask() @m may be gone, and the callback must be set before: an
	 * interrupt that comes in between is looked at when the link's thread wakes.
	 */
	fuse_req_interrupt_func(req, interrupted, m);
	lp_link_ask(f->setup.link, &m->wait, &ask, -1);
}

/* The first run of the read that is not there; e->bytes 0: all are. */
static enum lp_code missing(const struct lp_fuse *f, const struct lp_erofs_inode *inode,
			    uint64_t off, uint64_t bytes, struct lp_extent *e,
			    struct lp_err *err)
{
	for (uint64_t end = off + bytes; off < end; off += e->bytes) {
		if (run_at(f, inode, off, end - off, e, err))
			return err->code;
		if (!ready(f, e))
			return LP_OK;
	}
	e->bytes = 0;
	return LP_OK;
}

static enum lp_code copy(const struct lp_fuse *f, const struct lp_erofs_inode *inode,
			 uint64_t off, uint64_t bytes, uint8_t *p, struct lp_err *err)
{
	struct lp_extent e;

	for (uint64_t end = off + bytes; off < end; off += e.bytes, p += e.bytes) {
		if (run_at(f, inode, off, end - off, &e, err))
			return err->code;
		if (!e.device)
			memset(p, 0, e.bytes);
		else if (lp_file_pread(device_of(f, e.device)->device->data, e.device_off, p,
				       e.bytes, err))
			return err->code;
	}
	return LP_OK;
}

bool lp_fuse_copy(const struct lp_fuse *f, const struct lp_erofs_inode *inode, uint64_t off,
		  uint64_t bytes, uint8_t *p)
{
	struct lp_extent e = {0};
	struct lp_err err = {0};

	return !missing(f, inode, off, bytes, &e, &err) && !e.bytes &&
	       !copy(f, inode, off, bytes, p, &err);
}

/* Answer now, or when what is missing has come.  @m: of a read that waited before, or NULL. */
static void serve(struct lp_fuse *f, fuse_req_t req, struct miss *m,
		  const struct lp_erofs_inode *inode, uint64_t off, size_t bytes)
{
	struct lp_extent e = {0};
	struct lp_err err = {0};
	uint8_t *p = NULL;
	bool copied;

	if (missing(f, inode, off, bytes, &e, &err)) {
		note(f, m, true);
		fail(f, req, EIO);
		free(m);
		return;
	}
	if (e.bytes) {
		if (!m)
			m = calloc(1, sizeof(*m));
		if (!m) {
			fail(f, req, ENOMEM);
			return;
		}
		m->inode = *inode;
		m->off = off;
		m->bytes = bytes;
		await(f, req, m, &e);
		return;
	}
	p = lp_fuse_take(f);
	copied = p && !copy(f, inode, off, bytes, p, &err);
	note(f, m, !copied);
	if (!copied)
		fail(f, req, p ? EIO : ENOMEM);
	else
		fuse_reply_buf(req, (const char *)p, bytes);
	lp_fuse_give(f, p);
	free(m);
}

void lp_fuse_read(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t off,
		  struct fuse_file_info *fi)
{
	struct lp_fuse *f = fuse_req_userdata(req);
	struct lp_erofs_inode inode;
	uint64_t at = (uint64_t)off;

	(void)fi;
	if (!lp_fuse_inode(f, req, ino, &inode))
		return;
	if (!S_ISREG(inode.mode) || at >= inode.size) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	bytes = bytes < LP_FUSE_READ_MAX ? bytes : LP_FUSE_READ_MAX;
	bytes = bytes < inode.size - at ? bytes : (size_t)(inode.size - at);
	f->reads++;
	f->read_bytes += bytes;
	if (f->setup.trace)
		lp_trace_add(f->setup.trace, inode.nid, at, bytes);
	if (!at)
		lp_fuse_ahead(f, &inode);
	serve(f, req, NULL, &inode, at, bytes);
}
