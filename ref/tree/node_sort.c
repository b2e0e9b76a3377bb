// SPDX-License-Identifier: MIT
#include "tree/node.h"

#include <stdlib.h>
#include <string.h>

/* A name to sort: its first bytes as a number decide nearly always. */
struct key {
	uint64_t head;		/* big endian, short names padded with NUL */
	const char *name;
	uint32_t bytes;
	uint32_t node;
};

static int compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int c;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	c = memcmp(x->name, y->name, x->bytes < y->bytes ? x->bytes : y->bytes);
	return c ? c : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static void fill_key(const struct lp_tree *t, uint32_t node, struct key *k)
{
	const struct lp_node *n = lp_node(t, node);
	uint8_t head[8] = {0};

	k->name = lp_node_text(t, n->name);
	k->bytes = n->name_bytes;
	k->node = node;
	memcpy(head, k->name, k->bytes < 8 ? k->bytes : 8);
	k->head = 0;
	for (size_t i = 0; i < 8; i++)
		k->head = k->head << 8 | head[i];
}

/* Sort the @n children in @child; @key has room for them. */
static void sort(const struct lp_tree *t, uint32_t *child, uint32_t n, struct key *key)
{
	bool sorted = true;

	for (uint32_t i = 0; i < n; i++) {
		fill_key(t, child[i], &key[i]);
		sorted = sorted && (!i || compare(&key[i - 1], &key[i]) < 0);
	}
	if (sorted)
		return;
	qsort(key, n, sizeof(key[0]), compare);
	for (uint32_t i = 0; i < n; i++)
		child[i] = key[i].node;
}

enum lp_code lp_node_sort(struct lp_tree *t, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf keys = {0};
	uint32_t at = 0, most = 0, *order;

	for (uint32_t i = 0; i < t->nnode; i++) {
		struct lp_node *n = lp_node(t, i);

		n->child = at;
		at += n->nchild;
		most = n->nchild > most ? n->nchild : most;
		n->nchild = 0;
	}
	if (lp_buf_reserve(&t->order, at * sizeof(uint32_t), SIZE_MAX, err) ||
	    lp_buf_reserve(&keys, most * sizeof(struct key), SIZE_MAX, err))
		return err->code;
	t->order.len = at * sizeof(uint32_t);
	order = (uint32_t *)(void *)t->order.p;
	for (uint32_t i = 1; i < t->nnode; i++) {
		struct lp_node *dir = lp_node(t, lp_node(t, i)->parent);

		if (!(lp_node(t, i)->flags & LP_NODE_DEAD))
			order[dir->child + dir->nchild++] = i;
	}
	for (uint32_t i = 0; i < t->nnode; i++) {
		struct lp_node *n = lp_node(t, i);

		sort(t, order + n->child, n->nchild, (struct key *)(void *)keys.p);
	}
	return LP_OK;
}
