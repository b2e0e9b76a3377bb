/* SPDX-License-Identifier: MIT */
/* documents - the JSON documents of an image, each read whole as whoever pulls it reads it. */
#ifndef LP_DOCUMENTS_H
#define LP_DOCUMENTS_H

#include "cmd/inputs.h"

struct lp_document_kind {
	const char *name;	/* the format in a request */
	const char *digest;	/* the clause of a digest that differs */
	enum lp_code (*check)(const struct lp_inputs *in, const char *media_type,
			      struct lp_err *err);
};

/* The kind called @name, or NULL. */
const struct lp_document_kind *lp_document_kind(const char *name);

#endif
