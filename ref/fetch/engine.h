/* SPDX-License-Identifier: MIT */
/*
 * engine - the thread that runs a registry's exchanges on curl_multi.
 *
 *	lp_registry_fetch --> queue[demand, prefetch, background] --slots--+
 *	                                                                   v
 *	lp_engine_begin ---------------------------------------> exchanges, curl_multi
 *
 * Fetches take turns by priority for `connections` slots, one of which only demand gets.
 * What somebody waits for (documents, pushes) and whole streams run at once: they are few, and
 * a stream whose reader is slow must hold up nobody.
 */
#ifndef LP_ENGINE_H
#define LP_ENGINE_H

#include "fetch/auth.h"

#include <pthread.h>

#define LP_PRIORITIES 3

/* A server that can be asked: the mirror, or the registry itself. */
struct lp_endpoint {
	char *base;			/* "https://registry-1.docker.io" */
	const char *ns;			/* mirror: the registry's host, for "?ns="; else NULL */
	char host[256];			/* what credentials are looked up for */
	struct lp_origin origin;
	struct lp_auth auth;
	uint64_t rests_until_ns;	/* mirror: it did not answer */
};

/* Where a blob was last redirected to. */
struct lp_resolved {
	struct lp_digest blob;
	char *url;
	struct lp_resolved *next;
};

struct lp_queue {
	struct lp_fetch *first, *last;
};

struct lp_registry {
	struct lp_registry_options o;	/* complete: no field is its default 0 */
	char *ca_file, *user, *password;
	char name[256];
	struct lp_endpoint origin, mirror;	/* mirror.base NULL: none */
	struct lp_resolved *resolved;		/* engine thread */

	CURLM *multi;
	bool global;				/* curl_global_init() was called */
	pthread_t thread;
	bool started;
	struct lp_exchange *first;		/* all that are begun; engine thread */
	bool ending;				/* fail all; engine thread */
	uint64_t free_ns;			/* when limited bytes may come; engine thread */
	bool over_rate;				/* one was paused for it just now; engine thread */
	bool counts;				/* streams have slots, too */
	CURL **idle;				/* [connections], engine thread */
	size_t nidle;

	pthread_mutex_t lock;		/* of the following */
	pthread_cond_t over;		/* an exchange that a thread waits for is over */
	struct lp_queue queue[LP_PRIORITIES];
	struct lp_exchange *begun;	/* by other threads, not yet seen */
	unsigned active, low;		/* slots in use; of these not by demand */
	struct lp_range *stretch;	/* those that are open, or still end */
	bool asleep;

	_Atomic uint64_t requests, body_bytes, retries;
	_Atomic bool no_ranges;		/* it has answered a range with the whole */
	_Atomic bool poked, stop;
};

LP_MUST_CHECK enum lp_code lp_engine_start(struct lp_registry *r, struct lp_err *err);

/* Fail everything that is not over, end the thread. */
void lp_engine_stop(struct lp_registry *r);

/* Any thread: run @x, now.  Its over() is called on the engine's thread. */
void lp_engine_begin(struct lp_registry *r, struct lp_exchange *x);

/* Engine: the same, at once; @x may be over when this returns. */
void lp_engine_run(struct lp_registry *r, struct lp_exchange *x);

/* Any thread: @x can take bytes again, or is cancelled (x->cancelled). */
void lp_engine_poke(struct lp_exchange *x);

/*
 * lp_engine_rouse - r->lock is held, and something was changed: does the engine sleep though there
 * is something to do?  Then curl_multi_wakeup() it, after unlocking.
 */
bool lp_engine_rouse(struct lp_registry *r);

/* Engine: hand the request for x->url to curl; @x has its x->headers. */
void lp_engine_send(struct lp_exchange *x);

/* Engine: take it from curl again. */
void lp_engine_drop(struct lp_exchange *x);

/* Engine: @x is over and is forgotten. */
void lp_engine_forget(struct lp_exchange *x);

/*
 * lp_engine_document - GET the manifest or index @what (a tag or a digest) of the registry, or
 * its mirror, into @out; x->reply is its head.  lp_exchange_free() in any case.
 */
LP_MUST_CHECK enum lp_code lp_engine_document(struct lp_registry *r, const char *what,
					      bool origin_only, struct lp_exchange *x,
					      struct lp_buf *out, struct lp_err *err);

#endif
