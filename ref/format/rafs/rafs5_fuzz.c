// SPDX-License-Identifier: MIT
/*
 * rafs5_fuzz - hostile bootstraps of v5; what is told of them must make sense.
 *
 * The first byte: bit 0, the rest are edits of a bootstrap by nydus-image, else they are all of
 * it; bit 1, the digests of the inodes are made right again, so that what is behind them is
 * reached; bit 2, they are BLAKE3.
 */
#include "format/mustsink.h"
#include "format/rafs/bootfuzz.h"
#include "format/rafs/v5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define GOLDEN BOOTFUZZ_GOLDEN "5."
#define SEALED_MAX 4096u	/* inodes; a directory may have all of them */
#define FLAGS 16

enum { EDITS = 1, SEAL = 2, BLAKE3 = 4 };

/* The digest of inode @n over what it has; false: it has what is not there. */
static bool digest(const struct lp_rafs_v5 *v, const struct lp_rafs_inode *n, uint32_t *work,
		   struct lp_digest *out)
{
	LP_AUTO(lp_hash_free) struct lp_hash h = {.ctx = NULL};
	struct lp_rafs_inode child;
	struct lp_err err;

	must(!lp_hash_begin(&h, v->kind.alg, &err));
	for (uint32_t k = 0; S_ISDIR(n->mode) && k < n->nchild; k++) {
		if (n->child > v->ninode || k > v->ninode - n->child || !n->child || !--*work ||
		    lp_rafs_v5_inode(v, n->child + k, &child, &err))
			return false;
		lp_hash_add(&h, child.digest, LP_RAFS_DIGEST);
	}
	for (uint32_t k = 0; S_ISREG(n->mode) && k < n->nchild; k++)
		lp_hash_add(&h, v->p + n->chunk + (uint64_t)k * LP_RAFS_CHUNK_BYTES, LP_RAFS_DIGEST);
	if (S_ISLNK(n->mode))
		lp_hash_add(&h, n->link, n->link_bytes);
	lp_hash_end(&h, out);
	return true;
}

/* Make the digests right, children first, as far as there are inodes. */
static void seal(uint8_t *p, size_t n)
{
	struct lp_cursor c = {.p = p, .left = n};
	struct lp_rafs_v5 v = {.p = p, .bytes = n};
	uint32_t work = SEALED_MAX;

	lp_take(&c, FLAGS);
	v.kind.alg = lp_le64(&c) & LP_RAFS_BLAKE3 ? LP_BLAKE3 : LP_SHA256;
	lp_take(&c, 8);
	v.inodes.off = lp_le64(&c);
	lp_take(&c, 16);
	v.ninode = lp_le32(&c);
	if (c.bad || v.inodes.off > n || v.ninode > (n - v.inodes.off) / 4 || v.ninode > SEALED_MAX)
		return;
	for (uint32_t i = v.ninode; i; i--) {
		struct lp_rafs_inode inode;
		struct lp_digest d;
		struct lp_err err;

		if (lp_rafs_v5_inode(&v, i, &inode, &err) || !digest(&v, &inode, &work, &d))
			return;
		memcpy(p + inode.at, d.b, LP_RAFS_DIGEST);
	}
}

static void read_all(const uint8_t *p, size_t n, const struct lp_descriptor d[2])
{
	LP_AUTO(lp_rafs_v5_free) struct lp_rafs_v5 v = {.p = NULL};
	LP_AUTO(must_free) struct mustsink c;
	struct lp_err err = {.rule = NULL};

	must_open(&c, 2, d[1].bytes, false);
	if (lp_rafs_v5_open(&v, p, n, &err) || lp_rafs_v5_tell(&v, d, 2, &c.sink, &err))
		must(err.code != LP_OK && (err.rule || err.code == LP_ELIMIT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct bootfuzz f;
	uint8_t *boot;

	bootfuzz_load(&f, GOLDEN "boot", GOLDEN "blob");
	if (!n)
		return 0;
	boot = bootfuzz_input(&f, data[0] & EDITS, 8, (struct lp_cursor){.p = data + 1, .left = n - 1},
			      &n);
	if (data[0] & BLAKE3 && n > FLAGS)
		boot[FLAGS] = (uint8_t)((boot[FLAGS] & ~LP_RAFS_SHA256) | LP_RAFS_BLAKE3);
	if (data[0] & SEAL)
		seal(boot, n);
	read_all(boot, n, f.d);
	free(boot);
	return 0;
}
