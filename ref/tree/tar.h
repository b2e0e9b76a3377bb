/* SPDX-License-Identifier: MIT */
/*
 * tar - tar streams: ustar, PAX, GNU and V7 in, ustar and PAX out.
 *
 * Reading is strict where a lenient reader would let two readers see two trees: checksums,
 * PAX sizes against header sizes, sizes on links, sparse files (refused), names with NUL.
 * The policies are design.md 7, "Policies", and conformance/clauses/policies.json.
 *
 * Specification: POSIX.1-2017 pax; GNU tar manual, "Basic Tar Format"; OCI layer.md
 */
#ifndef LP_TAR_H
#define LP_TAR_H

#include "base/buf.h"
#include "base/stream.h"
#include "tree/entry.h"

#define LP_TAR_EXTENSION_MAX ((size_t)1 << 20)	/* bytes of PAX or GNU headers before an entry */

struct lp_tar {
	struct lp_reader *from;	/* borrowed */
	uint64_t at;		/* bytes consumed, from the start of the archive */
	uint64_t body_left;	/* of the current entry */
	uint32_t pad_left;
	bool ended;		/* two zero blocks, or the end of the stream, were seen */
	struct lp_reader body;	/* the current entry's bytes */
	void *state;		/* names, records, xattrs of the current entry */
};

LP_MUST_CHECK enum lp_code lp_tar_open(struct lp_tar *t, struct lp_reader *from,
				       struct lp_err *err);

/*
 * lp_tar_next - the next entry; what was left of the last one's body is skipped.
 *
 * @e     whiteouts in their kind; strings and xattrs are the tar's until the next call;
 *        extents are none
 * @more  out: false at the end of the archive (then @e is untouched)
 *
 * A regular file's body is read from @t->body: exactly e->size bytes.
 *
 * LP_EFORMAT, LP_ELIMIT, LP_EUNSUP  with rule tar.*, at the byte in the plain stream
 */
LP_MUST_CHECK enum lp_code lp_tar_next(struct lp_tar *t, struct lp_entry *e, bool *more,
				       struct lp_err *err);
void lp_tar_free(struct lp_tar *t);

/*
 * lp_tar_header - append the header blocks for @e to @out: ustar where it fits, PAX else.
 *
 * Whiteouts become the empty regular files ".wh.NAME" and ".wh..wh..opq".  Deterministic.
 * A body of e->size bytes and lp_tar_pad(e->size) zero bytes must follow a regular file.
 */
LP_MUST_CHECK enum lp_code lp_tar_header(const struct lp_entry *e, struct lp_buf *out,
					 struct lp_err *err);

#define LP_TAR_NAME_BYTES (LP_PATH_MAX + 32) /* a clean path and what is put in front or behind */

/* The name of @e as lp_tar_header() writes it: "d/", "./", "d/.wh.gone", "d/.wh..wh..opq". */
void lp_tar_name(const struct lp_entry *e, char out[static LP_TAR_NAME_BYTES]);

#define LP_TAR_EOF_BYTES 1024	/* zero bytes that end an archive */

static inline uint32_t lp_tar_pad(uint64_t size)
{
	return (uint32_t)(-size & 511);
}

#endif
