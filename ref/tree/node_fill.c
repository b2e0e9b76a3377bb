// SPDX-License-Identifier: MIT
#include "tree/erofs_layout.h"
#include "tree/node.h"

#include <stdlib.h>
#include <string.h>

#define OVERLAY "trusted.overlay."
#define OPAQUE OVERLAY "opaque"
#define XATTRS_BYTES_MAX (LP_EROFS_XATTR_MAX - 64)	/* encoded; room for OPAQUE is left */

enum lp_code lp_node_keep(struct lp_tree *t, const void *p, size_t bytes, uint32_t *off,
			  struct lp_err *err)
{
	if (bytes > LP_TREE_TEXT_MAX - t->text.len)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.text",
			       "names, targets and xattrs have more than %zu bytes",
			       LP_TREE_TEXT_MAX);
	*off = (uint32_t)t->text.len;
	return lp_buf_add(&t->text, p, bytes, LP_TREE_TEXT_MAX, err);
}

static enum lp_code check_xattr(const struct lp_xattr *x, size_t *bytes, bool *ours,
				struct lp_err *err)
{
	size_t name = strlen(x->name), prefix = 0;
	uint8_t number = lp_erofs_prefix(x->name, name, &prefix);

	*ours = false;
	if (!strncmp(x->name, OVERLAY, strlen(OVERLAY)))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.xattr.overlay-reserved",
			       "the xattr %.80s is overlayfs's own", x->name);
	if (!number)
		return LP_OK; /* no Linux file system keeps it, and containerd drops it */
	if (name > LP_NAME_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.xattr-name",
			       "the xattr name %.60s... has %zu bytes", x->name, name);
	if (x->name[prefix - 1] == '.' && !x->name[prefix])
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.xattr.name",
			       "the xattr name \"%s\" ends behind its prefix", x->name);
	if (x->bytes >= LP_XATTR_VALUE_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.xattr-value",
			       "the value of xattr %.80s has %zu bytes", x->name, x->bytes);
	*bytes += lp_erofs_xattr_bytes(name - prefix, x->bytes);
	if (*bytes > XATTRS_BYTES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.xattr-bytes",
			       "more than %u bytes of xattrs", XATTRS_BYTES_MAX);
	*ours = true;
	return LP_OK;
}

static int compare_xattrs(const void *a, const void *b)
{
	const struct lp_xattr *x = *(const struct lp_xattr *const *)a;
	const struct lp_xattr *y = *(const struct lp_xattr *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x > y) - (x < y);
}

static enum lp_code keep_xattr(struct lp_tree *t, const struct lp_xattr *x, struct lp_err *err)
{
	struct lp_node_xattr h = {
		.value_bytes = (uint32_t)x->bytes,
		.name_bytes = (uint32_t)strlen(x->name),
	};
	uint32_t at = 0;

	h.hash = (uint32_t)lp_siphash(&t->key, 0, x->name, h.name_bytes) ^
		 (uint32_t)lp_siphash(&t->key, 1, x->value, x->bytes);
	if (lp_node_keep(t, &h, sizeof(h), &at, err) ||
	    lp_node_keep(t, x->name, h.name_bytes, &at, err) ||
	    lp_node_keep(t, x->value, x->bytes, &at, err))
		return err->code;
	return LP_OK;
}

/* Sorted by name; of two of one name the later one counts. */
static enum lp_code fill_xattrs(struct lp_tree *t, struct lp_node *n, const struct lp_entry *e,
				struct lp_err *err)
{
	const struct lp_xattr *sorted[LP_TREE_XATTRS_MAX];
	size_t count = 0, bytes = 0;

	if (e->nxattr > LP_TREE_XATTRS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.xattrs",
			       "%zu xattrs, at most %d", e->nxattr, LP_TREE_XATTRS_MAX);
	for (size_t i = 0; i < e->nxattr; i++) {
		bool ours = false;

		if (check_xattr(&e->xattr[i], &bytes, &ours, err))
			return err->code;
		if (ours)
			sorted[count++] = &e->xattr[i];
	}
	n->nxattr = 0;
	if (!count)
		return LP_OK;
	qsort(sorted, count, sizeof(sorted[0]), compare_xattrs);
	n->xattr = (uint32_t)t->text.len;
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && !strcmp(sorted[i]->name, sorted[i + 1]->name))
			continue;
		if (keep_xattr(t, sorted[i], err))
			return err->code;
		n->nxattr++;
	}
	return LP_OK;
}

enum lp_code lp_node_fill_opaque(struct lp_tree *t, struct lp_node *n, struct lp_err *err)
{
	const struct lp_xattr opaque = {.name = OPAQUE, .value = "y", .bytes = 1};
	uint32_t from = n->xattr, left = n->nxattr, to = (uint32_t)t->text.len;
	bool added = false;

	for (uint32_t at = from; left || !added; from = at) {
		const char *name = NULL, *value;
		struct lp_node_xattr x;
		uint32_t off;

		if (left)
			lp_node_xattr(t, &at, &x, &name, &value);
		if (!added && (!name || lp_erofs_compare(name, x.name_bytes, OPAQUE,
							 strlen(OPAQUE)) > 0)) {
			if (keep_xattr(t, &opaque, err))
				return err->code;
			added = true;
		}
		if (!left)
			break;
		/* what is copied may move while there is made room for it */
		if (lp_buf_reserve(&t->text, at - from, LP_TREE_TEXT_MAX, err) ||
		    lp_node_keep(t, lp_node_text(t, from), at - from, &off, err))
			return err->code;
		left--;
	}
	n->xattr = to;
	n->nxattr++;
	return LP_OK;
}

