// SPDX-License-Identifier: MIT
#include "tree/erofs_plan.h"

#include <string.h>

#define DEVICE_SLOT ((LP_EROFS_SUPER_AT + LP_EROFS_SUPER_BYTES) / LP_EROFS_SLOT_BYTES)
#define BUFFER_BYTES ((size_t)1 << 18)	/* ours: bytes written at once */

/* The file from front to back; block 0 once more, since its checksum comes last. */
struct out {
	const struct lp_erofs_plan *plan;
	uint32_t ndevice;
	int fd;
	uint64_t at;		/* bytes so far, those in the buffer among them */
	struct lp_buf buf;
	uint8_t block0[LP_EROFS_BLOCK];
};

static void free_out(struct out *o)
{
	lp_buf_free(&o->buf);
}

static enum lp_code flush(struct out *o, struct lp_err *err)
{
	if (lp_file_write(o->fd, o->buf.p, o->buf.len, err))
		return err->code;
	o->buf.len = 0;
	return LP_OK;
}

static enum lp_code put(struct out *o, const void *p, size_t n, struct lp_err *err)
{
	if (o->at < LP_EROFS_BLOCK && n) {
		size_t room = LP_EROFS_BLOCK - (size_t)o->at;

		memcpy(o->block0 + o->at, p, n < room ? n : room);
	}
	if (o->buf.len >= BUFFER_BYTES && flush(o, err))
		return err->code;
	o->at += n;
	return lp_buf_add(&o->buf, p, n, SIZE_MAX, err);
}

/* Zeros up to @to. */
static enum lp_code pad(struct out *o, uint64_t to, struct lp_err *err)
{
	static const uint8_t zero[LP_EROFS_BLOCK];

