// SPDX-License-Identifier: MIT
#include "cmd/session.h"

#include "image/publish.h"

enum lp_code lp_session_open(struct lp_session *s, const struct lp_common *c, const char *name,
			     struct lp_err *err)
{
	const struct lp_publish_options o = {.allow_unverified = c->allow_unverified};

	if (lp_store_open(&s->store, c->store, err) || lp_common_open(c, name, &s->image, err))
		return err->code;
	s->store.later = true;
	if (lp_publish(&s->image, &s->store, &o, err) ||
	    lp_store_settle(&s->store, err) ||
	    lp_filler_open(&s->filler, &s->image, &s->store, err))
		return err->code;
	return LP_OK;
}

void lp_session_free(struct lp_session *s)
{
	lp_filler_free(&s->filler);
	lp_image_free(&s->image);
	lp_store_free(&s->store);
}
