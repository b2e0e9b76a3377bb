/* SPDX-License-Identifier: MIT */
/*
 * class - what became of a vector, in one word.  docs/VERDICTS.md says when each is given.
 *
 * The order is that of severity within the findings about one answer: the worst is reported.
 */
#ifndef LC_CLASS_H
#define LC_CLASS_H

#include <stdbool.h>

enum lc_class {
	LC_PASS,
	LC_FAIL,		/* a wrong answer */
	LC_CRASH,		/* a signal, an unknown exit status, or death without an answer */
	LC_HANG,		/* wall clock or processor time ran out */
	LC_OOM,			/* more memory or larger files than the limits allow */
	LC_ESCAPE,		/* something outside the places it may write was changed */
	LC_LEAK,		/* content was handed out that no digest vouched for */
	LC_UNSUPPORTED,		/* it says that it does not do this */
	LC_INCONCLUSIVE,	/* it refused, but it refuses the base as well */
	LC_XFAIL,		/* as the gate file says */
	LC_XPASS,		/* passes although the gate file says otherwise */
	LC_HARNESS,		/* its answer is no answer: the adapter is at fault */
};

#define LC_NCLASS (LC_HARNESS + 1)

/* "pass", "fail", ..., "leak-bytes", ..., "harness-error". */
const char *lc_class_name(enum lc_class c);

/* false: @name is no class. */
bool lc_class_find(const char *name, enum lc_class *out);

/* crash, hang, oom, escape, leak-bytes: in the profile "hostile" no gate file excuses these. */
bool lc_class_hostile(enum lc_class c);

/* unsupported, inconclusive, xfail: counted as skipped. */
bool lc_class_skipped(enum lc_class c);

#endif
