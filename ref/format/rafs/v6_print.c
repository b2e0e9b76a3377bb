// SPDX-License-Identifier: MIT
#include "format/rafs/boot.h"
#include "format/rafs/print.h"

#include "tree/erofs_layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_SIZE "rafs.boot.size"

#define BLOCK LP_EROFS_BLOCK
#define SLOTS (BLOCK / LP_EROFS_NID_BYTES)	/* places for an inode in a block */
#define COMPAT 0x40000000u
#define EXTENDED_AT (LP_EROFS_SUPER_AT + LP_EROFS_SUPER_BYTES)
#define SLOTS_AT (EXTENDED_AT + 256u)
#define BLOB_BYTES 256u
#define GAP BLOCK				/* 3.1: no inode has nid 0 */

/* Where an inode and its data are, from the start of the area of inodes, less GAP. */
struct place {
	uint64_t off, data;
	uint64_t data_bytes;	/* of a directory's names, a symlink's target */
	uint32_t inode_bytes;	/* with xattrs */
	bool plain;		/* the data are in blocks of their own, all of them */
};

/* Blocks with room, by places: first in, first out. */
struct queue {
	struct lp_buf block;	/* of uint64_t */
	size_t taken;
};

struct layout {
	const struct lp_rafs_model *m;
	bool merged;
	struct place *place;		/* [nname + 1] at first names */
	struct queue room[SLOTS];
	uint64_t end;			/* of what has a place */
	uint64_t blobs, prefetch, meta, chunks, bytes; /* offsets in the file; its length */
	struct lp_buf chunk;		/* of struct row, sorted */
	uint8_t *p;			/* the bootstrap */
};

static void layout_free(struct layout *l)
{
	for (size_t i = 0; i < SLOTS; i++)
		lp_buf_free(&l->room[i].block);
	lp_buf_free(&l->chunk);
	free(l->place);
}

static const struct lp_node *named(const struct layout *l, uint32_t i)
{
	return lp_node(l->m->tree, lp_rafs_name_at(l->m, i)->node);
}

/* Remember that the block of @off has room behind it.  3.7, "append" */
static enum lp_code offer(struct layout *l, uint64_t off, struct lp_err *err)
{
	uint64_t block = off / BLOCK * BLOCK;

	if (off % BLOCK == 0)
		return LP_OK;
	return lp_buf_add(&l->room[(BLOCK - off % BLOCK) / LP_EROFS_NID_BYTES].block, &block,
			  sizeof(block), SIZE_MAX, err);
}

/* A place for @bytes in a block with room; 0: there is none.  3.7, "alloc" */
static enum lp_code find_room(struct layout *l, uint64_t bytes, uint64_t *off, struct lp_err *err)
{
	uint64_t need = lp_align(bytes, LP_EROFS_NID_BYTES) / LP_EROFS_NID_BYTES;

	*off = 0;
	for (uint64_t i = need; i < SLOTS && bytes < BLOCK; i++) {
		struct queue *q = &l->room[i];
		uint64_t block;

		if (q->taken * sizeof(block) == q->block.len)
			continue;
		memcpy(&block, q->block.p + q->taken++ * sizeof(block), sizeof(block));
		*off = block + BLOCK - i * LP_EROFS_NID_BYTES;
		return offer(l, *off + need * LP_EROFS_NID_BYTES, err);
	}
	return LP_OK;
}

static enum lp_code end_block(struct layout *l, struct lp_err *err)
{
	if (offer(l, l->end, err))
		return err->code;
	l->end = lp_align(l->end, BLOCK);
	return LP_OK;
}

/* An inode with its tail behind it, in one block; whole blocks of data follow. */
static enum lp_code place_inline(struct layout *l, struct place *p, struct lp_err *err)
{
	uint64_t bytes = p->inode_bytes + p->data_bytes % BLOCK;

	if (find_room(l, bytes, &p->off, err))
		return err->code;
	if (!p->off) {
		if (BLOCK - l->end % BLOCK < bytes && end_block(l, err))
			return err->code;
		p->off = l->end;
		l->end += bytes;
	}
	if (p->data_bytes >= BLOCK && end_block(l, err))
		return err->code;
	p->data = l->end;
	l->end += p->data_bytes / BLOCK * BLOCK;
	return LP_OK;
}

