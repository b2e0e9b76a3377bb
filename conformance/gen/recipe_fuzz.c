// SPDX-License-Identifier: MIT
/* recipe_fuzz - any bytes as a recipe: it ends, and what it makes is within its limits. */
#include "gen/gen.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct gen_set set = {0};
	char why[256] = "";

	if (gen_load_text(&set, "fuzz", (const char *)data, n, why, sizeof(why))) {
		if (!*why || memchr(why, 0, sizeof(why)) == NULL)
			abort();
		return 0;
	}
	for (size_t i = 0; i < set.n; i++)
		if (set.v[i].size > GEN_MAX || strlen(set.v[i].sha256) != 64)
			abort();
	gen_free(&set);
	return 0;
}
