/* SPDX-License-Identifier: MIT */
/*
 * audit - is a device of the store still what was put there; and what can be saved if not.
 *
 *	table    has its digest, and is that of the device's name     else: not usable
 *	data     as long as the device                                else: made so
 *	ready    whole                                                else: made from the data
 *	chunks   those that are ready have their digests              else: not ready any more
 */
#ifndef LP_AUDIT_H
#define LP_AUDIT_H

#include "base/log.h"
#include "layer/store.h"

struct lp_audit {
	/* @what is wrong with @name; @remedy says what was done about it, or is NULL. */
	void (*tell)(struct lp_audit *a, const char *name, const struct lp_err *what,
		     const char *remedy);
	struct lp_progress progress;	/* gets the bytes that were read */
	uint64_t devices, chunks, bytes;	/* verified: devices, ready chunks, their bytes */
	uint64_t damaged;		/* things that something was wrong with */
	uint64_t left;			/* and nothing could be done about */
};

/* Count and tell. */
void lp_audit_tell(struct lp_audit *a, const char *name, const struct lp_err *what,
		   const char *remedy);

/*
 * lp_audit_device - look at everything of device @name; what is wrong is told, and no failure.
 *
 * @usable  out: false: it cannot be opened, which is not told: somebody must remove it first
 *
 * LP_ESYSTEM   it could not be read
 */
LP_MUST_CHECK enum lp_code lp_audit_device(struct lp_audit *a, struct lp_store *s,
					   const char *name, bool *usable, struct lp_err *err);

#endif
