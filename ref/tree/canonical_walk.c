// SPDX-License-Identifier: MIT
#include "tree/canonical_walk.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)1 << 16)	/* ours: of lines, written at once */
#define FIRST_SLOTS 256u

struct event {
	uint64_t id;
	uint32_t name;		/* in the walk's names */
	uint16_t bytes;
	bool directory;
	bool below;		/* at NAME/: go into it */
};

struct frame {
	uint64_t handle;
	uint32_t next, end;	/* events */
	uint32_t name;		/* length of the names before it */
	uint32_t event;		/* number of events before it */
	uint32_t path;		/* bytes of its path */
};

struct link {
	uint64_t device, inode;
	uint32_t path;
};

static void free_walk(struct lp_canonical_walk *w)
{
	lp_buf_free(&w->text);
	lp_buf_free(&w->frame);
	lp_buf_free(&w->event);
	lp_buf_free(&w->name);
	lp_buf_free(&w->link);
	lp_buf_free(&w->slot);
	lp_buf_free(&w->path);
	lp_canonical_line_free(&w->line);
}

static struct frame *top(const struct lp_canonical_walk *w)
{
	return (struct frame *)(void *)(w->frame.p + w->frame.len) - 1;
}

static uint32_t nevent(const struct lp_canonical_walk *w)
{
	return (uint32_t)(w->event.len / sizeof(struct event));
}

enum lp_code lp_canonical_name(struct lp_canonical_walk *w, const char *name, size_t bytes,
			       uint64_t id, bool directory, struct lp_err *err)
{
	struct event e = {
		.id = id,
		.name = (uint32_t)w->name.len,
		.bytes = (uint16_t)bytes,
		.directory = directory,
	};

	if (bytes > LP_NAME_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.name",
			       "the name %.60s... has %zu bytes", name, bytes);
	if (nevent(w) >= 2 * LP_ENTRIES_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.entries",
			       "more than %u entries", LP_ENTRIES_MAX);
	if (lp_buf_add(&w->name, name, bytes, LP_CANONICAL_LINE_MAX * 8, err) ||
	    lp_buf_add(&w->name, "/", 2, LP_CANONICAL_LINE_MAX * 8, err) ||
	    lp_buf_add(&w->event, &e, sizeof(e), SIZE_MAX, err))
		return err->code;
	e.below = true;
	return directory ? lp_buf_add(&w->event, &e, sizeof(e), SIZE_MAX, err) : LP_OK;
}

static int compare(const void *a, const void *b, void *names)
{
	const struct event *x = a, *y = b;
	size_t n = x->bytes + x->below, m = y->bytes + y->below;
	int c = memcmp((const char *)names + x->name, (const char *)names + y->name, n < m ? n : m);

	return c ? c : (n > m) - (n < m);
}

/* Open the frame of @handle, which is the walk's from now on. */
static enum lp_code push(struct lp_canonical_walk *w, struct lp_canonical_source *s,
			 uint64_t handle, uint32_t path, struct lp_err *err)
{
	struct frame f = {
		.handle = handle,
		.next = nevent(w),
		.name = (uint32_t)w->name.len,
		.event = nevent(w),
		.path = path,
	};

	if (lp_buf_add(&w->frame, &f, sizeof(f), SIZE_MAX, err)) {
		s->leave(s, handle);
		return err->code;
	}
	if (s->list(s, handle, w, err))
		return err->code;
	top(w)->end = nevent(w);
	if (nevent(w) > f.next)
		qsort_r((struct event *)(void *)w->event.p + f.next, nevent(w) - f.next,
			sizeof(struct event), compare, w->name.p);
	return LP_OK;
}

static void pop(struct lp_canonical_walk *w, struct lp_canonical_source *s)
{
	s->leave(s, top(w)->handle);
	w->name.len = top(w)->name;
	w->event.len = top(w)->event * sizeof(struct event);
	w->frame.len -= sizeof(struct frame);
}

static enum lp_code flush(struct lp_canonical_walk *w, size_t least, struct lp_err *err)
{
	if (w->text.len < least || !w->text.len)
		return LP_OK;
	if (lp_write(w->out, w->text.p, w->text.len, err))
		return err->code;
	w->text.len = 0;
	return LP_OK;
}

