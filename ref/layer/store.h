/* SPDX-License-Identifier: MIT */
/*
 * store - the directory that keeps what was pulled.
 *
 *	devices/<blob hex>-<table hex>/   data table ready     one per lazily read blob
 *	devices/<blob hex>/               data table ready     legacy: derived from verified bytes
 *	layers/<diffid hex>/              an unpacked layer (--mount=extract)
 *	unpacked/<manifest hex>/          image.json config.json  which of them make an image
 *	images/<manifest hex>/            image.json manifest.json config.json meta.erofs
 *	names.json                        what each name was last resolved to
 *	unsettled/<room>:<name>           that directory is not synced yet; leads to a boot's id
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

#define LP_STORE_UNSETTLED "unsettled"	/* a room: see lp_store_settle() */
#define LP_STORE_LINK "store"		/* in the run directory: leads to the store */
#define LP_STORE_RUN 87		/* bytes: sun_path has 108, "/keeper.01234567.sock" must fit behind */

struct lp_store {
	char path[256];		/* of the store; absolute */
	char run[LP_STORE_RUN];	/* of its run directory; absolute */
	char boot[37];		/* what live bitmaps are keyed by: changes when the machine starts */
	int dir;		/* descriptor of path, or -1 */
	bool later;		/* sync what is published by lp_store_settle() only */
};

/*
 * lp_store_open - open the store at @path, making it where it is absent.
 *
 * @path   NULL: /var/lib/lazypull for root, else $XDG_DATA_HOME/lazypull.  Root is whom the
 *         machine belongs to, not a user in a user namespace
 *
 * LP_ESYSTEM  it cannot be made, belongs to someone else, or others may enter it (one that is
 *             still empty is closed to them instead)
 * LP_ELIMIT   its path is too long
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

/*
 * lp_store_publish - rename the staged directory @name to @final (relative), durably.
 *
 * If @final is there already, @name is dropped.  The directory and its new place are synced;
 * files in it that must survive a crash were synced by whoever wrote them.  With s->later
 * nothing is synced.
 */
LP_MUST_CHECK enum lp_code lp_store_publish(struct lp_store *s, const char *name,
					    const char *final, struct lp_err *err);

/*
 * lp_store_settle - make durable what was published with s->later.
 *
 * Until then a link in unsettled/ names the boot (it cannot lie in the directory, whose names
 * are an image's): after another boot the directory counts as absent and is removed, since
 * nobody knows what of it was written.  One sync of the file system for everything, off the
 * path of whoever waits.
 */
LP_MUST_CHECK enum lp_code lp_store_settle(struct lp_store *s, struct lp_err *err);

/* Before @name is published with s->later: say that it is not settled. */
LP_MUST_CHECK enum lp_code lp_store_unsettle(struct lp_store *s, const char *name,
					     struct lp_err *err);

/* fdatasync @fd, unless s->later. */
LP_MUST_CHECK enum lp_code lp_store_sync(const struct lp_store *s, int fd, struct lp_err *err);

/* Did an earlier boot leave the directory @name unsettled?  Then it is removed. */
bool lp_store_stale(struct lp_store *s, const char *name);

/*
 * lp_store_remove - remove a directory of the store and all below it; LP_EMISSING.
 *
 * It leaves its name at once and whole; what a crash leaves of it, lp_store_sweep() finds.
 */
LP_MUST_CHECK enum lp_code lp_store_remove(struct lp_store *s, const char *name,
					   struct lp_err *err);

/* True if @name (relative) exists and is not stale. */
bool lp_store_has(struct lp_store *s, const char *name);

/* Relative names, for the functions above. */
#define LP_STORE_NAME 224	/* "devices/", two digests of which one may be a sha512 */
void lp_store_device_name(const struct lp_digest *blob, const struct lp_digest *table,
			  char out[static LP_STORE_NAME]);	/* @table: SHA-256; NULL: legacy */
void lp_store_image_name(const struct lp_digest *manifest, char out[static LP_STORE_NAME]);
void lp_store_unpacked_name(const struct lp_digest *manifest, char out[static LP_STORE_NAME]);
void lp_store_layer_name(const struct lp_digest *diffid, char out[static LP_STORE_NAME]);

/* The manifest that a directory of images/ or unpacked/ is named by.  LP_EFORMAT: by none. */
LP_MUST_CHECK enum lp_code lp_store_manifest(const char *base, struct lp_digest *out,
					     struct lp_err *err);

/*
 * lp_store_lock - a per-name lock file below tmp/, held until @fd is closed: the one writer
 * of an image.  Waits.
 */
LP_MUST_CHECK enum lp_code lp_store_lock(struct lp_store *s, const char *name, int *fd,
					 struct lp_err *err);

/*
 * lp_store_guard - between devices that appear and the image that names them, prune stays out.
 *
 * Until @fd is closed: shared, for whoever publishes an image, or @alone, for whoever removes
 * what no image names.  Waits.
 */
LP_MUST_CHECK enum lp_code lp_store_guard(struct lp_store *s, bool alone, int *fd,
					 struct lp_err *err);

/*
 * Remember and look up what @image_name was resolved to.
 *
 * LP_EMISSING  it never was        LP_EFORMAT  store.names.json: somebody damaged the file
 */
LP_MUST_CHECK enum lp_code lp_store_name_set(struct lp_store *s, const char *image_name,
					     const struct lp_digest *manifest,
					     struct lp_err *err);
LP_MUST_CHECK enum lp_code lp_store_name_get(struct lp_store *s, const char *image_name,
					     struct lp_digest *manifest, struct lp_err *err);

/* Forget the live state of a store that nobody else uses and that is removed next. */
void lp_store_discard(struct lp_store *s);

/*
 * The name of a store's run directory: from its path, and its inode, so that a new store at the
 * old place is another.
 */
struct stat;
void lp_store_id(const char *path, const struct stat *st, char id[static LP_DIGEST_TEXT]);

/*
 * Remove staging directories whose maker is gone, and live state of earlier boots and of stores
 * that somebody has removed.
 */
LP_MUST_CHECK enum lp_code lp_store_sweep(struct lp_store *s, struct lp_err *err);

#endif
