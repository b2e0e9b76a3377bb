/* SPDX-License-Identifier: MIT */
/* session - an image by name, published in the store and readable: for cat, tree, check. */
#ifndef LP_SESSION_H
#define LP_SESSION_H

#include "cmd/common.h"
#include "image/fill.h"

struct lp_session {
	struct lp_store store;
	struct lp_image image;
	struct lp_filler filler;
};

#define LP_SESSION_EMPTY \
	{.store = {.dir = -1}, .image = LP_IMAGE_EMPTY, .filler = LP_FILLER_EMPTY}

/* Open the image @name as @c says, publish it, make it readable. */
LP_MUST_CHECK enum lp_code lp_session_open(struct lp_session *s, const struct lp_common *c,
					   const char *name, struct lp_err *err);
void lp_session_free(struct lp_session *s);

#endif
