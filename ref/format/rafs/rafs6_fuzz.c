// SPDX-License-Identifier: MIT
/*
 * rafs6_fuzz - hostile bootstraps of v6; what is told of them must make sense.
 *
 * The first byte: odd, the rest are edits of a bootstrap by nydus-image; even, all of it.
 */
#include "format/mustsink.h"
#include "format/rafs/v6.h"
#include "testing/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN "ref/testing/golden/nydus-v6."

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
	static struct lp_buf golden, blob;
	static struct lp_descriptor d[2];
	LP_AUTO(lp_buf_free) struct lp_buf boot = {.p = NULL};
	uint8_t *exact;

	edit_load(GOLDEN "boot", &golden);
	edit_load(GOLDEN "blob", &blob);
	if (!d[1].bytes)
		lp_digest_of(LP_SHA256, blob.p, blob.len, &d[1].digest);
	d[1].bytes = blob.len;
	if (!n)
		return 0;
	if (data[0] & 1)
		edit_copy(&golden, 4096, (struct lp_cursor){.p = data + 1, .left = n - 1}, &boot);
	exact = data[0] & 1 ? edit_exact(boot.p, boot.len) : edit_exact(data + 1, n - 1);
	read_all(exact, data[0] & 1 ? boot.len : n - 1, d);
	free(exact);
	return 0;
}
