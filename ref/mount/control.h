/* SPDX-License-Identifier: MIT */
/*
 * control - where a keeper is found: files of the store's run directory, by user namespace.
 *
 *	RUN/keeper.lock        of the machine's first user namespace
 *	RUN/keeper.NS.lock     of another one: NS is its number in hexadecimal
 *
 * A mount can be used only where it was made and in namespaces below, so that whoever lives in
 * another one needs another keeper.  They share the store, and what is ready in it.
 */
#ifndef LP_CONTROL_H
#define LP_CONTROL_H

#include "layer/store.h"

#define LP_CONTROL_SOCKET "sock"	/* SOCK_SEQPACKET: requests and answers are JSON */
#define LP_CONTROL_LOCK "lock"		/* flock'ed while the keeper lives; its process id */
#define LP_CONTROL_LOG "log"		/* what it and its worker had to say */
#define LP_CONTROL_BYTES 108		/* sun_path, unix(7) */

/* The file @kind of the keeper of @s, for this process's user namespace. */
void lp_control_path(const struct lp_store *s, const char *kind,
		     char out[static LP_CONTROL_BYTES]);

#endif
