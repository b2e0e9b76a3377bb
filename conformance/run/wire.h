/* SPDX-License-Identifier: MIT */
/*
 * wire - one connection of the server: bytes in and out, plain or through TLS.
 *
 * Every wait ends when the server is to end: then there are no more bytes.
 */
#ifndef LC_WIRE_H
#define LC_WIRE_H

#include "base/err.h"
#include "run/script.h"

#include <openssl/ssl.h>

struct lc_wire {
	int fd;			/* ours, non-blocking */
	int stop;		/* borrowed: readable when all is to end */
	SSL *tls;		/* or NULL */
};

/* Greet; @ctx NULL: plain.  false: nothing can be said. */
bool lc_wire_open(struct lc_wire *w, int fd, int stop, SSL_CTX *ctx);

/* Up to @n bytes; 0: no more. */
size_t lc_wire_read(struct lc_wire *w, void *p, size_t n);

/* How many of @n bytes went out: fewer, and nobody listens any more. */
size_t lc_wire_write(struct lc_wire *w, const void *p, size_t n);

/* Wait @ms, or (-1) until the peer goes or all is to end; false: it is over. */
bool lc_wire_wait(const struct lc_wire *w, int ms);

enum lc_farewell { LC_POLITE, LC_ABRUPT, LC_WITH_RESET };	/* abrupt: no close_notify */

void lc_wire_close(struct lc_wire *w, enum lc_farewell how);

#endif