/* Directories and symlinks.  3.7, "tail" */
static enum lp_code place_tail(struct layout *l, struct place *p, struct lp_err *err)
{
	uint64_t tail = p->data_bytes % BLOCK;

	if (tail && p->inode_bytes + tail <= BLOCK)
		return place_inline(l, p, err);
	p->plain = true;
	if (find_room(l, p->inode_bytes, &p->off, err))
		return err->code;
	if (!p->off) {
		p->off = l->end;
		l->end += p->inode_bytes;
	}
	if (end_block(l, err))
		return err->code;
	p->data = l->end;
	l->end = lp_align(l->end + p->data_bytes, BLOCK);
	return LP_OK;
}

static enum lp_code place_file(struct layout *l, const struct lp_node *n, struct place *p,
			       struct lp_err *err)
{
	uint64_t bytes = lp_align(p->inode_bytes, 8) +
			 (uint64_t)lp_rafs_chunk_count(l->m, n) * LP_EROFS_INDEX_BYTES;

	if (find_room(l, bytes, &p->off, err))
		return err->code;
	if (!p->off) {
		p->off = l->end;
		l->end += bytes;
	}
	return LP_OK;
}

static uint32_t xattr_bytes(const struct layout *l, const struct lp_node *n)
{
	uint32_t sum = n->nxattr ? LP_EROFS_XATTR_HEADER : 0, at = n->xattr;

	for (uint32_t k = 0; k < n->nxattr; k++) {
		struct lp_node_xattr x;
		const char *name, *value;
		size_t prefix;

		lp_node_xattr(l->m->tree, &at, &x, &name, &value);
		lp_erofs_prefix(name, x.name_bytes, &prefix);
		sum += lp_erofs_xattr_bytes(x.name_bytes - prefix, x.value_bytes);
	}
	return sum;
}

/* The @k-th name of directory @i, "." and ".." sorted among them. */
struct cursor {
	uint32_t i, child;
	bool dot, dots;		/* told already */
};

static bool next_name(const struct layout *l, struct cursor *c, struct lp_erofs_name *out,
		      uint32_t *name)
{
	const struct lp_rafs_name *dir = lp_rafs_name_at(l->m, c->i);
	const struct lp_node *n = c->child < dir->nchild ? named(l, dir->child + c->child) : NULL;
	const char *text = n ? lp_node_text(l->m->tree, n->name) : NULL;

	if (!c->dot && (!n || lp_erofs_compare(text, n->name_bytes, ".", 1) > 0)) {
		c->dot = true;
		*out = (struct lp_erofs_name){.name = ".", .bytes = 1};
		*name = c->i;
	} else if (!c->dots && (!n || lp_erofs_compare(text, n->name_bytes, "..", 2) > 0)) {
		c->dots = true;
		*out = (struct lp_erofs_name){.name = "..", .bytes = 2};
		*name = dir->parent ? dir->parent : 1;
	} else if (n) {
		*out = (struct lp_erofs_name){.name = text, .bytes = n->name_bytes};
		*name = dir->child + c->child++;
	} else {
		return false;
	}
	return true;
}

/* 3.7, "Directories" */
static uint64_t directory_bytes(const struct layout *l, uint32_t i)
{
	struct cursor c = {.i = i};
	struct lp_erofs_name n;
	uint64_t sum = 0;
	uint32_t name;

	while (next_name(l, &c, &n, &name)) {
		uint64_t bytes = LP_EROFS_DIRENT_BYTES + n.bytes;

		if (sum / BLOCK != (sum + bytes - 1) / BLOCK)
			sum = lp_align(sum, BLOCK);
		sum += bytes;
	}
	return sum;
}

