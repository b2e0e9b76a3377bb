/* SPDX-License-Identifier: MIT */
/*
 * session - what the files of the FUSE server share: its state, and how it reads data.
 *
 * fuse.c mounts and runs threads, names.c answers for names, read.c for bytes.
 */
#ifndef LP_SESSION_H
#define LP_SESSION_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "mount/fuse.h"

#define LP_FUSE_READ_MAX ((size_t)1 << 20)	/* bytes: FUSE_MAX_MAX_PAGES */
#define LP_FUSE_BUFFERS 4			/* ours: kept for the next read */

struct lp_fuse {
	struct lp_fuse_setup setup;
	struct fuse_session *session;
	pthread_t loop, scan;
	bool looping, scanning;		/* the threads were started */
	_Atomic bool ended, stopping;
	_Atomic bool plain;		/* no inode has an xattr */
	_Atomic uint64_t requests, reads, read_bytes, waited, failed;
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

/* The read operation. */
void lp_fuse_read(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t off,
		  struct fuse_file_info *fi);

#endif
