/* SPDX-License-Identifier: MIT */
/*
 * edit - for fuzz targets: an input that says how to change bytes which were right.
 *
 *	u16 offset | u8 length | bytes		one behind the other; the last may be short
 *
 * Length 0 cuts there.  What is put behind the end makes it longer, in whole steps.
 */
#ifndef LP_EDIT_H
#define LP_EDIT_H

#include "base/cursor.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>

#define EDIT_MAX ((size_t)1 << 17)	/* bytes */

static inline void edit_must(bool ok)
{
	if (!ok)
		abort();
}

/* The file at @path; once, into a static @b. */
static inline void edit_load(const char *path, struct lp_buf *b)
{
	struct lp_err err;

	edit_must(b->len || !lp_file_load(AT_FDCWD, path, EDIT_MAX, b, &err));
}

static inline void edit_grow(struct lp_buf *b, size_t bytes)
{
	struct lp_err err;

	edit_must(!lp_buf_reserve(b, bytes - b->len, EDIT_MAX, &err));
	memset(b->p + b->len, 0, bytes - b->len);
	b->len = bytes;
}

/* Apply the edits at @c to @b, which gets longer by multiples of @step. */
static inline void edit_apply(struct lp_buf *b, size_t step, struct lp_cursor c)
{
	while (c.left && !c.bad) {
		size_t at = lp_le16(&c), n = lp_u8(&c);
		const uint8_t *p;

		if (c.bad)
			return;
		if (!n)
			b->len = at < b->len ? at : b->len;
		n = n < c.left ? n : c.left;
		p = lp_take(&c, n);
		if (!n)
			continue;
		if (at + n > b->len)
			edit_grow(b, (at + n + step - 1) / step * step);
		memcpy(b->p + at, p, n);
	}
}

/* @golden with the edits at @c. */
static inline void edit_copy(const struct lp_buf *golden, size_t step, struct lp_cursor c,
			     struct lp_buf *out)
{
	struct lp_err err;

	edit_must(!lp_buf_add(out, golden->p, golden->len, EDIT_MAX, &err));
	edit_apply(out, step, c);
}

/* A copy of @n bytes without room behind them, so that sanitizers see who reads on; free() it. */
static inline uint8_t *edit_exact(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	edit_must(copy);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

#endif
