// SPDX-License-Identifier: MIT
#include "format/rafs/boot.h"
#include "format/rafs/print.h"

#include "tree/erofs_layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_SIZE "rafs.boot.size"

#define MAGIC 0x52414653u
#define VERSION 0x500u
#define SUPER_BYTES 8192u
#define EXTENDED_BYTES 64u
#define INODE_BYTES 128u

/* Where everything goes. */
struct layout {
	const struct lp_rafs_model *m;
	uint64_t prefetch, blobs, extended, inodes;	/* offsets; the inode table is at 8192 */
	uint32_t blob_bytes;				/* of the blob table, padded */
	uint64_t *at;					/* [nname + 1] of records */
	uint8_t *p;					/* the bootstrap */
	uint64_t bytes;
};

static uint64_t align8(uint64_t v)
{
	return (v + 7) & ~UINT64_C(7);
}

static uint32_t name_bytes(const struct layout *l, uint32_t i)
{
	return i == 1 ? 1 : lp_node(l->m->tree, lp_rafs_name_at(l->m, i)->node)->name_bytes;
}

/* Bytes of the pairs of @n: 2.6. */
static uint64_t xattr_bytes(const struct layout *l, const struct lp_node *n)
{
	uint64_t sum = 0;
	uint32_t at = n->xattr;

	for (uint32_t k = 0; k < n->nxattr; k++) {
		struct lp_node_xattr x;
		const char *name, *value;

		lp_node_xattr(l->m->tree, &at, &x, &name, &value);
		sum += 4 + (uint64_t)x.name_bytes + 1 + x.value_bytes;
	}
	return sum;
}

static uint64_t record_bytes(const struct layout *l, uint32_t i)
{
	const struct lp_node *n = lp_rafs_node(l->m, i);
	uint64_t bytes = INODE_BYTES + align8(name_bytes(l, i));

	if (S_ISLNK(n->mode))
		bytes += align8(n->size);
	if (n->nxattr)
		bytes += 8 + align8(xattr_bytes(l, n));
	return bytes + (uint64_t)lp_rafs_chunk_count(l->m, n) * LP_RAFS_CHUNK_BYTES;
}

static enum lp_code plan(struct layout *l, struct lp_err *err)
{
	const struct lp_rafs_model *m = l->m;

	l->at = calloc((size_t)m->nname + 1, sizeof(*l->at));
	if (!l->at)
		return lp_fail_errno(err, "%u names", m->nname);
	l->prefetch = align8(SUPER_BYTES + (uint64_t)m->nname * 4);
	l->blobs = align8(l->prefetch + m->hint.len);
	for (uint32_t i = 0; i < m->nused; i++)
		l->blob_bytes += 8 + (uint32_t)strlen(m->stock[m->used[i]].blob.id) + (i > 0);
	l->blob_bytes = (uint32_t)align8(l->blob_bytes);
	l->extended = l->blobs + l->blob_bytes;
	l->inodes = l->bytes = l->extended + (uint64_t)m->nused * EXTENDED_BYTES;
	for (uint32_t i = 1; i <= m->nname; i++) {
		l->at[i] = l->bytes;
		l->bytes += record_bytes(l, i);
	}
	if (l->bytes > LP_RAFS_BOOT_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_SIZE,
			       "a bootstrap of %" PRIu64 " bytes", l->bytes);
	return LP_OK;
}

static void print_super(const struct layout *l)
{
	const struct lp_rafs_model *m = l->m;
	uint8_t *p = l->p;

	lp_put_le(p, 4, MAGIC);
	lp_put_le(p + 4, 4, VERSION);
	lp_put_le(p + 8, 4, SUPER_BYTES);
	lp_put_le(p + 12, 4, m->chunk_bytes);
	lp_put_le(p + 16, 8, lp_rafs_print_flags(m));
	lp_put_le(p + 24, 8, m->nunique - 1); /* not the root: so nydus-image, from tars */
	lp_put_le(p + 32, 8, SUPER_BYTES);
	lp_put_le(p + 40, 8, l->prefetch);
	lp_put_le(p + 48, 8, l->blobs);
	lp_put_le(p + 56, 4, m->nname);
	lp_put_le(p + 60, 4, m->hint.len / 4);
	lp_put_le(p + 64, 4, l->blob_bytes);
	lp_put_le(p + 68, 4, m->nused);
	lp_put_le(p + 72, 8, l->extended);
}