static enum lp_code check_extent(const struct lp_extent *x, uint64_t least, uint64_t size,
				 struct lp_err *err)
{
	if (!x->bytes || x->off < least || x->off > size || x->bytes > size - x->off)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.extent.range",
			       "an extent at %llu of %llu bytes, in a file of %llu bytes, behind %llu",
			       (unsigned long long)x->off, (unsigned long long)x->bytes,
			       (unsigned long long)size, (unsigned long long)least);
	if ((x->off ^ x->device_off) % LP_BLOCK)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.extent.alignment",
			       "file offset %llu and device offset %llu differ within a block",
			       (unsigned long long)x->off, (unsigned long long)x->device_off);
	if (!x->device || x->device > UINT16_MAX || x->bytes > LP_DEVICE_BYTES_MAX - LP_BLOCK ||
	    x->device_off > LP_DEVICE_BYTES_MAX - LP_BLOCK - x->bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.extent.device",
			       "an extent at %llu of device %u", (unsigned long long)x->device_off,
			       x->device);
	return LP_OK;
}

/* Does @r begin in the block in which @last ends?  Then it must be the same one. */
static enum lp_code join_block(const struct lp_run *last, struct lp_run *r, struct lp_err *err)
{
	if (!last->blocks || r->block != last->block + last->blocks - 1)
		return LP_OK;
	if (r->device != last->device || r->device_block != last->device_block + last->blocks - 1)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.extent.block",
			       "two extents in block %llu of the file, not in one of the device",
			       (unsigned long long)r->block);
	r->block++;
	r->device_block++;
	r->blocks--;
	return LP_OK;
}

static enum lp_code fill_runs(struct lp_tree *t, struct lp_node *n, const struct lp_entry *e,
			      struct lp_err *err)
{
	struct lp_run last = {0};
	uint64_t end = 0;
	uint32_t at = 0;

	n->run = (uint32_t)t->text.len;
	n->nrun = 0;
	for (size_t i = 0; i < e->nextent; i++) {
		const struct lp_extent *x = &e->extent[i];
		struct lp_run r = {
			.block = x->off / LP_BLOCK,
			.device_block = (uint32_t)(x->device_off / LP_BLOCK),
			.device = x->device,
		};

		if (check_extent(x, end, e->size, err))
			return err->code;
		end = x->off + x->bytes;
		r.blocks = (uint32_t)((end - 1) / LP_BLOCK - r.block + 1);
		if (join_block(&last, &r, err))
			return err->code;
		if (!r.blocks)
			continue;
		if (last.blocks && r.device == last.device && r.block == last.block + last.blocks &&
		    r.device_block == last.device_block + last.blocks) {
			last.blocks += r.blocks;
			continue;
		}
		if (last.blocks && lp_node_keep(t, &last, sizeof(last), &at, err))
			return err->code;
		n->nrun += last.blocks != 0;
		last = r;
	}
	n->nrun += last.blocks != 0;
	return last.blocks ? lp_node_keep(t, &last, sizeof(last), &at, err) : LP_OK;
}

static enum lp_code fill_symlink(struct lp_tree *t, struct lp_node *n, const struct lp_entry *e,
				 struct lp_err *err)
{
	n->mode = S_IFLNK | 0777;
	n->size = e->link ? strlen(e->link) : 0;
	if (!n->size)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.symlink.target",
			       "a symlink without a target");
	if (n->size > LP_SYMLINK_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.symlink",
			       "a symlink target of %llu bytes", (unsigned long long)n->size);
	return lp_node_keep(t, e->link, n->size, &n->a, err);
}

static enum lp_code fill_device(struct lp_node *n, const struct lp_entry *e, struct lp_err *err)
{
	if (S_ISCHR(e->mode) && !e->major && !e->minor)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.device.overlay-reserved",
			       "a character device 0:0 is overlayfs's own");
	if (e->major > 0xfff || e->minor > 0xfffff)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.device-number",
			       "the device number %u:%u", e->major, e->minor);
	n->a = e->major;
	n->b = e->minor;
	return LP_OK;
}

static enum lp_code fill_kind(struct lp_tree *t, struct lp_node *n, const struct lp_entry *e,
			      struct lp_err *err)
{
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		n->size = e->size;
		if (e->size > LP_TREE_FILE_MAX)
			return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.file-bytes",
				       "a file of %llu bytes", (unsigned long long)e->size);
		return fill_runs(t, n, e, err);
	case S_IFLNK:
		return fill_symlink(t, n, e, err);
	case S_IFCHR:
	case S_IFBLK:
		return fill_device(n, e, err);
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		return LP_OK;
	default:
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.mode.type",
			       "mode %o has no type", e->mode);
	}
}

enum lp_code lp_node_fill(struct lp_tree *t, struct lp_node *n, const struct lp_entry *e,
			  struct lp_err *err)
{
	n->kind = e->kind & 15;
	n->mode = e->mode & (S_IFMT | 07777);
	n->uid = e->uid;
	n->gid = e->gid;
	n->mtime = e->mtime;
	n->mtime_ns = e->mtime_ns;
	n->size = 0;
	n->nrun = 0;
	n->nxattr = 0;
	n->flags &= LP_NODE_OPAQUE;
	if (e->mtime_ns >= 1000000000)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "tree.mtime.nanoseconds",
			       "%u nanoseconds", e->mtime_ns);
	if (fill_kind(t, n, e, err) || fill_xattrs(t, n, e, err))
		return err->code;
	return LP_OK;
}
