// SPDX-License-Identifier: MIT
#include "format/rafs/model.h"

#include "tree/erofs_layout.h"

#include <stdlib.h>
#include <string.h>

#define RULE_COUNT "rafs.limit.blobs"
#define NAMES_MAX (sizeof(struct lp_rafs_name) * ((size_t)LP_ENTRIES_MAX + 2))
#define NO_DEVICE 0xffffffffu	/* 2.8: the rdev of files, directories and symlinks */

static enum lp_code add_name(struct lp_rafs_model *m, uint32_t node, uint32_t parent,
			     struct lp_err *err)
{
	struct lp_rafs_name new = {.node = node, .parent = parent};

	return lp_buf_add(&m->name, &new, sizeof(new), NAMES_MAX, err);
}

static uint32_t count_names(const struct lp_rafs_model *m)
{
	return (uint32_t)(m->name.len / sizeof(struct lp_rafs_name));
}

/* Number the children of directory @i; *subdirs: how many are directories. */
static enum lp_code number_children(struct lp_rafs_model *m, uint32_t i, uint32_t *subdirs,
				    struct lp_err *err)
{
	const struct lp_node *dir = lp_node(m->tree, lp_rafs_name_at(m, i)->node);

	*subdirs = 0;
	lp_rafs_name_at(m, i)->child = count_names(m);
	lp_rafs_name_at(m, i)->nchild = dir->nchild;
	for (uint32_t k = 0; k < dir->nchild; k++) {
		uint32_t node = lp_node_child(m->tree, dir, k);

		*subdirs += lp_node_is_dir(lp_node(m->tree, node));
		if (add_name(m, node, i, err))
			return err->code;
	}
	lp_rafs_name_at(m, i)->nlink = 2 + *subdirs;
	return LP_OK;
}

/* Directories that are numbered and not looked into; the last one is next. */
static enum lp_code number_all(struct lp_rafs_model *m, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf stack = {.p = NULL};
	uint32_t i = 1, subdirs;

	if (add_name(m, 0, 0, err) || add_name(m, 0, 0, err) ||
	    lp_buf_add(&stack, &i, sizeof(i), NAMES_MAX, err))
		return err->code;
	while (stack.len) {
		stack.len -= sizeof(i);
		memcpy(&i, stack.p + stack.len, sizeof(i));
		if (lp_buf_add(&m->dir, &i, sizeof(i), NAMES_MAX, err) ||
		    number_children(m, i, &subdirs, err))
			return err->code;
		for (uint32_t k = lp_rafs_name_at(m, i)->nchild; subdirs && k-- > 0;) {
			uint32_t child = lp_rafs_name_at(m, i)->child + k;

			if (lp_node_is_dir(lp_node(m->tree, lp_rafs_name_at(m, child)->node)) &&
			    lp_buf_add(&stack, &child, sizeof(child), NAMES_MAX, err))
				return err->code;
		}
	}
	m->nname = count_names(m) - 1;
	return LP_OK;
}

/* Names of one inode: each knows the first, which knows how many they are. */
static enum lp_code link_names(struct lp_rafs_model *m, struct lp_err *err)
{
	uint32_t *first = calloc((size_t)m->tree->nnode + 1, sizeof(*first));

	if (!first)
		return lp_fail_errno(err, "%u nodes", m->tree->nnode);
	for (uint32_t i = 1; i <= m->nname; i++) {
		struct lp_rafs_name *n = lp_rafs_name_at(m, i);
		uint32_t node = lp_node_inode(m->tree, n->node);

		if (!first[node]) {
			first[node] = i;
			m->nunique++;
		}
		n->first = first[node];
		if (!S_ISDIR(lp_node(m->tree, node)->mode))
			lp_rafs_name_at(m, n->first)->nlink++;
		m->xattrs = m->xattrs || lp_node(m->tree, node)->nxattr;
	}
	free(first);
	return LP_OK;
}

uint32_t lp_rafs_chunk_count(const struct lp_rafs_model *m, const struct lp_node *n)
{
	return S_ISREG(n->mode) && n->size ? (uint32_t)((n->size - 1) / m->chunk_bytes + 1) : 0;
}

/* Where block @block of @n is: its device, and the offset there. */
static uint32_t find_block(const struct lp_rafs_model *m, const struct lp_node *n, uint64_t block,
			   uint64_t *device_off)
{
	uint32_t low = 0, high = n->nrun;
	struct lp_run r = {.device = 0};

	while (low + 1 < high) {
		uint32_t mid = low + (high - low) / 2;

		lp_node_run(m->tree, n, mid, &r);
		if (r.block <= block)
			low = mid;
		else
			high = mid;
	}
	lp_node_run(m->tree, n, low, &r);
	*device_off = (r.device_block + (block - r.block)) * LP_BLOCK;
	return r.device;
}

static const struct lp_rafs_stored *find_stored(const struct lp_rafs_stock *s, uint64_t device_off)
{
	const struct lp_rafs_stored *at = (const struct lp_rafs_stored *)(const void *)s->chunk.p;
	size_t low = 0, high = s->chunk.len / sizeof(*at);

	while (low + 1 < high) {
		size_t mid = low + (high - low) / 2;

		if (at[mid].device_off <= device_off)
			low = mid;
		else
			high = mid;
	}
	return at + low;
}

