/* SPDX-License-Identifier: MIT */
/*
 * nydus - do we write, open and serve RAFS better than the programs that it comes from?
 *
 * Variable: the implementation.  Held fixed: the tars, the blobs, the bootstraps, the registry,
 * the prefetch policy; the page cache warm for writers, the stores cold for servers.  Falsified
 * by a median beyond its bar.
 *
 *	write6-zstd, write6-lz4, write5-zstd
 *	            plain tars to blobs and a merged bootstrap: `lazypull convert`, which also
 *	            writes config, manifest and the bootstrap's layer, durably, beside
 *	            `nydus-image create` for each layer, and `merge`
 *	open        50 000 inodes: from the layer of the bootstrap to meta.erofs, within `lazypull
 *	            pull`, beside `nydus-image check`
 *	serve6, serve5
 *	            mount to first line of the task, metadata there, no prefetch: `lazypull mount`
 *	            beside nydusd as its snapshotter configures it
 *	serve6-list, serve5-list
 *	            the same with prefetch of an image whose table is the recorded list
 *	files       memory after every byte of an image of 50 000 files was read
 */
#ifndef LB_EXPERIMENT_NYDUS_H
#define LB_EXPERIMENT_NYDUS_H

#include "experiment/session.h"

/* LP_EMISSING: a peer or an image is not there.  LP_ESYSTEM: the laboratory failed. */
LP_MUST_CHECK enum lp_code lb_nydus(struct lb_session *s, struct lb_run_options *o,
				    struct lp_err *err);

#endif
