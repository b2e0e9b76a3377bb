// SPDX-License-Identifier: MIT
#include "format/rafs/xattrs.h"

#include "tree/tree.h"
#include "tree/xattr.h"

#define BYTES_MAX (sizeof(struct lp_xattr) * LP_TREE_XATTRS_MAX)

enum lp_code lp_rafs_xattrs_add(struct lp_rafs_xattrs *x, const char *name, const void *value,
				size_t bytes, uint64_t at, struct lp_err *err)
{
	struct lp_xattr new = {.name = name, .value = value, .bytes = bytes};
	bool keep;

	if (lp_xattr_take(name, bytes, at, &keep, err))
		return err->code;
	return keep ? lp_buf_add(&x->list, &new, sizeof(new), BYTES_MAX, err) : LP_OK;
}

void lp_rafs_xattrs_free(struct lp_rafs_xattrs *x)
{
	lp_buf_free(&x->list);
}
