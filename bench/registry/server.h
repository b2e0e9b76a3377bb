/* SPDX-License-Identifier: MIT */
/*
 * server - the embedded registry: what it serves, how it listens, what it remembers.
 *
 * One libmicrohttpd daemon for the registry, a second one where redirects lead.  Threads are
 * the daemon's: an epoll loop per processor, or one thread per connection when a knob makes
 * requests wait.  Everything below is read-only while it runs, or behind its own lock.
 */
#ifndef LB_SERVER_H
#define LB_SERVER_H

#include "registry/journal.h"
#include "registry/knob.h"
#include "registry/repository.h"
#include "registry/sent.h"
#include "registry/ticket.h"
#include "registry/upload.h"

struct MHD_Daemon;

struct lb_server_options {
	const char *listen;		/* IPv4 address */
	uint16_t port;			/* 0: any */
	const char *storage_listen;	/* where redirects lead; NULL: listen */
	const char *cert, *key;		/* PEM, or NULL: plain HTTP */
};

/* How often each fault's requests have come by. */
struct lb_turns {
	_Atomic uint64_t fail_500, fail_429, short_body, reset, stall;
};

struct lb_server {
	struct lb_knobs knobs;
	struct lb_repositories repositories;
	struct lb_journal journal;
	struct lb_uploads uploads;
	struct lb_tickets tickets;
	struct lb_turns turns;
	struct lb_sent sent;
	_Atomic uint64_t connections;	/* so far: their ids in the log */
	struct MHD_Daemon *registry, *storage;
	char url[64], storage_at[64];	/* "http://127.0.0.1:5000"; "" without redirects */
	char storage_url[64];		/* what redirects call the latter */
};

/*
 * lb_server_start - listen and serve, in threads; knobs, repositories and journal are set.
 *
 * LP_EUSAGE   not an address            LP_ESYSTEM  cannot listen
 */
LP_MUST_CHECK enum lp_code lb_server_start(struct lb_server *s,
					   const struct lb_server_options *o,
					   struct lp_err *err);

/* Stop serving, and free all members. */
void lb_server_free(struct lb_server *s);

#endif