static void print_blobs(const struct layout *l)
{
	uint8_t *p = l->p + l->blobs, *x = l->p + l->extended;

	for (uint32_t i = 0; i < l->m->nused; i++, x += EXTENDED_BYTES) {
		const struct lp_rafs_blob *b = &l->m->stock[l->m->used[i]].blob;
		size_t n = strlen(b->id);

		p += i > 0; /* behind the id before: its NUL */
		memcpy(p + 8, b->id, n);
		p += 8 + n;
		lp_put_le(x, 4, b->nchunk);
		lp_put_le(x + 4, 4, b->features);
		lp_put_le(x + 8, 8, b->plain_bytes);
		lp_put_le(x + 16, 8, b->stored_bytes);
	}
}

static void print_tables(const struct layout *l)
{
	const struct lp_rafs_model *m = l->m;
	const uint32_t *hint = (const uint32_t *)(const void *)m->hint.p;

	for (uint32_t i = 1; i <= m->nname; i++)
		lp_put_le(l->p + SUPER_BYTES + (uint64_t)(i - 1) * 4, 4, l->at[i] / 8);
	for (size_t i = 0; i < m->hint.len / 4; i++)
		lp_put_le(l->p + l->prefetch + i * 4, 4, lp_rafs_name_at(m, hint[i])->first);
	print_blobs(l);
}

/* 2.8: of the names in it. */
static uint64_t directory_bytes(const struct layout *l, uint32_t i)
{
	const struct lp_rafs_name *dir = lp_rafs_name_at(l->m, i);
	uint64_t sum = 0;

	if (l->m->dir_bytes && l->m->dir_bytes[i])
		return l->m->dir_bytes[i];
	for (uint32_t k = 0; k < dir->nchild; k++)
		sum += name_bytes(l, dir->child + k) + 8;
	return sum ? lp_align(sum, 4096) : 4096;
}

static void print_fixed(const struct layout *l, uint32_t i)
{
	const struct lp_rafs_name *name = lp_rafs_name_at(l->m, i);
	const struct lp_node *n = lp_rafs_node(l->m, i);
	bool dir = S_ISDIR(n->mode), link = S_ISLNK(n->mode);
	bool named_as_link = lp_node(l->m->tree, name->node)->kind == LP_ENTRY_HARDLINK;
	uint64_t size = dir ? directory_bytes(l, i) : S_ISREG(n->mode) || link ? n->size : 0;
	uint8_t *p = l->p + l->at[i];
	uint64_t up = name->parent ? lp_rafs_name_at(l->m, name->parent)->first : 0;

	lp_put_le(p + 32, 8, up);
	lp_put_le(p + 40, 8, name->first);
	lp_put_le(p + 48, 4, n->uid);
	lp_put_le(p + 52, 4, n->gid);
	lp_put_le(p + 60, 4, n->mode);
	lp_put_le(p + 64, 8, size);
	lp_put_le(p + 72, 8, (size + align8(xattr_bytes(l, n)) + 511) / 512);
	lp_put_le(p + 80, 8, (link ? 1u : 0u) | (named_as_link ? 2u : 0u) |
			     (n->nxattr ? 4u : 0u));
	lp_put_le(p + 88, 4, lp_rafs_name_at(l->m, name->first)->nlink);
	lp_put_le(p + 92, 4, dir ? name->child : 0);
	lp_put_le(p + 96, 4, dir ? name->nchild : lp_rafs_chunk_count(l->m, n));
	lp_put_le(p + 100, 2, name_bytes(l, i));
	lp_put_le(p + 102, 2, link ? n->size : 0);
	lp_put_le(p + 104, 4, lp_rafs_rdev(n));
	lp_put_le(p + 108, 4, n->mtime_ns);
	lp_put_le(p + 112, 8, (uint64_t)n->mtime);
}

