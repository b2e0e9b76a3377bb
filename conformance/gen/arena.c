// SPDX-License-Identifier: MIT
#include "gen/arena.h"

#include <stdlib.h>
#include <string.h>

#define SLAB ((size_t)64 << 10)
#define ALIGN 16

struct gen_slab {
	struct gen_slab *next;
	size_t n;
	_Alignas(ALIGN) uint8_t p[];
};

void *gen_arena_get(struct gen_arena *a, size_t n)
{
	struct gen_slab *s;
	size_t room;

	if (n > a->max || a->used > a->max - n)
		return NULL;
	n = (n + ALIGN) & ~(size_t)(ALIGN - 1); /* never 0 */
	if (n > a->left) {
		room = n > SLAB / 2 ? n : SLAB;
		s = calloc(1, sizeof(*s) + room);
		if (!s)
			return NULL;
		s->n = room;
		if (a->slab && room != SLAB) { /* the newest goes on being filled */
			s->next = a->slab->next;
			a->slab->next = s;
			a->used += n;
			return s->p;
		}
		s->next = a->slab;
		a->slab = s;
		a->left = room;
	}
	a->left -= n;
	a->used += n;
	return a->slab->p + (a->slab->n - a->left - n);
}

char *gen_arena_copy(struct gen_arena *a, const void *p, size_t n)
{
	char *to = gen_arena_get(a, n + 1);

	if (to && n)
		memcpy(to, p, n);
	return to;
}

void *gen_arena_grow(struct gen_arena *a, void *p, size_t n, size_t each)
{
	void *to;

	if (n & (n - 1) || n == 1) /* room is a power of two, at least 2 */
		return p;
	to = gen_arena_get(a, (n ? 2 * n : 2) * each);
	if (to && n)
		memcpy(to, p, n * each);
	return to;
}

void gen_arena_free(struct gen_arena *a)
{
	for (struct gen_slab *s = a->slab, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	*a = (struct gen_arena){.max = a->max};
}

uint8_t *gen_out_room(struct gen_arena *a, struct gen_out *o, size_t n)
{
	size_t room = o->room * 2 > 64 ? o->room * 2 : 64;
	uint8_t *p;

	if (n > o->room - o->n || !o->p) {
		if (n > a->max)
			return NULL;
		room = room > o->n + n ? room : o->n + n;
		p = gen_arena_get(a, room);
		if (!p)
			return NULL;
		if (o->n)
			memcpy(p, o->p, o->n);
		o->p = p;
		o->room = room;
	}
	o->n += n;
	return o->p + o->n - n;
}