static void measure(struct layout *l, uint32_t i)
{
	const struct lp_node *n = lp_rafs_node(l->m, i);
	struct place *p = &l->place[i];

	p->inode_bytes = LP_EROFS_INODE_BYTES + xattr_bytes(l, n);
	p->data_bytes = S_ISDIR(n->mode) ? directory_bytes(l, i) : S_ISLNK(n->mode) ? n->size : 0;
}

static enum lp_code place_child(struct layout *l, uint32_t i, struct lp_err *err)
{
	const struct lp_node *n = lp_rafs_node(l->m, i);
	struct place *p = &l->place[i];

	if (lp_rafs_name_at(l->m, i)->first == i) {
		measure(l, i);
		if (S_ISREG(n->mode) && place_file(l, n, p, err))
			return err->code;
		if (S_ISLNK(n->mode) && place_tail(l, p, err))
			return err->code;
		if (!S_ISREG(n->mode) && !S_ISLNK(n->mode)) {
			p->off = l->end;
			l->end += p->inode_bytes;
		}
	}
	l->end = lp_align(l->end, LP_EROFS_NID_BYTES);
	return LP_OK;
}

/* 3.7, "visit": a directory, and what is in it but directories. */
static enum lp_code place_all(struct layout *l, struct lp_err *err)
{
	const uint32_t *dirs = (const uint32_t *)(const void *)l->m->dir.p;

	l->end = GAP;
	for (size_t d = 0; d < l->m->dir.len / sizeof(*dirs); d++) {
		const struct lp_rafs_name *dir = lp_rafs_name_at(l->m, dirs[d]);

		measure(l, dirs[d]);
		if (place_tail(l, &l->place[dirs[d]], err))
			return err->code;
		l->end = lp_align(l->end, LP_EROFS_NID_BYTES);
		for (uint32_t k = 0; k < dir->nchild; k++)
			if (!S_ISDIR(lp_rafs_node(l->m, dir->child + k)->mode) &&
			    place_child(l, dir->child + k, err))
				return err->code;
	}
	return LP_OK;
}

/* A row of the chunk table, and the how-manieth use of a chunk it is. */
struct row {
	struct lp_rafs_chunk c;
	uint32_t use;
};

static int by_digest(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int c = memcmp(a->c.digest, b->c.digest, LP_RAFS_DIGEST);

	if (c)
		return c;
	if (a->c.blob != b->c.blob)
		return a->c.blob < b->c.blob ? -1 : 1;
	return a->use < b->use ? -1 : a->use > b->use;
}

/* Each chunk once, as its last use has it: 3.7, "Chunk table". */
static enum lp_code collect_chunks(struct layout *l, struct lp_err *err)
{
	struct row *row;
	size_t n = 0, kept = 0;

	for (uint32_t i = 1; i <= l->m->nname; i++) {
		const struct lp_node *file = lp_rafs_node(l->m, i);
		uint32_t chunks = lp_rafs_chunk_count(l->m, file);

		for (uint32_t k = 0; lp_rafs_name_at(l->m, i)->first == i && k < chunks; k++, n++) {
			struct row new = {lp_rafs_model_chunk(l->m, file, k), (uint32_t)n};

			if (lp_buf_add(&l->chunk, &new, sizeof(new), SIZE_MAX, err))
				return err->code;
		}
	}
	row = (struct row *)(void *)l->chunk.p;
	if (n)
		qsort(row, n, sizeof(*row), by_digest);
	for (size_t k = 0; k < n; k++)
		if (k + 1 == n || row[k].c.blob != row[k + 1].c.blob ||
		    memcmp(row[k].c.digest, row[k + 1].c.digest, LP_RAFS_DIGEST) != 0)
			row[kept++] = row[k];
	l->chunk.len = kept * sizeof(*row);
	return LP_OK;
}

static size_t row_count(const struct layout *l)
{
	return l->chunk.len / sizeof(struct row);
}

static enum lp_code plan(struct layout *l, struct lp_err *err)
{
	uint32_t n = l->m->nused;

