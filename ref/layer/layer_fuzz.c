// SPDX-License-Identifier: MIT
/* A layer.table of any bytes, its trailer made to fit: opened, checked, asked for ranges. */
#include "layer/table.h"

#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const struct lp_layer *l)
{
	uint32_t first, end;

	for (uint32_t i = 0; i < l->nchunk; i++) {
		const struct lp_chunk *c = &l->chunk[i];
		struct lp_digest digest;

		lp_layer_range(l, c->device_off, c->bytes, &first, &end);
		if (first != i || end != i + 1)
			__builtin_trap();
		lp_layer_digest(l, i, &digest);
	}
	lp_layer_range(l, 0, l->device_bytes, &first, &end);
	if (first || end != l->nchunk)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_fd_close) int fd = memfd_create("table", MFD_CLOEXEC);
	LP_AUTO(lp_map_free) struct lp_map map = {0};
	LP_AUTO(lp_table_free) struct lp_table t = {0};
	struct lp_digest digest;
	struct lp_err err;

	/* Fuzzers do not guess eight bytes of magic, nor a SHA-256. */
	if (lp_file_write(fd, "LPTABLE1", 8, &err) || lp_file_write(fd, data, n, &err))
		return 0;
	if (lp_map_fd(&map, fd, &err))
		return 0;
	lp_digest_of(LP_SHA256, map.p, map.bytes, &digest);
	if (lp_file_write(fd, digest.b, 32, &err) || lp_table_open(&t, fd, NULL, &err))
		return 0;
	ask(&t.layer);
	return 0;
}
