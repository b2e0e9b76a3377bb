// SPDX-License-Identifier: MIT
#include "format/rafs/merkle.h"

#include <string.h>

#define RULE_DIGEST "rafs5.inode.digest"

/* The digests of the children, in their order. */
static enum lp_code hash_children(const struct lp_rafs_v5 *v, const struct lp_rafs_inode *n,
				  struct lp_hash *h, struct lp_err *err)
{
	for (uint32_t k = 0; k < n->nchild; k++) {
		struct lp_rafs_inode child;

		if (lp_rafs_v5_inode(v, n->child + k, &child, err))
			return err->code;
		lp_hash_add(h, child.digest, LP_RAFS_DIGEST);
	}
	return LP_OK;
}

static enum lp_code check_inode(const struct lp_rafs_v5 *v, uint32_t i, struct lp_err *err)
{
	LP_AUTO(lp_hash_free) struct lp_hash h = {.ctx = NULL};
	struct lp_digest got, want = {.alg = v->kind.alg};
	struct lp_rafs_inode n;

	if (lp_rafs_v5_inode(v, i, &n, err) || lp_hash_begin(&h, v->kind.alg, err))
		return err->code;
	if (S_ISDIR(n.mode) && hash_children(v, &n, &h, err))
		return err->code;
	for (uint32_t k = 0; S_ISREG(n.mode) && k < n.nchild; k++)
		lp_hash_add(&h, v->p + n.chunk + (uint64_t)k * LP_RAFS_CHUNK_BYTES, LP_RAFS_DIGEST);
	if (S_ISLNK(n.mode))
		lp_hash_add(&h, n.link, n.link_bytes);
	lp_hash_end(&h, &got);
	memcpy(want.b, n.digest, LP_RAFS_DIGEST);
	return lp_digest_check(&got, &want, n.at, RULE_DIGEST, "the digest of an inode", err);
}

enum lp_code lp_rafs_merkle_check(const struct lp_rafs_v5 *v, struct lp_err *err)
{
	for (uint32_t i = 1; i <= v->ninode; i++)
		if (check_inode(v, i, err))
			return lp_within(err, "inode %u", i);
	return LP_OK;
}
