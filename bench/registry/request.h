/* SPDX-License-Identifier: MIT */
/*
 * request - one HTTP request on its way through the registry, and how it is answered.
 *
 * A handler queues one answer and returns LP_OK, or fails; then the server answers with an
 * error document of the specification: what lb_refuse() said, or 500.
 *
 * Specification: OCI distribution-spec v1.1, "Error codes"
 */
#ifndef LB_REQUEST_H
#define LB_REQUEST_H

#include "registry/route.h"
#include "registry/server.h"

struct MHD_Connection;
struct MHD_Response;

struct lb_request {
	struct lb_server *server;		/* borrowed */
	struct MHD_Connection *connection;	/* the library's */
	bool storage;				/* it came to the second address */
	char *uri;				/* as it came */
	char method[16];
	struct lb_route route;
	uint64_t begin_ns, sent_before;		/* sent_before: lb_request_sent() at its begin */
	uint64_t received_bytes, body_bytes;
	unsigned status;			/* of the answer; 0: none yet */
	const char *range;			/* the header, borrowed from the connection */

	struct lp_layout *layout;		/* of the repository, or NULL */
	struct lb_upload *upload;		/* where the body goes, else */
	struct lp_buf body;			/* here */

	enum lp_code code;			/* of what failed while the body came */
	struct lp_err err;
	unsigned refused;			/* the status that lb_refuse() chose, or 0 */
	const char *reason;			/* the specification's code, "BLOB_UNKNOWN" */
	char extra[400];			/* one header for the refusal: "NAME: VALUE" */
};

/* An answer being made; a failure on the way is sticky and shows in lb_answer_send(). */
struct lb_answer {
	struct MHD_Response *response;
	unsigned status;
	uint64_t bytes;			/* of the body */
	bool bad;
};

struct lb_answer lb_answer_empty(unsigned status);

/* @p is copied. */
struct lb_answer lb_answer_bytes(unsigned status, const char *media_type, const void *p,
				 size_t n);

__attribute__((format(printf, 3, 4)))
void lb_answer_header(struct lb_answer *a, const char *name, const char *fmt, ...);

/* Queue it; it is used up either way.  LP_ESYSTEM. */
LP_MUST_CHECK enum lp_code lb_answer_send(struct lb_request *r, struct lb_answer *a,
					  struct lp_err *err);

/* Fail with an HTTP status and the specification's code; the message is for people. */
__attribute__((format(printf, 5, 6), cold))
enum lp_code lb_refuse(struct lb_request *r, struct lp_err *err, unsigned status,
		       const char *reason, const char *fmt, ...);

/* Queue the error document for @err. */
LP_MUST_CHECK enum lp_code lb_answer_error(struct lb_request *r, const struct lp_err *err,
					   struct lp_err *bad);

/* A header of the request, or an argument of its query; borrowed, or NULL. */
const char *lb_request_header(const struct lb_request *r, const char *name);
const char *lb_request_argument(const struct lb_request *r, const char *name);

/* "http://HOST" as the client called us. */
void lb_request_base(const struct lb_request *r, char *out, size_t n);

/* Bytes that the kernel has taken for this connection so far. */
uint64_t lb_request_sent(const struct lb_request *r);

/* The reference of the route as a digest; refuses with DIGEST_INVALID. */
LP_MUST_CHECK enum lp_code lb_request_digest(struct lb_request *r, struct lp_digest *out,
					     struct lp_err *err);

/* The layout of the route's repository into r->layout; refuses with NAME_UNKNOWN. */
LP_MUST_CHECK enum lp_code lb_request_layout(struct lb_request *r, bool make,
					     struct lp_err *err);

#endif
