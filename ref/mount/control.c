// SPDX-License-Identifier: MIT
#include "mount/control.h"

#include "mount/userns.h"

#include <stdio.h>

void lp_control_path(const struct lp_store *s, const char *kind, char out[static LP_CONTROL_BYTES])
{
	uint32_t number = lp_userns();
	char ns[16] = "";

	if (number)
		snprintf(ns, sizeof(ns), ".%08x", number);
	/* LP_STORE_RUN leaves room for the longest. */
	snprintf(out, LP_CONTROL_BYTES, "%s/keeper%s.%.4s", s->run, ns, kind);
}