static uint8_t *print_xattrs(const struct layout *l, const struct lp_node *n, uint8_t *p)
{
	uint64_t total = xattr_bytes(l, n);
	uint8_t *end = p + 8 + align8(total);
	uint32_t at = n->xattr;

	lp_put_le(p, 8, total);
	p += 8;
	for (uint32_t k = 0; k < n->nxattr; k++) {
		struct lp_node_xattr x;
		const char *name, *value;

		lp_node_xattr(l->m->tree, &at, &x, &name, &value);
		lp_put_le(p, 4, (uint64_t)x.name_bytes + 1 + x.value_bytes);
		memcpy(p + 4, name, x.name_bytes);
		memcpy(p + 4 + x.name_bytes + 1, value, x.value_bytes);
		p += 4 + x.name_bytes + 1 + x.value_bytes;
	}
	return end;
}

/* Record @i but its digest; the digests of its chunks go into @h. */
static void print_record(const struct layout *l, uint32_t i, struct lp_hash *h)
{
	const struct lp_node *n = lp_rafs_node(l->m, i);
	const struct lp_node *named = lp_node(l->m->tree, lp_rafs_name_at(l->m, i)->node);
	uint8_t *p = l->p + l->at[i] + INODE_BYTES;

	print_fixed(l, i);
	memcpy(p, i == 1 ? "/" : lp_node_text(l->m->tree, named->name), name_bytes(l, i));
	p += align8(name_bytes(l, i));
	if (S_ISLNK(n->mode)) {
		memcpy(p, lp_node_text(l->m->tree, n->a), (size_t)n->size);
		lp_hash_add(h, p, (size_t)n->size);
		p += align8(n->size);
	}
	if (n->nxattr)
		p = print_xattrs(l, n, p);
	for (uint32_t k = 0; k < lp_rafs_chunk_count(l->m, n); k++) {
		struct lp_rafs_chunk c = lp_rafs_model_chunk(l->m, n, k);

		lp_rafs_print_chunk(&c, p);
		lp_hash_add(h, c.digest, LP_RAFS_DIGEST);
		p += LP_RAFS_CHUNK_BYTES;
	}
}

/* Children have higher numbers than their directory: from the last to the root. */
static enum lp_code print_inodes(const struct layout *l, struct lp_err *err)
{
	for (uint32_t i = l->m->nname; i > 0; i--) {
		LP_AUTO(lp_hash_free) struct lp_hash h = {.ctx = NULL};
		const struct lp_rafs_name *name = lp_rafs_name_at(l->m, i);
		struct lp_digest d;

		if (lp_hash_begin(&h, l->m->kind.alg, err))
			return err->code;
		print_record(l, i, &h);
		for (uint32_t k = 0; k < name->nchild; k++)
			lp_hash_add(&h, l->p + l->at[name->child + k], LP_RAFS_DIGEST);
		lp_hash_end(&h, &d);
		memcpy(l->p + l->at[i], d.b, LP_RAFS_DIGEST);
	}
	return LP_OK;
}

static enum lp_code print(struct layout *l, struct lp_buf *out, struct lp_err *err)
{
	if (plan(l, err) || lp_buf_reserve(out, (size_t)l->bytes, SIZE_MAX, err))
		return err->code;
	l->p = out->p + out->len;
	memset(l->p, 0, (size_t)l->bytes);
	print_super(l);
	print_tables(l);
	if (print_inodes(l, err))
		return err->code;
	out->len += (size_t)l->bytes;
	return LP_OK;
}

enum lp_code lp_rafs_print_v5(const struct lp_rafs_model *m, struct lp_buf *out,
			      struct lp_err *err)
{
	struct layout l = {.m = m};
	enum lp_code rc = print(&l, out, err);

	free(l.at);
	return rc;
}
