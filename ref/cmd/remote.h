/* SPDX-License-Identifier: MIT */
/*
 * remote - a layer at a registry as one blob: what `lazypull adapter fetch` judges.
 *
 *	image --manifest, config--> descriptor --+
 *	url -------------------------------------+--> source --ranges--> frames
 *
 * Time-outs are short and tries are few: vectors wait for them.
 *
 * Specification: conformance/docs/PROTOCOL.md, "fetch"
 */
#ifndef LP_REMOTE_H
#define LP_REMOTE_H

#include "cmd/ask.h"
#include "fetch/registry.h"
#include "image/whole.h"

#define LP_REMOTE_MAX ((uint64_t)64 << 20)	/* bytes of a blob, ours */

/* {0} is valid and empty. */
struct lp_remote {
	struct lp_registry *registry;
	uint8_t *p;		/* [blob.d.bytes] what has been fetched of it, in its place */
};

/*
 * lp_remote_open - find the layer that @a names.
 *
 * @blob  out: its d, source and p; freed before @r
 * LP_EUSAGE  neither url nor image, or no such form     others: of fetch/registry.h, of documents
 */
LP_MUST_CHECK enum lp_code lp_remote_open(struct lp_remote *r, const struct lp_ask *a,
					  struct lp_whole_blob *blob, struct lp_err *err);
void lp_remote_free(struct lp_remote *r);

/* Fetch all of @blob in one pass and compare its digest; its source is memory then. */
LP_MUST_CHECK enum lp_code lp_remote_stream(struct lp_remote *r, struct lp_whole_blob *blob,
					    struct lp_err *err);

/* Fetch the frames of @w, a range each. */
LP_MUST_CHECK enum lp_code lp_remote_frames(struct lp_remote *r, struct lp_whole *w,
					    struct lp_err *err);

/* {"requests":N,"bytes_fetched":N}; NULL: there is nothing to tell. */
json_t *lp_remote_stats(const struct lp_remote *r);

#endif
