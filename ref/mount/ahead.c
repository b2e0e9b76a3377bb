// SPDX-License-Identifier: MIT
#include "mount/session.h"

#define FILE_MOST ((uint64_t)128 << 10)	/* bytes: the kernel reads ahead in what is longer */
#define WINDOW_LEAST ((size_t)64 << 10)	/* ours, bytes */
#define WINDOW_MOST ((size_t)1 << 20)	/* ours, bytes: about a millisecond of a reader's time */
#define LOOK_MOST 256			/* ours: inodes without data that may lie between two files */

/* The file with data behind @i: a directory's files stand together, sorted by name. */
static bool next_file(const struct lp_fuse *f, struct lp_erofs_inode *i)
{
	struct lp_erofs_inode next;
	struct lp_err err = {0};

	for (int look = 0; look < LOOK_MOST; look++) {
		if (lp_erofs_behind(f->setup.tree, i, &next, &err))
			return false;
		*i = next;
		if (S_ISREG(i->mode) && i->size)
			return true;
	}
	return false;
}

/* Does a walk go on with @nid?  *@window: how much of it to push now. */
static struct lp_stream *stream_at(struct lp_fuse *f, uint64_t nid, size_t *window)
{
	struct lp_stream *s;

	for (size_t i = 0; i < LP_FUSE_STREAMS; i++) {
		s = &f->stream[i];
		if (s->expect == nid) {
			s->window = s->window ? s->window * 2 : WINDOW_LEAST;
			s->window = s->window < WINDOW_MOST ? s->window : WINDOW_MOST;
			*window = s->window;
			return s;
		}
	}
	s = &f->stream[f->oldest++ % LP_FUSE_STREAMS];
	s->window = *window = 0;
	return s;
}

/* False: the kernel does not know the file, so nobody listed it, or has no room for it. */
static bool push(struct lp_fuse *f, const struct lp_erofs_inode *i, uint8_t *p)
{
	struct fuse_bufvec v = FUSE_BUFVEC_INIT(i->size);

	v.buf[0].mem = p;
	if (fuse_lowlevel_notify_store(f->session, i->nid, 0, &v, FUSE_BUF_NO_SPLICE))
		return false;
	f->ahead++;
	f->ahead_bytes += i->size;
	return true;
}

/* Push @window bytes of whole files behind @i; @i becomes the first that was not pushed. */
static bool push_all(struct lp_fuse *f, struct lp_erofs_inode *i, size_t window)
{
	uint8_t *p = window ? lp_fuse_take(f) : NULL;
	bool more;

	while ((more = next_file(f, i)) && p && i->size <= FILE_MOST && i->size <= window &&
	       lp_fuse_copy(f, i, 0, i->size, p) && push(f, i, p))
		window -= i->size;
	if (p)
		lp_fuse_give(f, p);
	return more;
}

void lp_fuse_ahead(struct lp_fuse *f, const struct lp_erofs_inode *inode)
{
	struct lp_erofs_inode i = *inode;
	struct lp_stream *s;
	size_t window;

	/* A record of what is read must see every read. */
	if (f->setup.trace || pthread_mutex_trylock(&f->pushing))
		return;
	s = stream_at(f, i.nid, &window);
	s->expect = push_all(f, &i, window) ? i.nid : 0;
	pthread_mutex_unlock(&f->pushing);
}
