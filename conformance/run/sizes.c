// SPDX-License-Identifier: MIT
#include "run/sizes.h"

#include <stdlib.h>
#include <zlib.h>

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t deflated(const struct gen_vector *v)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < v->ninput; i++) {
		uLongf n = compressBound(v->input[i].n);
		Bytef *out = malloc(n);

		if (!out || compress2(out, &n, v->input[i].p, v->input[i].n, Z_BEST_SPEED) != Z_OK)
			n = v->input[i].n;
		sum += n;
		free(out);
	}
	return sum;
}

enum lp_code lc_sizes(const struct gen_set *set, struct lc_sizes *out, struct lp_err *err)
{
	uint64_t *size = calloc(set->n + 1, sizeof(*size));

	*out = (struct lc_sizes){0};
	if (!size)
		return lp_fail_errno(err, "%zu sizes", set->n);
	for (size_t i = 0; i < set->n; i++) {
		const struct gen_vector *v = &set->v[i];

		size[i] = v->size;
		out->huge += v->huge;
		out->kept += v->huge ? 0 : v->size;
	}
	qsort(size, set->n, sizeof(*size), by_size);
	out->median = size[set->n / 2];
	free(size);
	return LP_OK;
}

uint64_t lc_sizes_deflated(const struct gen_set *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->n; i++)
		sum += set->v[i].huge ? 0 : deflated(&set->v[i]);
	return sum;
}
