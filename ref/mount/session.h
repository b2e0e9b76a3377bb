/* SPDX-License-Identifier: MIT */
/*
 * session - what the files of the FUSE server share: its state, and how it reads data.
 *
 * fuse.c mounts and runs threads, names.c answers for names, read.c for bytes; ahead.c gives
 * the kernel the files that a walk will read next.
 */
#ifndef LP_SESSION_H
#define LP_SESSION_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "mount/fuse.h"

#define LP_FUSE_READ_MAX ((size_t)1 << 20)	/* bytes: FUSE_MAX_MAX_PAGES */
#define LP_FUSE_BUFFERS 4			/* ours: kept for the next read */
#define LP_FUSE_STREAMS 4			/* ours: walks that are followed at once */

/* A walk that reads file after file. */
struct lp_stream {
	uint64_t expect;	/* nid of the file that it will ask for next; 0: none */
	size_t window;		/* bytes that were pushed when it last did */
};

struct lp_fuse {
	struct lp_fuse_setup setup;
	struct fuse_session *session;
	pthread_t loop, scan;
	bool looping, scanning;		/* the threads were started */
	_Atomic bool ended, stopping;
	_Atomic bool plain;		/* no inode has an xattr */
	_Atomic uint64_t requests, reads, read_bytes, waited, failed, ahead, ahead_bytes;
	pthread_mutex_t pushing;	/* also of what follows */
	struct lp_stream stream[LP_FUSE_STREAMS];
	size_t oldest;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	size_t waiting;			/* reads that wait for the worker; under lock */
	uint8_t *buffer[LP_FUSE_BUFFERS];	/* of LP_FUSE_READ_MAX bytes; under lock */
	size_t nbuffer;
};

extern const struct fuse_lowlevel_ops lp_fuse_operations;

/* The inode a request means; false: the answer was given. */
bool lp_fuse_inode(struct lp_fuse *f, fuse_req_t req, fuse_ino_t ino,
		   struct lp_erofs_inode *out);

/* A buffer of LP_FUSE_READ_MAX bytes, or NULL. */
uint8_t *lp_fuse_take(struct lp_fuse *f);
void lp_fuse_give(struct lp_fuse *f, uint8_t *p);

/* @bytes of @inode at @off into @p; false: not all of them are there. */
bool lp_fuse_copy(const struct lp_fuse *f, const struct lp_erofs_inode *inode, uint64_t off,
		  uint64_t bytes, uint8_t *p);

/*
 * lp_fuse_ahead - @inode is read from its start: put the small files behind it, in the order of
 * a walk, into the page cache, when the walk came here from the files before it.
 *
 * A read costs a reader two wake-ups of a processor, more than a small file itself.  Only what
 * is ready is pushed: nothing is fetched for it.  Call before the reader gets its answer, so
 * that it does not ask for what is being pushed.
 *
 * The kernel waits for pages that another reader waits for; as only one thread pushes at a time,
 * and reads that miss hold no thread, somebody is always there to answer that reader.
 */
void lp_fuse_ahead(struct lp_fuse *f, const struct lp_erofs_inode *inode);

/* The read operation. */
void lp_fuse_read(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t off,
		  struct fuse_file_info *fi);

#endif
