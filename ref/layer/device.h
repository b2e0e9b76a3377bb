/* SPDX-License-Identifier: MIT */
/*
 * device - the plain bytes of one layer in the store, and which of them are there.
 *
 *	data    sparse file, device_bytes long; only verified bytes are ever written
 *	table   layer.table
 *	ready   one bit per chunk, written after fdatasync of the data: survives a crash
 *	live    one bit per chunk, mapped by keeper and worker, on tmpfs, keyed by boot id
 *
 * A chunk is ready when its bytes were verified and written.  A range is ready when every
 * chunk that touches it is; what no chunk covers is zero and always ready.
 */
#ifndef LP_DEVICE_H
#define LP_DEVICE_H

#include "base/stream.h"
#include "layer/ready.h"

struct lp_device {
	struct lp_table table;
	int data;			/* read-write for the keeper and its worker, else read-only */
	int dir;			/* of the device, or -1 */
	int held;			/* its table, locked shared: lp_device_remove() refuses */
	struct lp_ready_id id;
	struct lp_live live;		/* shared with every other process */
	_Atomic uint32_t saved;		/* chunks that the last sync of this process saved, + 1 */
	char name[LP_STORE_NAME];
};

enum lp_device_mode { LP_DEVICE_READ, LP_DEVICE_WRITE };

/*
 * lp_device_create - stage and publish the device of a table; idempotent.
 *
 * @table_fd  the finished table, copied          @legacy  named by the blob alone
 * @data      a filled data file to rename in (complete: all bits set), or -1: sparse, no bits
 * @name      out: relative name
 */
LP_MUST_CHECK enum lp_code lp_device_create(struct lp_store *s, int table_fd, bool legacy,
					    int data, char name[static LP_STORE_NAME],
					    struct lp_err *err);

/*
 * lp_device_open - open a device of the store and its live bitmap.
 *
 * The first opener after a boot seeds the live bitmap from the persistent one.
 *
 * LP_EMISSING  there is no such device
 * LP_EDIGEST   store.table.digest: its table was changed, or is another device's
 * LP_EFORMAT   store.table.*, layer.*; store.device.data: the data file has another length
 */
LP_MUST_CHECK enum lp_code lp_device_open(struct lp_device *d, struct lp_store *s,
					  const char *name, enum lp_device_mode mode,
					  struct lp_err *err);

/*
 * lp_device_adopt - the same, to write, by the descriptor @data (consumed, also on failure):
 * one that was opened before the file was marked (mount/gate.h).
 *
 * LP_EFORMAT  store.device.data: it is another file than the device's
 */
LP_MUST_CHECK enum lp_code lp_device_adopt(struct lp_device *d, struct lp_store *s,
					   const char *name, int data, struct lp_err *err);
void lp_device_free(struct lp_device *d);

/* Is every chunk that touches [@off, @off + @bytes) ready?  Thread-safe, no system call. */
bool lp_device_ready(const struct lp_device *d, uint64_t off, uint64_t bytes);
bool lp_device_chunk_ready(const struct lp_device *d, uint32_t chunk);

/*
 * lp_device_write - verify @p (the plain bytes of chunk @i), write them, set the bit.
 *
 * LP_EDIGEST  layer.chunk.digest: nothing was written
 */
LP_MUST_CHECK enum lp_code lp_device_write(struct lp_device *d, uint32_t i, const void *p,
					   struct lp_err *err);

/*
 * A chunk that is written piece by piece: any size in bounded memory.  What was written is on
 * the device before its digest is known, but nobody sees it: the bit is set by
 * lp_chunk_writer_end() alone.  {0} is valid and empty.
 */
struct lp_chunk_writer {
	struct lp_writer writer;
	struct lp_device *d;		/* borrowed */
	uint32_t i;
	struct lp_hash hash;
	uint64_t done;			/* bytes written */
};

LP_MUST_CHECK enum lp_code lp_chunk_writer_open(struct lp_chunk_writer *w, struct lp_device *d,
						uint32_t i, struct lp_err *err);
/* LP_ESHORT fewer bytes than the chunk has      LP_EDIGEST  layer.chunk.digest */
LP_MUST_CHECK enum lp_code lp_chunk_writer_end(struct lp_chunk_writer *w, struct lp_err *err);
void lp_chunk_writer_free(struct lp_chunk_writer *w);

/*
 * lp_device_sync - fdatasync the data, then save the bits that were set before: they survive a
 * crash.  When fdatasync fails, what it may have lost is not ready any more.
 */
LP_MUST_CHECK enum lp_code lp_device_sync(struct lp_device *d, struct lp_err *err);

/*
 * lp_device_verify - read chunk @i, which is ready, and hash it again.
 *
 * LP_EDIGEST  store.device.chunk: it was damaged in the store, and is not ready any more
 */
LP_MUST_CHECK enum lp_code lp_device_verify(struct lp_device *d, uint32_t i, struct lp_err *err);

/* If what lies at the place of chunk @i has its digest, it is ready; true. */
bool lp_device_recover(struct lp_device *d, uint32_t i);

/*
 * lp_device_remove - remove a device that nobody has open, and its live bitmap.
 *
 * LP_ESYSTEM  with EBUSY: somebody has     LP_EMISSING
 */
LP_MUST_CHECK enum lp_code lp_device_remove(struct lp_store *s, const char *name,
					    struct lp_err *err);

/* Chunks and plain bytes that are ready. */
void lp_device_count(const struct lp_device *d, uint32_t *chunks, uint64_t *bytes);

#endif