	l->place = calloc((size_t)l->m->nname + 1, sizeof(*l->place));
	if (!l->place)
		return lp_fail_errno(err, "%u names", l->m->nname);
	if (place_all(l, err) || collect_chunks(l, err))
		return err->code;
	l->blobs = lp_align(SLOTS_AT + (uint64_t)n * LP_EROFS_SLOT_BYTES, BLOCK);
	l->prefetch = l->blobs + (uint64_t)n * BLOB_BYTES;
	l->meta = n ? lp_align(l->prefetch + l->m->hint.len, BLOCK) : 0;
	l->chunks = lp_align(l->meta + l->end, BLOCK);
	l->bytes = lp_align(l->chunks + row_count(l) * LP_RAFS_CHUNK_BYTES, BLOCK);
	if (l->bytes > LP_RAFS_BOOT_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_SIZE,
			       "a bootstrap of %" PRIu64 " bytes", l->bytes);
	return LP_OK;
}

static const struct lp_rafs_blob *blob_at(const struct layout *l, uint32_t i)
{
	return &l->m->stock[l->m->used[i]].blob;
}

static void print_super(const struct layout *l)
{
	struct lp_erofs_super s = {
		.compat = COMPAT, .incompat = LP_EROFS_CHUNKED_FILE | LP_EROFS_DEVICE_TABLE,
		.root = GAP / LP_EROFS_NID_BYTES, .inodes = l->m->nname,
		.meta_block = (uint32_t)(l->meta / BLOCK), .ndevice = (uint16_t)l->m->nused,
		.slot = SLOTS_AT / LP_EROFS_SLOT_BYTES,
	};

	for (uint32_t i = 0; i < l->m->nused; i++)
		s.blocks += (uint32_t)(blob_at(l, i)->plain_bytes / BLOCK);
	lp_erofs_put_super(&s, l->p + LP_EROFS_SUPER_AT);
}

static void print_extended(const struct layout *l)
{
	uint8_t *p = l->p + EXTENDED_AT;
	uint32_t digests = LP_RAFS_INLINED_DIGEST;

	for (uint32_t i = 0; i < l->m->nused; i++)
		if (!(blob_at(l, i)->features & LP_RAFS_INFO_DIGEST))
			digests = 0;
	lp_put_le(p, 8, lp_rafs_print_flags(l->m) | digests |
			(l->merged ? LP_RAFS_XATTRS : 0)); /* so nydus-image */
	lp_put_le(p + 8, 8, l->blobs);
	lp_put_le(p + 16, 4, (uint64_t)l->m->nused * BLOB_BYTES);
	lp_put_le(p + 20, 4, l->m->chunk_bytes);
	lp_put_le(p + 24, 8, l->chunks);
	lp_put_le(p + 32, 8, row_count(l) * LP_RAFS_CHUNK_BYTES);
	lp_put_le(p + 40, 8, l->m->hint.len ? l->prefetch : 0);
	lp_put_le(p + 48, 4, l->m->hint.len);
}

static void print_blob(const struct layout *l, uint32_t i)
{
	static const uint8_t codec[] = {[LP_CODEC_NONE] = 0, [LP_CODEC_LZ4] = 1,
					[LP_CODEC_GZIP] = 2, [LP_CODEC_ZSTD] = 3};
	const struct lp_rafs_blob *b = blob_at(l, i);
	uint8_t *p = l->p + l->blobs + (uint64_t)i * BLOB_BYTES;

	memcpy(p, b->id, strlen(b->id));
	lp_put_le(p + 64, 4, i);
	lp_put_le(p + 68, 4, l->m->chunk_bytes);
	lp_put_le(p + 72, 4, b->nchunk);
	lp_put_le(p + 76, 4, codec[b->codec]);
	lp_put_le(p + 80, 4, l->m->kind.alg == LP_SHA256);
	lp_put_le(p + 84, 4, b->features);
	lp_put_le(p + 88, 8, b->stored_bytes);
	lp_put_le(p + 96, 8, b->plain_bytes);
	lp_put_le(p + 104, 4, b->toc_bytes);
	lp_put_le(p + 108, 4, codec[b->info_codec]);
	lp_put_le(p + 112, 8, b->info_off);
	lp_put_le(p + 120, 8, b->info_stored);
	lp_put_le(p + 128, 8, b->info_plain);
	memcpy(p + 136, b->toc_digest, LP_RAFS_DIGEST);
	lp_erofs_put_slot(b->id, (uint32_t)(b->plain_bytes / BLOCK), 0,
			  l->p + SLOTS_AT + (uint64_t)i * LP_EROFS_SLOT_BYTES);
}

