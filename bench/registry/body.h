/* SPDX-License-Identifier: MIT */
/*
 * body - the bytes of an answer that sendfile cannot send: parts of a file with text between
 * them (multipart/byteranges), or a part of a file with faults in it.
 */
#ifndef LB_BODY_H
#define LB_BODY_H

#include "registry/knob.h"
#include "registry/range.h"
#include "registry/sent.h"

struct MHD_Response;

/* What goes wrong with it. */
struct lb_faults {
	bool cut;		/* it ends half-way */
	bool reset;		/* and the connection with a TCP reset */
	int socket;		/* for that */
	uint64_t stall_ms;	/* it pauses half-way */
	const struct lb_corrupt *corrupt;	/* [ncorrupt], borrowed from the knobs */
	size_t ncorrupt;
	struct lb_sent *sent;		/* what was not sent before is wrong; or NULL */
	struct lb_sent_blob *blob;	/* there */
	struct lp_digest digest;	/* of the blob, which says what of corrupt concerns it */
};

/* Flip what is to be flipped in @n bytes at @p, which come from offset @off of the blob. */
void lb_faults_corrupt(const struct lb_faults *f, uint64_t off, void *p, size_t n);

struct lb_body;

/* An empty body; @fd is consumed, also on failure.  LP_ESYSTEM. */
LP_MUST_CHECK enum lp_code lb_body_open(struct lb_body **out, int fd, const struct lb_faults *f,
					struct lp_err *err);
void lb_body_free(struct lb_body *b);

/* Append a part of the file, or text.  LP_ELIMIT: too many parts. */
LP_MUST_CHECK enum lp_code lb_body_add_file(struct lb_body *b, const struct lb_range *r,
					    struct lp_err *err);
__attribute__((format(printf, 3, 4)))
LP_MUST_CHECK enum lp_code lb_body_add_text(struct lb_body *b, struct lp_err *err,
					    const char *fmt, ...);

uint64_t lb_body_bytes(const struct lb_body *b);

/* A response of these bytes, which owns @b; NULL: memory ran out, and @b is still yours. */
struct MHD_Response *lb_body_response(struct lb_body *b);

#endif
