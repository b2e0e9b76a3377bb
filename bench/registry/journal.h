/* SPDX-License-Identifier: MIT */
/*
 * journal - the registry's log: one JSON line per request, whole, in one write(2).
 *
 *	{"begin_ns":1,"body_bytes":512,"complete":true,"connection":1,"end_ns":2,"kind":"blob",
 *	 "method":"GET","name":"python","path":"/v2/...","range":"bytes=0-511",
 *	 "received_bytes":0,"sent_bytes":700,"status":206}
 *
 * Times are CLOCK_MONOTONIC: begin when the request line was read, end when the last byte
 * was handed to the kernel.  sent_bytes is what the kernel took for this request, headers
 * and TLS included.  body_bytes of a request that was cut off (complete: false) is at most
 * that: how much of it were headers is not known.
 */
#ifndef LB_JOURNAL_H
#define LB_JOURNAL_H

#include "base/buf.h"

#include <stdbool.h>

struct lb_journal {
	int fd;			/* -1: nobody wants it */
};

struct lb_journal_line {
	uint64_t begin_ns, end_ns;
	uint64_t connection;	/* from 1 */
	const char *method, *path;	/* the path as it came, with the query */
	const char *kind, *name;	/* lb_route_word(); the repository or "" */
	const char *range;	/* the header, or NULL */
	unsigned status;	/* 0: none was sent */
	uint64_t body_bytes, sent_bytes, received_bytes;
	bool complete;
};

void lb_journal_write(const struct lb_journal *j, const struct lb_journal_line *line);

#endif