static uint64_t nid_of(const struct layout *l, uint32_t i)
{
	return l->place[lp_rafs_name_at(l->m, i)->first].off / LP_EROFS_NID_BYTES;
}

static uint8_t *print_xattrs(const struct layout *l, const struct lp_node *n, uint8_t *p)
{
	uint32_t at = n->xattr;

	p += n->nxattr ? LP_EROFS_XATTR_HEADER : 0;
	for (uint32_t k = 0; k < n->nxattr; k++) {
		struct lp_node_xattr x;
		const char *name, *value;
		size_t prefix, suffix;

		lp_node_xattr(l->m->tree, &at, &x, &name, &value);
		p[1] = lp_erofs_prefix(name, x.name_bytes, &prefix);
		suffix = x.name_bytes - prefix;
		p[0] = (uint8_t)suffix;
		lp_put_le(p + 2, 2, x.value_bytes);
		memcpy(p + LP_EROFS_XATTR_ENTRY, name + prefix, suffix);
		memcpy(p + LP_EROFS_XATTR_ENTRY + suffix, value, x.value_bytes);
		p += lp_erofs_xattr_bytes(suffix, x.value_bytes);
	}
	return p;
}

/* Names of directory @i, block by block, from where its data are; the last behind its inode. */
static void print_names(const struct layout *l, uint32_t i, uint8_t *tail)
{
	const struct place *at = &l->place[i];
	uint8_t *block = l->p + l->meta + at->data, buffer[BLOCK];
	struct lp_erofs_name names[BLOCK / LP_EROFS_DIRENT_BYTES];
	struct cursor c = {.i = i};
	uint64_t done = 0, used = 0;
	uint32_t name, n = 0;
	bool more = true;

	while (more) {
		struct lp_erofs_name next;

		more = next_name(l, &c, &next, &name);
		if (!more || used + LP_EROFS_DIRENT_BYTES + next.bytes > BLOCK) {
			lp_erofs_put_dirents(names, n, buffer);
			done += BLOCK;
			if (done > at->data_bytes && !at->plain)
				memcpy(tail, buffer, (size_t)(at->data_bytes % BLOCK));
			else
				memcpy(block, buffer, BLOCK);
			block += BLOCK;
			n = 0;
			used = 0;
		}
		if (more) {
			next.nid = nid_of(l, name);
			next.mode = lp_rafs_node(l->m, name)->mode;
			names[n++] = next;
			used += LP_EROFS_DIRENT_BYTES + next.bytes;
		}
	}
}

/* The kernel may take all chunks for one if they lie behind each other: 3.7, "header quirk". */
static uint32_t chunk_format(const struct layout *l, const struct lp_node *n)
{
	uint32_t bits = 0, whole = 12, count = lp_rafs_chunk_count(l->m, n);
	struct lp_rafs_chunk last = {.blob = 0};

	while (UINT32_C(1) << bits < l->m->chunk_bytes)
		bits++;
	for (uint32_t k = 0; k < count; k++) {
		struct lp_rafs_chunk c = lp_rafs_model_chunk(l->m, n, k);

		if (k && (c.blob != last.blob || c.plain_off != last.plain_off + l->m->chunk_bytes))
			count = 0;
		last = c;
	}
	if (count < 2)
		return LP_EROFS_INDEXES | (bits - 12);
	while (UINT64_C(1) << whole < n->size)
		whole++;
	return LP_EROFS_INDEXES | (whole - 12);
}

static void print_indexes(const struct layout *l, const struct lp_node *n, uint8_t *p)
{
	for (uint32_t k = 0; k < lp_rafs_chunk_count(l->m, n); k++, p += LP_EROFS_INDEX_BYTES) {
		struct lp_rafs_chunk c = lp_rafs_model_chunk(l->m, n, k);

		lp_erofs_put_index((uint16_t)c.number,
				   (uint16_t)((c.blob + 1) | (c.number >> 16) << 8),
				   (uint32_t)(c.plain_off / BLOCK), p);
	}
}

