/* SPDX-License-Identifier: MIT */
/*
 * nydus - the other peer: nydus-image, which writes RAFS from tars, and nydusd, which serves it.
 *
 * Both are run as the converters and the snapshotter of containerd run them.
 */
#ifndef LB_NYDUS_H
#define LB_NYDUS_H

#include "system/system.h"

/* NULL: both programs are there; else what would bring them. */
const char *lb_nydus_missing(const struct lb_programs *p);

/* How a layer is written. */
struct lb_nydus_writer {
	int version;			/* 5 or 6 */
	const char *compressor;		/* "zstd", "lz4_block", "none" */
};

/* The command that makes @blob, which must not be there, of a plain tar. */
void lb_nydus_create(const struct lb_programs *p, const struct lb_nydus_writer *w,
		     const char *tar, const char *blob, struct lb_args *out);

/*
 * lb_nydus_cut - save the bootstrap that stands at the end of a layer's blob, as converters do,
 * in DIRECTORY/BLOB-ID.
 *
 * @path  out: its name
 *
 * LP_EFORMAT  there is none
 */
LP_MUST_CHECK enum lp_code lb_nydus_cut(const char *blob, const char *directory,
					char path[static 1100], struct lp_err *err);

/* The command that lays @n bootstraps over each other, lowest first. */
void lb_nydus_merge(const struct lb_programs *p, const char (*boot)[1100], size_t n,
		    const char *merged, struct lb_args *out);

/* Take the bootstrap out of its layer, a tar.gz, into @directory; @path out: its name. */
LP_MUST_CHECK enum lp_code lb_nydus_boot(const char *layer, const char *directory,
					 char path[static 1100], struct lp_err *err);

/* The command that checks a bootstrap. */
void lb_nydus_check(const struct lb_programs *p, const char *boot, struct lb_args *out);

/* An image being served, cache and mountpoint in a directory of its own. */
struct lb_nydusd {
	char mount[600];		/* "": never mounted */
	struct lb_process process;
};

struct lb_nydusd_options {
	const char *boot;		/* a file */
	const char *host, *repository;	/* where its blobs are, over HTTP without TLS */
	bool prefetch;			/* what the bootstrap's table names */
};

/*
 * lb_nydusd_start - mount, and wait until it is mounted.
 *
 * @directory  absolute; there and empty: the cache is cold
 *
 * LP_EREMOTE: it ended, or does not mount
 */
LP_MUST_CHECK enum lp_code lb_nydusd_start(struct lb_nydusd *d, const struct lb_programs *p,
					   const struct lb_nydusd_options *o,
					   const char *directory, struct lp_err *err);

/* Unmount, and end it. */
void lb_nydusd_free(struct lb_nydusd *d);

#endif
