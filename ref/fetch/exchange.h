/* SPDX-License-Identifier: MIT */
/*
 * exchange - one question to a registry and its answer, however many requests that takes.
 *
 *	begin --> attempt --> settle --+--> over
 *	             ^                 |
 *	             |   redirect, token, retry, resume, mirror --> origin
 *	             +-----------------+
 *
 * All of it runs on the engine's thread; attempt and settle decide, engine.c moves bytes,
 * answer.c says whether an answer fits the question.
 */
#ifndef LP_EXCHANGE_H
#define LP_EXCHANGE_H

#include "base/digest.h"
#include "fetch/registry.h"
#include "fetch/url.h"

#include <curl/curl.h>

struct lp_endpoint;
struct lp_exchange;

enum lp_method { LP_GET, LP_HEAD, LP_POST, LP_PUT };

/* What the body of a good answer is. */
enum lp_shape {
	LP_DOCUMENT,	/* anything of at most x->bytes bytes; read anew after a failure */
	LP_RANGE,	/* exactly [off, off + bytes) of the blob; resumed */
	LP_STREAM,	/* the whole blob, exactly bytes long; resumed */
};

struct lp_exchange_ops {
	/* The next bytes; how many were taken.  Fewer: no more now, lp_engine_poke() will follow. */
	size_t (*take)(struct lp_exchange *x, const uint8_t *p, size_t n);
	/* LP_DOCUMENT: drop what was taken. */
	void (*restart)(struct lp_exchange *x);
	/* The end, once; @x may be freed here.  @err counts only when @code does. */
	void (*over)(struct lp_exchange *x, enum lp_code code, const struct lp_err *err);
};

/* The answer to the latest attempt. */
struct lp_answer {
	long status;		/* 0: none has come */
	bool checked;		/* its head was held against the question */
	bool stop;		/* we have what we want, or want none of it: the rest is cut off */
	bool again;		/* fail is worth another attempt */
	uint64_t skip;		/* bytes of the body in front of those we want, or have */
	uint64_t left;		/* bytes of the body that we still want */
	uint64_t bytes;		/* of the body, so far */
	struct lp_err fail;	/* code LP_OK: nothing wrong so far */
	size_t ntext;
	char text[512];		/* the beginning of an error's body */
	char detail[CURL_ERROR_SIZE];	/* curl's words for its own failure, or "" */
};

/* What the question's asker may read in over(). */
struct lp_reply {
	long status;
	uint64_t bytes;			/* of the document or the whole blob, or LP_NO_OFFSET */
	char *location;			/* absolute, or NULL; freed with the exchange */
	char type[LP_MEDIA_TYPE];	/* Content-Type without parameters */
	char digest[LP_DIGEST_TEXT];	/* Docker-Content-Digest, or "" */
	char subject[LP_DIGEST_TEXT];	/* OCI-Subject, or "" */
	char etag[200];			/* or "", also where it is longer */
	char *link;			/* Link, or NULL; freed with the exchange */
};

enum lp_exchange_state { LP_X_NEW, LP_X_RUNS, LP_X_WAITS, LP_X_AUTH, LP_X_OVER };

struct lp_exchange {
	/* the question; {0} but for what it needs */
	const struct lp_exchange_ops *ops;
	enum lp_method method;
	enum lp_shape shape;
	bool origin_only;	/* not for the mirror */
	bool once;		/* never sent again but after 401: an upload's session is spent */
	char *path;		/* "/v2/...", or a whole URL; owned */
	char *secret;		/* the header for a whole URL's origin, or NULL; owned */
	const char *accept;	/* or NULL */
	const char *type;	/* of what is sent */
	char condition[220];	/* a whole header field, or "" */
	struct lp_digest blob;	/* where the resolved URL is kept; LP_NO_DIGEST: nowhere */
	uint64_t off, bytes;
	uint64_t total;		/* of the blob, 0: not known */
	int fd;			/* LP_PUT: what is sent, if body is NULL */
	const void *body;	/* LP_POST, LP_PUT */
	uint64_t body_bytes;
	unsigned stall_ms;	/* 0: the registry's */
	bool alone;		/* on a connection of its own: while it is paused, nothing else waits */
	_Atomic bool limited;	/* shares the registry's rate with others */
	unsigned weight;	/* RFC 7540, 5.3.2: 1 to 256; 0: the usual one */
	void *owner;		/* the asker's */

	/* the answer */
	struct lp_reply reply;
	struct lp_answer answer;

	/* the exchange's own */
	struct lp_registry *r;
	struct lp_endpoint *endpoint;	/* NULL: a whole URL that is no endpoint's */
	enum lp_exchange_state state;
	char *url;		/* of the attempt */
	char *hop;		/* where we were redirected to; NULL: to the endpoint */
	bool cached;		/* hop came from the cache */
	bool resolved_again;
	unsigned hops, tries, auths;
	unsigned generation;	/* of the authorization it was sent with */
	uint64_t have;		/* bytes taken, from off */
	uint64_t have_before;	/* at the beginning of the attempt */
	uint64_t sent;		/* of the body */
	uint64_t due_ns;	/* LP_X_WAITS */

	/* the engine's */
	CURL *easy;
	struct curl_slist *headers;
	uint64_t mark_ns, mark_bytes;	/* progress is measured from here */
	bool stalled;
	bool slot;		/* a stream that has one */
	bool paused;		/* take() has not taken all, or */
	bool over_rate;		/* the rate's bytes are used up */
	_Atomic bool poked, cancelled;
	struct lp_exchange *next, *prev;
};

/* Engine: send the next request of @x, or wait for what it needs first. */
void lp_exchange_attempt(struct lp_exchange *x);

/* Engine: the request of @x has ended; go on, or be over. */
void lp_exchange_settle(struct lp_exchange *x, CURLcode rc);

/* Engine: be over with a failure, whatever state it is in. */
void lp_exchange_fail(struct lp_exchange *x, const struct lp_err *err);

/* Ask for blob @d of the repository.  LP_ESYSTEM: memory ran out. */
LP_MUST_CHECK enum lp_code lp_exchange_blob(struct lp_exchange *x, const struct lp_registry *r,
					    const struct lp_digest *d, struct lp_err *err);

/* Free what @x owns, not @x. */
void lp_exchange_free(struct lp_exchange *x);

/* "GET 127.0.0.1:5000/v2/..." for messages, without queries. */
#define LP_EXCHANGE_NAME (LP_URL_NAME + 8)
void lp_exchange_name(const struct lp_exchange *x, char out[static LP_EXCHANGE_NAME]);

/*
 * lp_exchange_wait - run @x and wait for its end; any thread but the engine's.
 *
 * x->ops is set here: the body is appended to @out, at most x->bytes of it.
 * The caller frees @x afterwards.
 */
LP_MUST_CHECK enum lp_code lp_exchange_wait(struct lp_registry *r, struct lp_exchange *x,
					    struct lp_buf *out, struct lp_err *err);

#endif
