/* SPDX-License-Identifier: MIT */
/*
 * store - the directory that keeps what was pulled.
 *
 *	devices/<blob hex>-<table hex>/   data table ready     one per lazily read blob
 *	devices/<blob hex>/               data table ready     legacy: derived from verified bytes
 *	layers/<diffid hex>/              an unpacked layer (--mount=extract)
 *	images/<manifest hex>/            image.json manifest.json config.json tree.<n>.erofs meta.erofs
 *	names.json                        what each name was last resolved to
 *	tmp/                              staging, renamed when whole
 *
 * Mode 0700.  A directory under its final name is whole: everything is staged below tmp/ and
 * renamed.  Publishing what is there already is not an error: the first one stays.
 *
 * Live state is not here but below the run directory (/run/lazypull/<store id>/, or
 * $XDG_RUNTIME_DIR): the keeper's socket and the live bitmaps, which a reboot removes.
 */
#ifndef LP_STORE_H
#define LP_STORE_H

#include "base/digest.h"
#include "base/file.h"

struct lp_store {
	char path[256];		/* of the store; absolute */
	char run[108];		/* of its run directory: a socket path must fit behind it */
	int dir;		/* O_PATH-like descriptor of path */
};

/*
 * lp_store_open - open the store at @path, making it where it is absent.
 *
 * @path   NULL: /var/lib/lazypull for root, else $XDG_DATA_HOME/lazypull
 *
 * LP_ESYSTEM  it cannot be made, or belongs to someone else
 */
LP_MUST_CHECK enum lp_code lp_store_open(struct lp_store *s, const char *path,
					 struct lp_err *err);
void lp_store_free(struct lp_store *s);

/*
 * lp_store_stage - a new empty directory below tmp/, locked while the process lives.
 *
 * @name   out: its path relative to the store
 * @dir    out: its descriptor, the caller's; the lock is a flock on it
 */
#define LP_STAGE_NAME 64
LP_MUST_CHECK enum lp_code lp_store_stage(struct lp_store *s, char name[static LP_STAGE_NAME],
					  int *dir, struct lp_err *err);

/* Rename the staged directory @name to @final (relative); if that exists, drop @name. */
LP_MUST_CHECK enum lp_code lp_store_publish(struct lp_store *s, const char *name,
					    const char *final, struct lp_err *err);

/* Remove a directory of the store and all below it. */
LP_MUST_CHECK enum lp_code lp_store_remove(struct lp_store *s, const char *name,
					   struct lp_err *err);

/* True if @name (relative) exists. */
bool lp_store_has(struct lp_store *s, const char *name);

/* Relative names, for the functions above. */
#define LP_STORE_NAME 160
void lp_store_device_name(const struct lp_digest *blob, const struct lp_digest *table,
			  char out[static LP_STORE_NAME]);	/* @table NULL: legacy */
void lp_store_image_name(const struct lp_digest *manifest, char out[static LP_STORE_NAME]);
void lp_store_layer_name(const struct lp_digest *diffid, char out[static LP_STORE_NAME]);

/*
 * lp_store_lock - a per-name lock file below tmp/, held until @fd is closed: the one writer
 * of an image.  Waits.
 */
LP_MUST_CHECK enum lp_code lp_store_lock(struct lp_store *s, const char *name, int *fd,
					 struct lp_err *err);

/* Remember and look up what @image_name was resolved to.  LP_EMISSING. */
LP_MUST_CHECK enum lp_code lp_store_name_set(struct lp_store *s, const char *image_name,
					     const struct lp_digest *manifest,
					     struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_store_name_get(struct lp_store *s, const char *image_name,
					     struct lp_digest *manifest, struct lp_err *err);

/* Remove staging directories whose maker is gone. */
LP_MUST_CHECK enum lp_code lp_store_sweep(struct lp_store *s, struct lp_err *err);

#endif
