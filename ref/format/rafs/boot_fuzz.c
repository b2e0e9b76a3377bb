// SPDX-License-Identifier: MIT
/*
 * boot_fuzz - hostile bootstrap layers; what is kept must be a bootstrap.
 *
 * The first byte: bit 0, the rest are edits of a tar with image/image.boot, else they are all
 * of it; bits 1 and 2, how it is stored: as it is, by gzip, by zstd, or by gzip and then
 * edited; bit 3, it has the bootstrap of old images in front, and a directory.
 */
#include "codec/codec.h"
#include "format/rafs/boot.h"
#include "testing/edit.h"
#include "tree/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN "ref/testing/golden/nydus-v6.boot"
#define KEPT 8192u	/* bytes of the bootstrap: nobody reads it here */

enum { EDITS = 1, STORED = 6, OLD = 8 };
enum { PLAIN = 0, GZIP = 2, ZSTD = 4, GZIP_EDITED = 6 };

static void add_file(struct lp_buf *tar, const char *path, uint32_t mode, const uint8_t *p,
		     size_t n)
{
	struct lp_entry e = {.path = path, .mode = mode, .size = n};
	struct lp_err err;

	edit_must(!lp_tar_header(&e, tar, &err) && !lp_buf_add(tar, p, n, EDIT_MAX, &err));
	edit_grow(tar, (tar->len + 511) / 512 * 512);
}

static void make_tar(bool old, struct lp_buf *tar)
{
	static struct lp_buf golden;

	edit_load(GOLDEN, &golden);
	if (old) {
		add_file(tar, "image.boot", S_IFREG | 0444, golden.p, KEPT);
		add_file(tar, "image", S_IFDIR | 0755, golden.p, 0);
	}
	add_file(tar, "image/image.boot", S_IFREG | 0444, golden.p, KEPT);
	edit_grow(tar, tar->len + 1024);
}

static void read_layer(const uint8_t *p, size_t n)
{
	LP_AUTO(lp_rafs_boot_free) struct lp_rafs_boot boot = {.version = 0};
	LP_AUTO(lp_source_free) struct lp_source source = {.ops = NULL};
	uint8_t *exact = edit_exact(p, n);
	struct lp_err err = {.rule = NULL};

	edit_must(!lp_source_mem(&source, exact, n, &err));
	if (lp_rafs_boot_load(&boot, &source, NULL, &err))
		edit_must(err.code != LP_OK && (err.rule || err.code == LP_ELIMIT));
	else
		edit_must((boot.version == 5 && boot.bytes.len >= 8) ||
			  (boot.version == 6 && boot.bytes.len >= 1028));
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	LP_AUTO(lp_buf_free) struct lp_buf tar = {.p = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf stored = {.p = NULL};
	struct lp_cursor rest = {.p = data + 1, .left = n ? n - 1 : 0};
	unsigned how;
	struct lp_err err;

	if (!n || n > EDIT_MAX / 2)
		return 0;
	how = data[0] & STORED;
	if (data[0] & EDITS)
		make_tar(data[0] & OLD, &tar);
	else
		edit_must(!lp_buf_add(&tar, rest.p, rest.left, EDIT_MAX, &err));
	if (data[0] & EDITS && how != GZIP_EDITED)
		edit_apply(&tar, 512, rest);
	if (how == PLAIN) {
		read_layer(tar.p, tar.len);
		return 0;
	}
	edit_must(!(how == ZSTD ? &lp_codec_zstd : &lp_codec_gzip)->encode(tar.p, tar.len, 1,
									   &stored, &err));
	if (how == GZIP_EDITED && data[0] & EDITS)
		edit_apply(&stored, 1, rest);
	read_layer(stored.p, stored.len);
	return 0;
}
