/* SPDX-License-Identifier: MIT */
/*
 * ready - which chunks of a device are there: the file that survives a crash, and the live map.
 *
 *	ready   devices/<name>/ready                  renamed over, after the data was synced
 *	live    <run>/live.<boot id>.<name>           mapped and shared; gone, or ignored, after a boot
 *
 * Both hold one bit per chunk in 64-bit words and the identity of the device they belong to:
 * its table's digest, and a random number from when it was made, since a device that was
 * removed and made again has the same name and none of the bytes.  A file that is torn, or
 * another device's, counts as one without any bits.
 *
 * Internal to layer/.
 */
#ifndef LP_READY_H
#define LP_READY_H

#include "layer/store.h"
#include "layer/table.h"

#include <stdatomic.h>

struct lp_ready_id {
	uint8_t made[16];	/* random, from lp_ready_make() */
	uint8_t table[32];	/* the table's digest */
	uint32_t nchunk;
};

/* 64-bit words for @nchunk bits; never 0. */
static inline size_t lp_ready_words(uint32_t nchunk)
{
	return (size_t)nchunk / 64 + 1;
}

/* The identity of a new device of @t. */
LP_MUST_CHECK enum lp_code lp_ready_make(struct lp_ready_id *id, const struct lp_table *t,
					 struct lp_err *err);

/* Save @words, lp_ready_words() of them, as the ready file in @dir: whole or not at all. */
LP_MUST_CHECK enum lp_code lp_ready_save(int dir, const struct lp_ready_id *id,
					 const uint64_t *words, bool sync,
					 struct lp_err *err);

/*
 * lp_ready_load - the ready file in @dir.
 *
 * @id     in: table and nchunk; out: made
 * @words  out: its bits
 *
 * LP_EMISSING  there is none, or none that is whole and this device's (no bits, no made)
 */
LP_MUST_CHECK enum lp_code lp_ready_load(int dir, struct lp_ready_id *id, uint64_t *words,
					 struct lp_err *err);

/* The live map: words behind a header.  {0} is empty. */
struct lp_live {
	void *map;
	size_t bytes;
	_Atomic uint64_t *word;
};

/*
 * lp_live_open - map the live bits of device @name, whose directory is @dir.
 *
 * Whoever is first after a boot makes them from the ready file; the directory is locked
 * meanwhile.
 */
LP_MUST_CHECK enum lp_code lp_live_open(struct lp_live *l, struct lp_store *s, const char *name,
					int dir, struct lp_ready_id *id, struct lp_err *err);
void lp_live_free(struct lp_live *l);

/* Remove the live bits of device @name. */
void lp_live_remove(struct lp_store *s, const char *name);

/* Lock the device's directory @dir against other syncs and openers, until @lock is closed. */
LP_MUST_CHECK enum lp_code lp_ready_lock(int dir, int *lock, struct lp_err *err);

#endif
