/* SPDX-License-Identifier: MIT */
/*
 * translate - the sink that turns a layer, or an image, into tables, a tree, prefetch runs.
 *
 *	format.open --> frames, chunks --> layer.table   one per device; a layer has one
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

struct lp_translate_device {
	struct lp_table_build table;
	size_t blob;		/* which of those given to open() */
	uint64_t bytes;
};

struct lp_translate {
	struct lp_sink sink;
	int data;		/* where bodies go, or -1: no stream is expected */
	size_t devices_max;	/* 0: a layer */
	struct lp_buf device;	/* of struct lp_translate_device: one at least */
	uint32_t number;	/* of the last that was told; 0: of none */
	struct lp_tree tree;
	struct lp_buf run;	/* of struct lp_translate_run, merged where they touch */
	struct lp_digest diffid;
	uint64_t body_off;	/* where the body stands, on the device */
	uint64_t body_left;
	struct lp_chunk chunk;	/* of the body, growing */
	struct lp_hash hash;	/* of the chunk */
};

struct lp_translate_run {
	uint64_t off, bytes;	/* on the device */
	uint64_t device;	/* 1-based */
};

/* What comes back from the child: this, then the devices, then the runs. */
struct lp_translate_result {
	struct lp_digest diffid;	/* LP_NO_DIGEST: not read as a stream */
	uint64_t ndevice;
};

struct lp_translate_made {
	struct lp_digest table;		/* of layer.table */
	uint64_t bytes;			/* of the device */
	uint64_t blob;			/* which of those given to open() */
};

/*
 * lp_translate_open - begin.
 *
 * @data         where the bodies of a stream go, or -1
 * @devices_max  how many devices an image may have; 0: a layer, whose one is not told
 */
LP_MUST_CHECK enum lp_code lp_translate_open(struct lp_translate *t, int data,
					     size_t devices_max, struct lp_err *err);
void lp_translate_free(struct lp_translate *t);

/*
 * lp_translate_end - write the tables and the tree of what the sink was told.
 *
 * @d       of the blobs given to open(): tables name theirs
 * @table   [devices_max], or 1, empty files
 * @tree    an empty file
 * @result  appended to: a struct lp_translate_result, a lp_translate_made each, the runs
 */
LP_MUST_CHECK enum lp_code lp_translate_end(struct lp_translate *t, const struct lp_descriptor *d,
					    const int *table, int tree, struct lp_buf *result,
					    struct lp_err *err);

#endif
