/* SPDX-License-Identifier: MIT */
/*
 * stretch - one request for a long part of a blob, whose bytes go to one fetch after the other.
 *
 *	request   [off                                                        off + reach)
 *	fetches   [ f ][ more ][ more ] end        those that go on are appended here
 *	              ^ the answer is paused where nobody wants its next bytes, and while anything
 *	                but a stretch runs: demand has the link for itself
 *
 * It has one slot, and a connection of its own.  Under r->lock; over(), and take() without it,
 * run on the engine's thread.
 */
#ifndef LP_STRETCH_H
#define LP_STRETCH_H

#include "fetch/range.h"

/* Engine, without the lock: @g, whose f has a reach, is a stretch. */
void lp_stretch_open(struct lp_range *g);

/*
 * Hand over the queued fetches that go on where a stretch ends; one that a fetch of its blob
 * leaves behind is ended.
 */
void lp_stretch_adopt(struct lp_registry *r);

/* Somebody waits for what @g, a stretch or not, brings: no limit for it, and no more behind it. */
void lp_stretch_hurry(struct lp_range *g);

/* Something urgent has ended: those that have yielded may go on. */
void lp_stretch_go_on(struct lp_registry *r);

/* End the stretches of @blob (NULL: all) after what they have promised. */
void lp_stretch_end(struct lp_registry *r, const struct lp_digest *blob);

#endif
