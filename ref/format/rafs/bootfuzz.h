/* SPDX-License-Identifier: MIT */
/*
 * bootfuzz - for fuzz targets: a bootstrap by nydus-image, the blob that it names, and an input
 * that edits it (testing/edit.h) or is one.
 */
#ifndef LP_BOOTFUZZ_H
#define LP_BOOTFUZZ_H

#include "oci/descriptor.h"
#include "testing/edit.h"

#define BOOTFUZZ_GOLDEN "ref/testing/golden/nydus-v"

/* Static: loaded once. */
struct bootfuzz {
	struct lp_buf boot, blob;
	struct lp_descriptor d[2];	/* of the bootstrap, of the blob */
};

static inline void bootfuzz_load(struct bootfuzz *f, const char *boot, const char *blob)
{
	if (f->boot.len)
		return;
	edit_load(boot, &f->boot);
	edit_load(blob, &f->blob);
	f->d[1].bytes = f->blob.len;
	lp_digest_of(LP_SHA256, f->blob.p, f->blob.len, &f->d[1].digest);
}

/* The bootstrap that the bytes of @c edit, by steps of @step, or are; *@bytes of it; free() it. */
static inline uint8_t *bootfuzz_input(const struct bootfuzz *f, bool edits, size_t step,
				      struct lp_cursor c, size_t *bytes)
{
	LP_AUTO(lp_buf_free) struct lp_buf boot = {.p = NULL};

	*bytes = c.left;
	if (!edits)
		return edit_exact(c.p, c.left);
	edit_copy(&f->boot, step, c, &boot);
	*bytes = boot.len;
	return edit_exact(boot.p, boot.len);
}

#endif
