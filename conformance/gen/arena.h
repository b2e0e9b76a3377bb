/* SPDX-License-Identifier: MIT */
/*
 * arena - memory that is freed together, and a run of bytes that grows in it.
 *
 * {.max = N} is an empty one that gives N bytes at most.
 */
#ifndef GEN_ARENA_H
#define GEN_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct gen_arena {
	struct gen_slab *slab;	/* the newest */
	size_t left;		/* bytes of it */
	size_t used, max;	/* bytes of all */
};

struct gen_out {
	uint8_t *p;
	size_t n, room;
};

/* gen_arena_get - @n bytes of zeros, aligned for anything; NULL: no memory, or more than max. */
void *gen_arena_get(struct gen_arena *a, size_t n);

/* gen_arena_copy - @n bytes with a NUL behind them; NULL as above. */
char *gen_arena_copy(struct gen_arena *a, const void *p, size_t n);

/* gen_arena_grow - @p with room for @n + 1 of @each bytes where it had @n; NULL as above. */
void *gen_arena_grow(struct gen_arena *a, void *p, size_t n, size_t each);

void gen_arena_free(struct gen_arena *a);

/* gen_out_room - room for @n bytes more; returns where, or NULL as above. */
uint8_t *gen_out_room(struct gen_arena *a, struct gen_out *o, size_t n);

#endif
