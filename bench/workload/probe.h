/* SPDX-License-Identifier: MIT */
/*
 * probe - is the server in the container ready?  One HTTP GET; a port that is open is not enough.
 */
#ifndef LB_PROBE_H
#define LB_PROBE_H

#include "base/buf.h"

#include <stdbool.h>

#define LB_PROBE_MS 1		/* between two attempts: what a readiness time is uncertain by */

/* Does somebody listen on 127.0.0.1:@port? */
bool lb_port_open(uint16_t port);

/*
 * GET @path from 127.0.0.1:@port: true if the status is 200; @body gets the answer's body.
 *
 * Waits one second at most for an answer once it is connected.
 */
bool lb_probe(uint16_t port, const char *path, struct lp_buf *body);

#endif
