/* SPDX-License-Identifier: MIT */
/*
 * convert - are we faster than Go at what is no start: converting, unpacking, reading a TOC?
 *
 * Variable: the implementation.  Held fixed: the blobs, the machine, two workers, files on the
 * same file system, the page cache warm.  Falsified by a median of paired ratios above its bar.
 *
 *	convert-9, convert-6  `lazypull convert --to=estargz` beside the Go library, which gets
 *	                      the same gzip layers, one after the other
 *	convert-ctr           at level 9 beside Debian's ctr-remote, which asks a containerd that
 *	                      has the image; left out where it is not installed
 *	pull                  `lazypull pull --mount=extract` from the embedded registry beside
 *	                      containerd's own pull and unpack; its daemon is up already
 *	toc                   an image with 50 000 files, from the blobs to meta.erofs, within
 *	                      `lazypull pull`, beside the library's Open and VerifyTOC alone
 */
#ifndef LB_CONVERT_H
#define LB_CONVERT_H

#include "experiment/session.h"

/* LP_EMISSING: a peer or an image is not there.  LP_ESYSTEM: the laboratory failed. */
LP_MUST_CHECK enum lp_code lb_convert(struct lb_session *s, struct lb_run_options *o,
				      struct lp_err *err);

#endif
