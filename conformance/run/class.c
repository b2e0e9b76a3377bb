// SPDX-License-Identifier: MIT
#include "run/class.h"

#include <string.h>

static const char *const names[LC_NCLASS] = {
	"pass",	      "fail",	     "crash",	     "hang",  "oom",   "escape",
	"leak-bytes", "unsupported", "inconclusive", "xfail", "xpass", "harness-error",
};

const char *lc_class_name(enum lc_class c)
{
	return names[c];
}

bool lc_class_find(const char *name, enum lc_class *out)
{
	for (unsigned i = 0; i < LC_NCLASS; i++)
		if (!strcmp(names[i], name)) {
			*out = (enum lc_class)i;
			return true;
		}
	return false;
}

bool lc_class_hostile(enum lc_class c)
{
	return c >= LC_CRASH && c <= LC_LEAK;
}

bool lc_class_skipped(enum lc_class c)
{
	return c == LC_UNSUPPORTED || c == LC_INCONCLUSIVE || c == LC_XFAIL;
}
