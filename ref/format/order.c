// SPDX-License-Identifier: MIT
#include "format/order.h"

#include "format/estargz/landmark.h"
#include "format/estargz/toc.h"

#include <stdlib.h>
#include <string.h>

enum state { STAYS = 0, VISITED, MOVED, DROPPED };

/* Names of nodes, whiteouts and opaque marks are different names in a tar. */
struct name {
	const char *path;	/* the spool's */
	uint32_t index;
	uint32_t kind;		/* enum lp_entry_kind; hard links count as nodes */
};

struct sorting {
	const struct lp_spool *in;
	struct lp_order *order;
	struct lp_buf name;	/* of struct name, sorted, of entries that are kept */
	size_t nname;
	struct lp_buf stack;	/* of uint32_t */
	uint8_t *state;		/* [in->count] enum state */
	struct lp_entry e;	/* the last one looked at */
	struct lp_xattr xattr[LP_SPOOL_XATTRS];
};

static void sorting_free(struct sorting *s)
{
	lp_buf_free(&s->name);
	lp_buf_free(&s->stack);
	free(s->state);
}

static void look_at(struct sorting *s, size_t i)
{
	uint64_t body;

	lp_spool_entry(s->in, i, &s->e, s->xattr, &body);
}

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int by_name_and_index(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int way = by_name(a, b);

	return way ? way : x->index < y->index ? -1 : x->index > y->index;
}

bool lp_order_skips(const char *path)
{
	return !strcmp(path, LP_LANDMARK_PREFETCH) || !strcmp(path, LP_LANDMARK_NONE) ||
	       !strcmp(path, LP_TOC_NAME);
}

static enum lp_code list_names(struct sorting *s, struct lp_err *err)
{
	struct name *list;
	size_t kept = 0;

	for (size_t i = 0; i < s->in->count; i++) {
		struct name n = {.index = (uint32_t)i};

		look_at(s, i);
		n.path = s->e.path;
		n.kind = s->e.kind == LP_ENTRY_HARDLINK ? LP_ENTRY_NODE : s->e.kind;
		if (n.kind == LP_ENTRY_NODE && lp_order_skips(n.path)) {
			s->state[i] = DROPPED;
			continue;
		}
		if (lp_buf_add(&s->name, &n, sizeof(n), SIZE_MAX, err))
			return err->code;
		s->nname++;
	}
	list = (struct name *)(void *)s->name.p;
	if (s->nname)
		qsort(list, s->nname, sizeof(*list), by_name_and_index);
	for (size_t i = 0; i < s->nname; i++) {
		if (i + 1 < s->nname && !by_name(&list[i], &list[i + 1]))
			s->state[list[i].index] = DROPPED;
		else
			list[kept++] = list[i];
	}
	s->nname = kept;
	return LP_OK;
}

/* The entry that is kept of the node @path, or UINT32_MAX. */
static uint32_t find(const struct sorting *s, const char *path)
{
	const struct name key = {.path = path, .kind = LP_ENTRY_NODE}, *hit;

	if (!s->nname)
		return UINT32_MAX;
	hit = bsearch(&key, s->name.p, s->nname, sizeof(key), by_name);
	return hit ? hit->index : UINT32_MAX;
}

/* The nearest parent of @path that the layer has, or UINT32_MAX. */
static uint32_t find_parent(const struct sorting *s, const char *path)
{
	char up[LP_PATH_MAX];
	uint32_t hit = UINT32_MAX;
	char *slash;

	if (!*path || strlen(path) >= sizeof(up))
		return hit;
	memcpy(up, path, strlen(path) + 1);
	while (hit == UINT32_MAX && *up) {
		slash = strrchr(up, '/');
		*(slash ? slash : up) = '\0';
		hit = find(s, up);
	}
	return hit;
}

static enum lp_code push(struct sorting *s, uint32_t i, struct lp_err *err)
{
	if (i == UINT32_MAX || s->state[i] != STAYS)
		return LP_OK;
	return lp_buf_add(&s->stack, &i, sizeof(i), SIZE_MAX, err);
}

static uint32_t pop(struct sorting *s)
{
	uint32_t i;

	s->stack.len -= sizeof(i);
	memcpy(&i, s->stack.p + s->stack.len, sizeof(i));
	return i;
}

/* Move entry @i behind what it needs: parents, then the target of a hard link. */
static enum lp_code move(struct sorting *s, uint32_t i, struct lp_err *err)
{
	if (push(s, i, err))
		return err->code;
	while (s->stack.len) {
		i = pop(s);
		if (s->state[i] == VISITED) {
			s->state[i] = MOVED;
			if (lp_buf_add(&s->order->index, &i, sizeof(i), SIZE_MAX, err))
				return err->code;
			s->order->count++;
		}
		if (s->state[i] != STAYS)
			continue;
		/* Back on the stack, below what it needs; a cycle of links ends at VISITED. */
		if (push(s, i, err))
			return err->code;
		s->state[i] = VISITED;
		look_at(s, i);
		if (s->e.kind == LP_ENTRY_HARDLINK && push(s, find(s, s->e.link), err))
			return err->code;
		if (push(s, find_parent(s, s->e.path), err))
			return err->code;
	}
	return LP_OK;
}

enum lp_code lp_order_make(struct lp_order *o, const struct lp_spool *in,
			   const char *const *prefetch, size_t n, struct lp_err *err)
{
	LP_AUTO(sorting_free) struct sorting s = {.in = in, .order = o};

	*o = (struct lp_order){0};
	s.state = calloc(in->count + 1, 1);
	if (!s.state)
		return lp_fail_errno(err, "calloc");
	if (list_names(&s, err))
		return err->code;
	for (size_t i = 0; i < n; i++)
		if (move(&s, find(&s, prefetch[i]), err))
			return err->code;
	o->early = o->count;
	for (uint32_t i = 0; i < in->count; i++) {
		if (s.state[i] != STAYS)
			continue;
		if (lp_buf_add(&o->index, &i, sizeof(i), SIZE_MAX, err))
			return err->code;
		o->count++;
	}
	return LP_OK;
}

size_t lp_order_at(const struct lp_order *o, size_t i)
{
	uint32_t v;

	memcpy(&v, o->index.p + i * sizeof(v), sizeof(v));
	return v;
}

void lp_order_free(struct lp_order *o)
{
	lp_buf_free(&o->index);
	*o = (struct lp_order){0};
}