static enum lp_code print(struct lp_canonical_walk *w, struct lp_canonical_source *s,
			  const char *name, uint64_t id, struct lp_err *err)
{
	lp_canonical_line_reset(&w->line);
	w->line.e.path = w->at;
	if (s->describe(s, top(w)->handle, name, id, w, err) ||
	    lp_canonical_line_print(&w->line, &w->text, err))
		return lp_within(err, "%.100s", w->at);
	return flush(w, BUFFER_BYTES, err);
}

/* One event of the innermost directory. */
static enum lp_code step(struct lp_canonical_walk *w, struct lp_canonical_source *s,
			 struct lp_err *err)
{
	struct frame *f = top(w);
	struct event e = ((struct event *)(void *)w->event.p)[f->next++];
	uint32_t at = f->path;
	char name[LP_NAME_MAX + 1];
	uint64_t child = 0;

	if (e.bytes + 2u > LP_PATH_MAX - at)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, "tree.limit.path",
			       "a path of more than %d bytes", LP_PATH_MAX);
	memcpy(name, w->name.p + e.name, e.bytes);
	name[e.bytes] = '\0';
	if (at)
		w->at[at++] = '/';
	memcpy(w->at + at, name, e.bytes + 1u);
	if (!e.below)
		return print(w, s, name, e.id, err);
	if (s->enter(s, f->handle, name, e.id, &child, err))
		return lp_within(err, "%.100s", w->at);
	return push(w, s, child, at + e.bytes, err);
}

enum lp_code lp_canonical_walk(struct lp_canonical_source *s, uint64_t root,
			       struct lp_writer *out, struct lp_err *err)
{
	LP_AUTO(free_walk) struct lp_canonical_walk w = {.out = out};
	enum lp_code code;

	lp_siphash_key(&w.key);
	code = push(&w, s, root, 0, err);
	if (!code)
		code = print(&w, s, "", 0, err);
	while (!code && w.frame.len) {
		if (top(&w)->next < top(&w)->end)
			code = step(&w, s, err);
		else
			pop(&w, s);
	}
	while (w.frame.len)
		pop(&w, s);
	return code ? code : flush(&w, 1, err);
}

static struct link *link_at(const struct lp_canonical_walk *w, uint32_t i)
{
	return (struct link *)(void *)w->link.p + i;
}

static size_t first_slot(const struct lp_canonical_walk *w, uint64_t device, uint64_t inode)
{
	return lp_siphash(&w->key, device, &inode, sizeof(inode)) &
	       (w->slot.len / sizeof(uint32_t) - 1);
}

/* The slot of (@device, @inode), or the empty one where it would go. */
static uint32_t *find_link(const struct lp_canonical_walk *w, uint64_t device, uint64_t inode)
{
	uint32_t *slot = (uint32_t *)(void *)w->slot.p;
	size_t mask = w->slot.len / sizeof(uint32_t) - 1, i = first_slot(w, device, inode);

	while (slot[i] && (link_at(w, slot[i] - 1)->inode != inode ||
			   link_at(w, slot[i] - 1)->device != device))
		i = (i + 1) & mask;
	return &slot[i];
}

static enum lp_code grow(struct lp_canonical_walk *w, struct lp_err *err)
{
	size_t n = w->link.len / sizeof(struct link), bytes = w->slot.len ? 2 * w->slot.len :
							      FIRST_SLOTS * sizeof(uint32_t);

	if (2 * n < w->slot.len / sizeof(uint32_t))
		return LP_OK;
	w->slot.len = 0;
	if (lp_buf_reserve(&w->slot, bytes, SIZE_MAX, err))
		return err->code;
	memset(w->slot.p, 0, bytes);
	w->slot.len = bytes;
	for (uint32_t i = 0; i < n; i++)
		*find_link(w, link_at(w, i)->device, link_at(w, i)->inode) = i + 1;
	return LP_OK;
}

enum lp_code lp_canonical_first(struct lp_canonical_walk *w, uint64_t device, uint64_t inode,
				struct lp_err *err)
{
	struct link l = {.device = device, .inode = inode, .path = (uint32_t)w->path.len};
	uint32_t *slot;

	if (grow(w, err))
		return err->code;
	slot = find_link(w, device, inode);
	if (*slot) {
		w->line.first = (const char *)w->path.p + link_at(w, *slot - 1)->path;
		return LP_OK;
	}
	if (lp_buf_add(&w->link, &l, sizeof(l), SIZE_MAX, err) ||
	    lp_buf_add(&w->path, w->at, strlen(w->at) + 1, LP_CANONICAL_LINE_MAX * 8, err))
		return err->code;
	*slot = (uint32_t)(w->link.len / sizeof(l));
	return LP_OK;
}
