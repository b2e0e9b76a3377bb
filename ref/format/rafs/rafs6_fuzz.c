// SPDX-License-Identifier: MIT
/*
 * rafs6_fuzz - hostile bootstraps of v6; what is told of them must make sense.
 *
 * The first byte: odd, the rest are edits of a bootstrap by nydus-image; even, all of it.
 */
#include "format/mustsink.h"
#include "format/rafs/bootfuzz.h"
#include "format/rafs/v6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN BOOTFUZZ_GOLDEN "6."

static void read_all(const uint8_t *p, size_t n, const struct lp_descriptor d[2])
{
	LP_AUTO(lp_rafs_v6_free) struct lp_rafs_v6 v = {.chunk_bytes = 0};
	LP_AUTO(must_free) struct mustsink c;
	struct lp_err err = {.rule = NULL};

	must_open(&c, 2, d[1].bytes, false);
	if (lp_rafs_v6_open(&v, p, n, &err) || lp_rafs_v6_tell(&v, d, 2, &c.sink, &err))
		must(err.code != LP_OK && (err.rule || err.code == LP_ELIMIT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct bootfuzz f;
	uint8_t *boot;

	bootfuzz_load(&f, GOLDEN "boot", GOLDEN "blob");
	if (!n)
		return 0;
	boot = bootfuzz_input(&f, data[0] & 1, 4096, (struct lp_cursor){.p = data + 1, .left = n - 1},
			      &n);
	read_all(boot, n, f.d);
	free(boot);
	return 0;
}
