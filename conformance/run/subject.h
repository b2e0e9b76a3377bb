/* SPDX-License-Identifier: MIT */
/*
 * subject - whom a command asks, and about what: an adapter, the suite, and who carries questions.
 *
 * A command's struct has a member `struct lc_about about;` and its table ends with
 * LC_ABOUT_OPTIONS(struct args).
 */
#ifndef LC_SUBJECT_H
#define LC_SUBJECT_H

#include "run/crew.h"
#include "run/suite.h"

#include "base/command.h"

struct lc_about {
	const char *adapter, *suite, *build, *peers;
	uint64_t jobs, wall_ns;
};

#define LC_ABOUT_DEFAULT {.adapter = "lazypull", .wall_ns = 10000000000}

#define LC_ABOUT_OPTIONS(type)                                                                 \
	{"adapter", 'a', LP_OPT_TEXT, offsetof(type, about.adapter), "FILE|NAME",              \
	 "adapter.json, or a name below adapters/ (lazypull)"},                                \
	{"jobs", 'j', LP_OPT_COUNT, offsetof(type, about.jobs), "N",                           \
	 "adapters at a time (one per processor)"},                                            \
	{"timeout", 't', LP_OPT_NS, offsetof(type, about.wall_ns), "TIME",                     \
	 "for an answer, or a batch of them (10s)"},                                           \
	{"suite", 0, LP_OPT_TEXT, offsetof(type, about.suite), "DIR",                          \
	 "with recipes/ and clauses/ (conformance)"},                                          \
	{"build", 0, LP_OPT_TEXT, offsetof(type, about.build), "DIR",                          \
	 "$BUILD of adapters (where lazyconf is)"},                                            \
	{"peers", 0, LP_OPT_TEXT, offsetof(type, about.peers), "DIR",                          \
	 "$PEERS (~/.cache/lazypull/peers/bin)"}

/* {0} is valid and empty; crew.order, seen, task and n are the command's. */
struct lc_subject {
	struct lc_suite suite;
	struct lc_adapter adapter;
	struct lc_crew crew;
};

/* Load the suite and the adapter.  Errors of lc_suite_load() and lc_adapter_load(). */
LP_MUST_CHECK enum lp_code lc_subject_open(struct lc_subject *s, const struct lc_about *a,
					   struct lp_err *err);

/* @serve: processes that stay.  Asks hello, too: errors of lc_crew_hello(). */
LP_MUST_CHECK enum lp_code lc_subject_hello(struct lc_subject *s, const struct lc_about *a,
					    bool serve, struct lp_err *err);
void lc_subject_free(struct lc_subject *s);

#endif
