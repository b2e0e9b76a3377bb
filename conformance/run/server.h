/* SPDX-License-Identifier: MIT */
/*
 * server - two hosts on loopback that answer as a script says.  Specification: docs/HTTP.md
 *
 *	listener of a host --accept--> connection: head -> rule -> reply -> then
 *	                                              `-> traffic
 *
 * A thread for each host and each connection, in the network namespace of the thread that
 * opened it.  It speaks raw bytes: what a client may get wrong must not be put right here.
 */
#ifndef LC_SERVER_H
#define LC_SERVER_H

#include "run/traffic.h"
#include "run/wire.h"

#include <pthread.h>
#include <stdio.h>

#define LC_CONNECTIONS 256	/* in a server's life, ours; more are closed at once */

struct lc_server;

struct lc_connection {
	struct lc_server *server;
	int host, fd;
	pthread_t thread;
};

struct lc_listener {
	struct lc_server *server;
	int host, fd;
	SSL_CTX *tls;		/* or NULL */
	pthread_t thread;
	bool started;
};

/* Not copyable once open. */
struct lc_server {
	const struct gen_vector *v;	/* borrowed: inputs "script" and others */
	struct lc_script script;
	struct lc_values values;	/* authorities */
	struct lp_buf pem;		/* the authorities of certificates; empty: none */
	struct lc_listener listener[LC_HOSTS];
	struct lc_connection *connection;	/* [LC_CONNECTIONS] */
	size_t nconnection;
	int stop;			/* eventfd */
	FILE *log;			/* or NULL: a line a request */

	pthread_mutex_t lock;		/* of the following */
	uint64_t *used;			/* [script.nrule] answers */
	struct lc_traffic traffic;
	struct lp_err err;		/* the first failure of ours */
};

/*
 * lc_server_open - listen.
 *
 * @s   {0} but for log
 * @v   has an input "script"; must outlive @s
 * LP_EFORMAT  the script is wrong       LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_server_open(struct lc_server *s, const struct gen_vector *v,
					  struct lp_err *err);

/* End all connections and threads; what was asked stays.  Idempotent. */
void lc_server_end(struct lc_server *s);

/* Ends it, too. */
void lc_server_free(struct lc_server *s);

#endif