	while (o->at < to) {
		uint64_t n = to - o->at;

		if (put(o, zero, n < sizeof(zero) ? (size_t)n : sizeof(zero), err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code put_head(struct out *o, const struct lp_erofs_device *device,
			     struct lp_err *err)
{
	const struct lp_erofs_plan *p = o->plan;
	const struct lp_erofs_super s = {
		.compat = LP_EROFS_CHECKSUM | LP_EROFS_MTIME,
		.incompat = LP_EROFS_CHUNKED_FILE | LP_EROFS_DEVICE_TABLE,
		.root = lp_erofs_place(p, 0)->nid,
		.inodes = p->ninode,
		.blocks = (uint32_t)(p->end / LP_EROFS_BLOCK),
		.xattr_block = p->xattr_block,
		.ndevice = (uint16_t)o->ndevice,
		.slot = DEVICE_SLOT,
	};
	uint8_t b[LP_EROFS_SLOT_BYTES];

	lp_erofs_put_super(&s, b);
	if (pad(o, LP_EROFS_SUPER_AT, err) || put(o, b, sizeof(b), err))
		return err->code;
	for (uint32_t i = 0; i < o->ndevice; i++) {
		lp_erofs_put_slot(device[i].tag, (uint32_t)(device[i].bytes / LP_EROFS_BLOCK), 0, b);
		if (put(o, b, sizeof(b), err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code put_xattr(struct out *o, uint32_t at, struct lp_err *err)
{
	uint8_t head[LP_EROFS_XATTR_ENTRY];
	const char *name, *value;
	struct lp_node_xattr x;
	size_t prefix = 0;

	lp_node_xattr(o->plan->tree, &at, &x, &name, &value);
	head[1] = lp_erofs_prefix(name, x.name_bytes, &prefix);
	head[0] = (uint8_t)(x.name_bytes - prefix);
	lp_put_le(head + 2, 2, x.value_bytes);
	if (put(o, head, sizeof(head), err) ||
	    put(o, name + prefix, x.name_bytes - prefix, err) || put(o, value, x.value_bytes, err))
		return err->code;
	return pad(o, lp_align(o->at, 4), err);
}

/* Once for the ids of shared xattrs, once for the others. */
static enum lp_code put_xattrs_of(struct out *o, const struct lp_node *n, bool shared,
				  struct lp_err *err)
{
	uint32_t at = n->xattr, nshared = 0;

	for (uint32_t i = 0; i < n->nxattr; i++) {
		const char *name, *value;
		struct lp_node_xattr x;
		uint32_t here = at, id = 0;
		uint8_t b[4];
		bool is = nshared < LP_EROFS_SHARED_MAX && lp_erofs_plan_shared(o->plan, at, &id);

		nshared += is;
		lp_node_xattr(o->plan->tree, &at, &x, &name, &value);
		lp_put_le(b, sizeof(b), id);
		if (is != shared)
			continue;
		if (shared ? put(o, b, sizeof(b), err) : put_xattr(o, here, err))
			return err->code;
	}
	return LP_OK;
}

static enum lp_code put_xattrs(struct out *o, const struct lp_node *n,
			       const struct lp_erofs_xattrs *x, struct lp_err *err)
{
	uint8_t head[LP_EROFS_XATTR_HEADER] = {0};

	head[4] = (uint8_t)x->shared;
	if (!x->bytes)
		return LP_OK;
	if (put(o, head, sizeof(head), err) || put_xattrs_of(o, n, true, err))
		return err->code;
	return put_xattrs_of(o, n, false, err);
}

/* The block of the device that holds block @block of the file, or a hole's. */
static enum lp_code put_index(struct out *o, const struct lp_run *r, uint64_t block,
			      struct lp_err *err)
{
	uint8_t b[LP_EROFS_INDEX_BYTES];

	if (block >= r->block && block - r->block < r->blocks)
		lp_erofs_put_index(0, (uint16_t)r->device,
				   r->device_block + (uint32_t)(block - r->block), b);
	else
		lp_erofs_put_index(0, 0, LP_EROFS_NULL, b);
	return put(o, b, sizeof(b), err);
}

static enum lp_code put_chunks(struct out *o, const struct lp_node *n,
			       const struct lp_erofs_chunks *c, struct lp_err *err)
{
	struct lp_run r = {0};
	uint32_t next = 0;

	if (pad(o, lp_align(o->at, LP_EROFS_INDEX_BYTES), err))
		return err->code;
	for (uint64_t i = 0; i < c->n; i++) {
		uint64_t block = i << c->bits;

		while (next < n->nrun && block >= r.block + r.blocks)
			lp_node_run(o->plan->tree, n, next++, &r);
		if (put_index(o, &r, block, err))
			return err->code;
	}
	return LP_OK;
}

/* Blocks of the directory @node: the full ones, or (@tail) only the last. */
static enum lp_code put_directory(struct out *o, uint32_t node, bool tail, bool whole,
				  struct lp_err *err)
{
	struct lp_erofs_names names = {.plan = o->plan, .dir = node};
	uint32_t bytes = lp_erofs_place(o->plan, node)->bytes, done = 0, used = 0;
	struct lp_erofs_name name[LP_EROFS_BLOCK / (LP_EROFS_DIRENT_BYTES + 1) + 1];
	uint8_t block[LP_EROFS_BLOCK];
	size_t n = 0;

	for (bool more = lp_erofs_names_next(&names, &name[0]); n || more;) {
		uint32_t need = more ? LP_EROFS_DIRENT_BYTES + (uint32_t)name[n].bytes : 0;
		bool last = bytes - done <= LP_EROFS_BLOCK;

		if (more && need <= LP_EROFS_BLOCK - used) {
			used += need;
			more = lp_erofs_names_next(&names, &name[++n]);
			continue;
		}
		lp_erofs_put_dirents(name, n, block);
		if ((last && (tail || whole) && put(o, block, tail ? used : LP_EROFS_BLOCK, err)) ||
		    (!last && !tail && put(o, block, LP_EROFS_BLOCK, err)))
			return err->code;
		name[0] = name[n];
		done += LP_EROFS_BLOCK;
		used = 0;
		n = 0;
	}
	return LP_OK;
}

/* What the inode of @node says about its data; *tail: its last part stands behind it. */
static void describe(const struct lp_erofs_plan *p, uint32_t node, uint32_t xattr_bytes,
		     struct lp_erofs_raw *raw, bool *tail)
{
	const struct lp_node *n = lp_node(p->tree, node);
	const struct lp_erofs_place *place = lp_erofs_place(p, node);
	struct lp_erofs_chunks c;

	*tail = false;
	if (lp_node_is_dir(n) || S_ISLNK(n->mode)) {
		raw->size = lp_node_is_dir(n) ? place->bytes : n->size;
		*tail = lp_erofs_fits_inline(xattr_bytes, raw->size);
		raw->layout = *tail ? LP_EROFS_INLINE : LP_EROFS_PLAIN;
		raw->u = place->block;
	} else if (S_ISREG(n->mode)) {
		lp_erofs_plan_chunks(p->tree, n, &c);
		raw->size = n->size;
		raw->layout = LP_EROFS_CHUNKED;
		raw->u = LP_EROFS_INDEXES | c.bits;
	} else if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
		raw->u = lp_erofs_device_number(n->a, n->b);
	}
}

static enum lp_code put_inode(struct out *o, uint32_t node, uint32_t serial, struct lp_err *err)
{
	const struct lp_node *n = lp_node(o->plan->tree, node);
	struct lp_erofs_raw raw = {
		.mode = (uint16_t)n->mode,
		.serial = n->flags & LP_NODE_IMPLIED ? 0 : serial,
		.uid = n->uid,
		.gid = n->gid,
		.nlink = n->nlink,
		.mtime = n->mtime,
		.mtime_ns = n->mtime_ns,
	};
	uint8_t b[LP_EROFS_INODE_BYTES];
	struct lp_erofs_chunks c;
	struct lp_erofs_xattrs x;
	bool tail;

	lp_erofs_plan_xattrs(o->plan, n, &x);
	describe(o->plan, node, x.bytes, &raw, &tail);
	if (x.bytes)
		raw.xattr_icount = (uint16_t)((x.bytes - LP_EROFS_XATTR_HEADER) / 4 + 1);
	lp_erofs_put_inode(&raw, b);
	if (pad(o, (uint64_t)lp_erofs_place(o->plan, node)->nid * LP_EROFS_NID_BYTES, err) ||
	    put(o, b, sizeof(b), err) || put_xattrs(o, n, &x, err))
		return err->code;
	if (raw.layout == LP_EROFS_CHUNKED && raw.size) {
		lp_erofs_plan_chunks(o->plan->tree, n, &c);
		return put_chunks(o, n, &c, err);
	}
	if (!tail)
		return LP_OK;
	if (S_ISLNK(n->mode))
		return put(o, lp_node_text(o->plan->tree, n->a), n->size, err);
	return put_directory(o, node, true, true, err);
}

/* The data of @node that does not stand behind its inode. */
static enum lp_code put_blocks(struct out *o, uint32_t node, struct lp_err *err)
{
	const struct lp_erofs_place *place = lp_erofs_place(o->plan, node);
	const struct lp_node *n = lp_node(o->plan->tree, node);
	struct lp_erofs_xattrs x;

	if (!place->block)
		return LP_OK;
	if (pad(o, (uint64_t)place->block * LP_EROFS_BLOCK, err))
		return err->code;
	if (S_ISLNK(n->mode))
		return put(o, lp_node_text(o->plan->tree, n->a), n->size, err);
	lp_erofs_plan_xattrs(o->plan, n, &x);
	return put_directory(o, node, false, !lp_erofs_fits_inline(x.bytes, place->bytes), err);
}

static enum lp_code put_shared(struct out *o, struct lp_err *err)
{
	const struct lp_erofs_plan *p = o->plan;
	const struct lp_erofs_shared *s = (const struct lp_erofs_shared *)(const void *)p->shared.p;
	size_t n = p->shared.len / sizeof(*s);

	if (!p->xattr_block)
		return LP_OK;
	if (pad(o, (uint64_t)p->xattr_block * LP_EROFS_BLOCK, err))
		return err->code;
	for (size_t i = 0; i < n; i++)
		if (s[i].uses > 1 && put_xattr(o, s[i].at, err))
			return err->code;
	return LP_OK;
}

static enum lp_code put_file(struct out *o, const struct lp_erofs_device *device,
			     struct lp_err *err)
{
	const struct lp_erofs_plan *p = o->plan;

	if (put_head(o, device, err))
		return err->code;
	for (uint32_t i = 0; i < p->ninode; i++)
		if (put_inode(o, lp_erofs_node(p, i), i + 1, err))
			return err->code;
	for (uint32_t i = 0; i < p->ninode; i++)
		if (put_blocks(o, lp_erofs_node(p, i), err))
			return err->code;
	if (put_shared(o, err) || pad(o, p->end, err) || flush(o, err))
		return err->code;
	lp_erofs_seal(o->block0);
	return lp_file_pwrite(o->fd, 0, o->block0, sizeof(o->block0), err);
}

static enum lp_code check_devices(const struct lp_tree *t, const struct lp_erofs_device *device,
				  uint32_t ndevice, struct lp_err *err)
{
	if (ndevice > LP_EROFS_DEVICES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "erofs.limit.devices", "%u devices",
			       ndevice);
	for (uint32_t i = 0; i < ndevice; i++)
		if (device[i].bytes % LP_EROFS_BLOCK ||
		    device[i].bytes / LP_EROFS_BLOCK >= LP_EROFS_NULL)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.device.bytes",
				       "device %u has %llu bytes", i + 1,
				       (unsigned long long)device[i].bytes);
	for (uint32_t i = 0; i < t->nnode; i++) {
		const struct lp_node *n = lp_node(t, i);

		if (n->flags & LP_NODE_DEAD && !(n->flags & LP_NODE_LINKED))
			continue;
		for (uint32_t k = 0; k < n->nrun; k++) {
			struct lp_run r;

			lp_node_run(t, n, k, &r);
			if (r.device > ndevice || r.device_block + (uint64_t)r.blocks >
						  device[r.device - 1].bytes / LP_EROFS_BLOCK)
				return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, "erofs.chunk.device",
					       "%.*s lies outside device %u", n->name_bytes,
					       lp_node_text(t, n->name), r.device);
		}
	}
	return LP_OK;
}

enum lp_code lp_erofs_write(const struct lp_tree *t, const struct lp_erofs_device *device,
			    uint32_t ndevice, int fd, struct lp_err *err)
{
	uint64_t first = LP_EROFS_SUPER_AT + LP_EROFS_SUPER_BYTES +
			 (uint64_t)ndevice * LP_EROFS_SLOT_BYTES;
	LP_AUTO(lp_erofs_plan_free) struct lp_erofs_plan plan = {0};
	LP_AUTO(free_out) struct out o = {.plan = &plan, .ndevice = ndevice, .fd = fd};

	if (check_devices(t, device, ndevice, err) || lp_erofs_plan(&plan, t, first, err))
		return err->code;
	return put_file(&o, device, err);
}
