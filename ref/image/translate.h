/* SPDX-License-Identifier: MIT */
/*
 * translate - the sink that turns one layer into its table, its tree and its prefetch runs.
 *
 *	format.open --> frames, chunks --> layer.table
 *	            --> entries        --> tree.erofs
 *	            --> bodies         --> the data of a device, digested on the way (streams)
 *
 * Runs in the sandboxed child (image/parse.h): everything it writes to was opened before.
 */
#ifndef LP_TRANSLATE_H
#define LP_TRANSLATE_H

#include "format/format.h"
#include "layer/table.h"
#include "tree/tree.h"

#define LP_BODY_CHUNK ((uint64_t)4 << 20) /* bytes of one chunk of a streamed body; as eStargz */

struct lp_translate {
	struct lp_sink sink;
	int data;		/* where bodies go, or -1: no stream is expected */
	struct lp_table_build table;
	struct lp_tree tree;
	struct lp_buf run;	/* of struct lp_translate_run, merged where they touch */
	struct lp_digest diffid;
	uint64_t device_bytes;
	uint64_t body_off;	/* where the body stands, on the device */
	uint64_t body_left;
	struct lp_chunk chunk;	/* of the body, growing */
	struct lp_hash hash;	/* of the chunk */
};

struct lp_translate_run {
	uint64_t off, bytes;	/* on the device */
};

/* What comes back from the child: this, and then the runs. */
struct lp_translate_result {
	struct lp_digest diffid;	/* LP_NO_DIGEST: not read as a stream */
	struct lp_digest table;		/* of layer.table */
	uint64_t device_bytes;
};

LP_MUST_CHECK enum lp_code lp_translate_open(struct lp_translate *t, int data,
					     struct lp_err *err);
void lp_translate_free(struct lp_translate *t);

/*
 * lp_translate_end - write the table and the tree of what the sink was told.
 *
 * @d            the layer's descriptor: the table names its blob
 * @table, @tree empty files
 * @result       appended to: a struct lp_translate_result and the runs
 */
LP_MUST_CHECK enum lp_code lp_translate_end(struct lp_translate *t, const struct lp_descriptor *d,
					    int table, int tree, struct lp_buf *result,
					    struct lp_err *err);

#endif
