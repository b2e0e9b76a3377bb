// SPDX-License-Identifier: MIT
/*
 * check_fuzz - hostile contexts, digests and tables of contents, against a bootstrap.
 *
 * The first byte: how many of the bytes behind the second, in eights, are edits of the
 * bootstrap; the rest are edits of the blob.  The second: bit 0, the digests in the table of
 * contents are made right again; bit 1, the former edits are of the contexts beside the
 * bootstrap instead, which then lie in a layer.  What is accepted with the bootstrap as it was
 * must be what nydus-image wrote, wherever it lies.
 */
#include "format/rafs/check.h"
#include "format/rafs/tocblob.h"
#include "testing/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define INFO_BYTES ((size_t)TOCBLOB_HEAD - TOCBLOB_INFO)

static struct tocblob golden;

/* @name of the blob has the @n bytes at @off of the golden one. */
static void must_have(struct lp_source *blob, const char *name, size_t off, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {.p = NULL};
	struct lp_err err;

	edit_must(!lp_rafs_tail_load(blob, name, EDIT_MAX, &out, &err) && out.len == n &&
		  !memcmp(out.p, golden.blob.p + off, n));
}

static void must_agree(struct lp_source *blob)
{
	uint8_t info[INFO_BYTES + LP_RAFS_INFO_HEAD];
	size_t features = INFO_BYTES + 4; /* those of later writers are more */
	struct lp_err err;

	edit_must(!lp_source_read(blob, TOCBLOB_INFO, info, sizeof(info), &err));
	memcpy(info + features, golden.blob.p + TOCBLOB_INFO + features, 4);
	edit_must(!memcmp(info, golden.blob.p + TOCBLOB_INFO, sizeof(info)));
	must_have(blob, LP_RAFS_INFO, TOCBLOB_INFO, INFO_BYTES);
	must_have(blob, LP_RAFS_DIGESTS, TOCBLOB_DIGESTS, (size_t)4 * LP_RAFS_DIGEST);
}

/* @layer: the bootstrap lies in one, as it was */
static void check(const struct lp_buf *boot, bool layer, const struct lp_buf *blob)
{
	LP_AUTO(lp_source_free) struct lp_source first = {.ops = NULL};
	LP_AUTO(lp_source_free) struct lp_source second = {.ops = NULL};
	struct lp_descriptor d[2] = {golden.d[0], golden.d[1]};
	uint8_t *exact = edit_exact(blob->p, blob->len);
	struct lp_err err = {.rule = NULL};
	struct lp_source both[2];

	edit_must(!lp_source_mem(&first, boot->p, boot->len, &err) &&
		  !lp_source_mem(&second, exact, blob->len, &err));
	d[1].bytes = blob->len;
	both[0] = first;
	both[1] = second;
	if (lp_rafs_check(d, both, 2, &err))
		edit_must(err.code != LP_OK && (err.rule || err.code == LP_ELIMIT));
	else if (layer || (boot->len == golden.boot.len &&
			   !memcmp(boot->p, golden.boot.p, boot->len)))
		must_agree(&second);
	free(exact);
}

/* The golden bootstrap in a layer, and contexts with @edits. */
static void make_layer(struct lp_cursor edits, struct lp_buf *layer)
{
	LP_AUTO(lp_buf_free) struct lp_buf copy = {.p = NULL};
	struct lp_err err;

	edit_must(!tocblob_copy(&golden, &copy, &err));
	edit_apply(&copy, 1, edits);
	edit_must(!tocblob_layer(&golden, &copy, layer, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf boot = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf blob = {.p = NULL};
	struct lp_cursor c = {.p = data + 2, .left = n < 2 ? 0 : n - 2}, edits = c;
	struct lp_err err;

	edit_must(golden.blob.len || !tocblob_load(&golden, &err));
	if (n < 2)
		return 0;
	edits.left = (size_t)data[0] * 8 < c.left ? (size_t)data[0] * 8 : c.left;
	lp_take(&c, edits.left);
	if (data[1] & 2)
		make_layer(edits, &boot);
	else
		edit_copy(&golden.boot, 4096, edits, &boot);
	edit_copy(&golden.blob, 1, c, &blob);
	if (data[1] & 1)
		tocblob_seal(&blob);
	check(&boot, data[1] & 2, &blob);
	return 0;
}
