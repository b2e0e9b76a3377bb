/* SPDX-License-Identifier: MIT */
/*
 * adapter - the program that speaks for an implementation, and what it says of itself.
 *
 *	adapters/NAME/adapter.json
 *	{"name": "fsck.erofs", "command": ["adapter.sh", "$PEERS/fsck.erofs"], "serve": false,
 *	 "missing": "apt-get install erofs-utils", "as_mib": 0, "data_mib": 1024, "namespaces": true}
 *
 * A program without a slash is looked for beside adapter.json, then in PATH; one with a
 * relative path beside adapter.json.  $BUILD and $PEERS in words stand for directories.
 *
 * Specification: docs/PROTOCOL.md
 */
#ifndef LC_ADAPTER_H
#define LC_ADAPTER_H

#include "base/json.h"

#include <stdbool.h>

#define LC_WORDS_MAX 32		/* of a command, ours */

struct lc_adapter {
	json_t *file;		/* adapter.json; texts below are borrowed from it */
	const char *name;
	const char *missing;	/* how to get it, or "" */
	char *word[LC_WORDS_MAX + 1];	/* the command, NULL-terminated; [0] is a path */
	size_t nword;
	bool serve;		/* speaks mode B */
	bool namespaces;	/* it is to be run in namespaces: default true */
	uint64_t as_mib, data_mib;	/* limits; as 0: none */
	json_t *hello;		/* what it said of itself, once asked: else NULL */
};

struct lc_where {
	const char *suite;	/* its directory: adapters/NAME/ is looked for below it */
	const char *build;	/* $BUILD */
	const char *peers;	/* $PEERS */
};

/*
 * lc_adapter_load - read a file (@which has a slash or ends in .json), or adapters/@which/.
 *
 * LP_EMISSING  no such adapter, or its program is not installed: the message says how to
 * LP_EFORMAT   adapter.json is wrong          LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_adapter_load(struct lc_adapter *a, const char *which,
					   const struct lc_where *where, struct lp_err *err);
void lc_adapter_free(struct lc_adapter *a);

/*
 * lc_adapter_greet - take what `ADAPTER hello` said.
 *
 * LP_EFORMAT  not exactly one JSON document, or one that lacks what it must have
 */
LP_MUST_CHECK enum lp_code lc_adapter_greet(struct lc_adapter *a, const void *said, size_t n,
					    struct lp_err *err);

/* Does list @key of hello ("formats", "ops", "features") have @word? */
bool lc_adapter_has(const struct lc_adapter *a, const char *key, const char *word);

/* Member @key of hello is not false: "tree", "phases". */
bool lc_adapter_knows(const struct lc_adapter *a, const char *key);

/* What it does where a document leaves a choice, or NULL. */
const char *lc_adapter_policy(const struct lc_adapter *a, const char *key);

/*
 * lc_adapter_json - exactly one JSON document, of an adapter.
 *
 * @what  names it in the message
 * LP_EFORMAT  nothing, no JSON, or more behind it
 */
LP_MUST_CHECK enum lp_code lc_adapter_json(const void *said, size_t n, const char *what,
					   json_t **out, struct lp_err *err);

#endif