struct lp_rafs_chunk lp_rafs_model_chunk(const struct lp_rafs_model *m, const struct lp_node *n,
					 uint32_t k)
{
	uint64_t device_off, off = (uint64_t)k * m->chunk_bytes;
	uint32_t device = find_block(m, n, off / LP_BLOCK, &device_off);
	struct lp_rafs_chunk c = find_stored(&m->stock[device - 1], device_off)->c;

	c.blob = m->blob[device - 1] - 1;
	c.file_off = off;
	return c;
}

static int by_device_off(const void *left, const void *right)
{
	const struct lp_rafs_stored *a = left, *b = right;

	return a->device_off < b->device_off ? -1 : a->device_off > b->device_off;
}

enum lp_code lp_rafs_stock_all(const struct lp_rafs_plan *p, struct lp_rafs_stock *stock,
			       struct lp_err *err)
{
	const struct lp_rafs_place *at = (const struct lp_rafs_place *)(const void *)p->place.p;

	for (size_t i = 0; i < p->place.len / sizeof(*at); i++) {
		struct lp_rafs_stock *s = &stock[p->device[at[i].blob] - 1];
		struct lp_rafs_stored new = {.device_off = at[i].device_off};

		s->blob = p->blob[at[i].blob];
		lp_rafs_chunk_read(p->boot + at[i].at, &new.c);
		if (lp_buf_add(&s->chunk, &new, sizeof(new), SIZE_MAX, err))
			return err->code;
	}
	for (uint32_t i = 0; i < lp_rafs_plan_devices(p); i++)
		qsort(stock[i].chunk.p, stock[i].chunk.len / sizeof(struct lp_rafs_stored),
		      sizeof(struct lp_rafs_stored), by_device_off);
	return LP_OK;
}

/* The number of the blob of @s: it may have one already. */
static uint32_t find_blob(const struct lp_rafs_model *m, const struct lp_rafs_stock *s)
{
	uint32_t i = 0;

	while (i < m->nused && strcmp(m->stock[m->used[i]].blob.id, s->blob.id))
		i++;
	return i;
}

/* Blobs are numbered in the order of devices, needed by a name or not: as nydus-image. */
static enum lp_code number_blobs(struct lp_rafs_model *m, struct lp_err *err)
{
	m->blob = calloc(m->nstock + 1, sizeof(*m->blob));
	m->used = calloc(m->nstock + 1, sizeof(*m->used));
	if (!m->blob || !m->used)
		return lp_fail_errno(err, "%zu blobs", m->nstock);
	for (uint32_t i = 0; i < m->nstock; i++) {
		uint32_t number;

		if (!m->stock[i].chunk.len)
			continue;
		number = find_blob(m, &m->stock[i]);
		m->used[number] = number == m->nused ? i : m->used[number];
		m->nused += number == m->nused;
		m->blob[i] = number + 1;
	}
	if (m->nused > LP_RAFS_BLOBS_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_COUNT, "%u blobs", m->nused);
	return LP_OK;
}

/* The child of directory @i that is called @name, or 0. */
static uint32_t find_child(const struct lp_rafs_model *m, uint32_t i, const char *name,
			   size_t bytes)
{
	const struct lp_rafs_name *dir = lp_rafs_name_at(m, i);
	uint32_t low = dir->child, high = low + dir->nchild;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct lp_node *n = lp_node(m->tree, lp_rafs_name_at(m, mid)->node);
		int c = lp_erofs_compare(lp_node_text(m->tree, n->name), n->name_bytes, name, bytes);

		if (!c)
			return mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

/* The name at @path, or 0. */
static uint32_t find_path(const struct lp_rafs_model *m, const char *path)
{
	uint32_t i = 1;

	while (i && *path) {
		size_t bytes = strcspn(path, "/");

		i = find_child(m, i, path, bytes);
		path += bytes + (path[bytes] == '/');
	}
	return i;
}

/* Hints at what is there, each once: 2.4. */
static enum lp_code find_hints(struct lp_rafs_model *m, struct lp_err *err)
{
	uint8_t *hinted = calloc((size_t)m->nname + 1, 1);
	enum lp_code rc = hinted ? LP_OK : lp_fail_errno(err, "%u names", m->nname);

	for (size_t k = 0; k < m->nprefetch && !rc; k++) {
		uint32_t i = find_path(m, m->prefetch[k]);

		if (!i || hinted[i])
			continue;
		hinted[i] = 1;
		rc = lp_buf_add(&m->hint, &i, sizeof(i), NAMES_MAX, err);
	}
	free(hinted);
	return rc;
}

uint32_t lp_rafs_rdev(const struct lp_node *n)
{
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
		return lp_erofs_device_number(n->a, n->b);
	return S_ISREG(n->mode) || S_ISDIR(n->mode) || S_ISLNK(n->mode) ? NO_DEVICE : 0;
}

enum lp_code lp_rafs_model_make(struct lp_rafs_model *m, struct lp_err *err)
{
	if (number_all(m, err) || link_names(m, err) || number_blobs(m, err) || find_hints(m, err))
		return err->code;
	return LP_OK;
}

void lp_rafs_model_free(struct lp_rafs_model *m)
{
	lp_buf_free(&m->name);
	lp_buf_free(&m->dir);
	lp_buf_free(&m->hint);
	free(m->dir_bytes);
	free(m->used);
	free(m->blob);
}