static void describe(const struct layout *l, uint32_t i, struct lp_erofs_raw *raw)
{
	const struct lp_node *n = lp_rafs_node(l->m, i);
	const struct place *at = &l->place[i];
	uint32_t xattrs = at->inode_bytes - LP_EROFS_INODE_BYTES;

	*raw = (struct lp_erofs_raw){
		.xattr_icount = (uint16_t)(xattrs ? (xattrs - LP_EROFS_XATTR_HEADER) / 4 + 1 : 0),
		.mode = (uint16_t)n->mode, .uid = n->uid, .gid = n->gid, .mtime = n->mtime,
		.mtime_ns = n->mtime_ns, .nlink = lp_rafs_name_at(l->m, i)->nlink, .serial = i,
	};
	if (i == 1 && l->merged)
		raw->serial = GAP / LP_EROFS_NID_BYTES;
	if (S_ISREG(n->mode)) {
		raw->layout = LP_EROFS_CHUNKED;
		raw->size = n->size;
		raw->u = chunk_format(l, n);
	} else if (S_ISDIR(n->mode) || S_ISLNK(n->mode)) {
		raw->layout = at->plain ? LP_EROFS_PLAIN : LP_EROFS_INLINE;
		raw->size = at->data_bytes;
		raw->u = (uint32_t)((l->meta + at->data) / BLOCK);
	} else {
		raw->u = lp_rafs_rdev(n);
	}
}

static void print_inode(const struct layout *l, uint32_t i)
{
	const struct lp_node *n = lp_rafs_node(l->m, i);
	const struct place *at = &l->place[i];
	uint8_t *p = l->p + l->meta + at->off, *end;
	struct lp_erofs_raw raw;

	describe(l, i, &raw);
	lp_erofs_put_inode(&raw, p);
	end = print_xattrs(l, n, p + LP_EROFS_INODE_BYTES);
	if (S_ISDIR(n->mode))
		print_names(l, i, end);
	else if (S_ISLNK(n->mode))
		memcpy(at->plain ? l->p + l->meta + at->data : end, lp_node_text(l->m->tree, n->a),
		       (size_t)n->size);
	else if (S_ISREG(n->mode))
		print_indexes(l, n, p + lp_align(at->inode_bytes, 8));
}

static void print_tables(const struct layout *l)
{
	const uint32_t *hint = (const uint32_t *)(const void *)l->m->hint.p;
	const struct row *row = (const struct row *)(const void *)l->chunk.p;

	for (uint32_t i = 0; i < l->m->nused; i++)
		print_blob(l, i);
	for (size_t i = 0; i < l->m->hint.len / sizeof(*hint); i++)
		lp_put_le(l->p + l->prefetch + i * 4, 4, nid_of(l, hint[i]));
	for (size_t i = 0; i < row_count(l); i++)
		lp_rafs_print_chunk(&row[i].c, l->p + l->chunks + i * LP_RAFS_CHUNK_BYTES);
}

static enum lp_code print(struct layout *l, struct lp_buf *out, struct lp_err *err)
{
	if (plan(l, err) || lp_buf_reserve(out, (size_t)l->bytes, SIZE_MAX, err))
		return err->code;
	l->p = out->p + out->len;
	memset(l->p, 0, (size_t)l->bytes);
	print_super(l);
	print_extended(l);
	print_tables(l);
	for (uint32_t i = 1; i <= l->m->nname; i++)
		if (lp_rafs_name_at(l->m, i)->first == i)
			print_inode(l, i);
	out->len += (size_t)l->bytes;
	return LP_OK;
}

enum lp_code lp_rafs_print_v6(const struct lp_rafs_model *m, bool merged, struct lp_buf *out,
			      struct lp_err *err)
{
	LP_AUTO(layout_free) struct layout l = {.m = m, .merged = merged};

	return print(&l, out, err);
}
