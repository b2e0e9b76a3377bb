/* SPDX-License-Identifier: MIT */
/*
 * scan - what does a file system that fetches cost whoever reads it?
 *
 * Variable: the file system.  Held fixed: the tree, the disk, the order and size of the reads,
 * one reading thread, what is in memory.  Falsified by a median beyond its bar; of warm passes,
 * by an interval that lies wholly above its bar.
 *
 * Everything is local, ours beside the unpacked layers in overlayfs; files-* is an image of
 * 50 000 small files:
 *
 *	find, cat, random, files-find, files-cat, files-random, import
 *	            `lazypull mount --mount=kernel`; a cold pass, and the same pass once more
 *	marked, files-marked
 *	            cat while one chunk is absent, so that readers may have to wait; its file is
 *	            left alone
 *	fuse, fuse-random
 *	            `--mount=fuse`, of the small files
 *	fuse-stargz
 *	            the same beside stargz-snapshotter, after it has read everything once
 *
 * Nothing but the metadata is local, and all of it is read, from a registry on loopback:
 *
 *	missing-nydusd    RAFS v6 beside nydusd
 *	missing-stargz    eStargz beside stargz-snapshotter
 *
 * Nothing is local, each request takes 10 ms longer, from the command to the first line of the
 * image's first task; nydusd has its bootstrap already:
 *
 *	start, start-list
 *	            without prefetch, and with that of the recorded list
 */
#ifndef LB_EXPERIMENT_SCAN_H
#define LB_EXPERIMENT_SCAN_H

#include "experiment/session.h"

/* LP_EMISSING: a peer or an image is not there.  LP_ESYSTEM: the laboratory failed. */
LP_MUST_CHECK enum lp_code lb_scan(struct lb_session *s, struct lb_run_options *o,
				   struct lp_err *err);

#endif
