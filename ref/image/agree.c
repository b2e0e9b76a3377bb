// SPDX-License-Identifier: MIT
#include "image/agree.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE "estargz.toc.tar"
#define PATH "{\"p\":\""
#define TIME "\"mt\":"
#define SECOND 1000000000

/* One line of a canonical text, and what is left of the text. */
struct lines {
	const char *p, *end;		/* what is left */
	const char *line;		/* NULL: none is left */
	size_t n;			/* of line, without its newline */
};

static bool names(const struct lines *l, const char *path)
{
	size_t n = strlen(path);

	return l->n > strlen(PATH) + n && !memcmp(l->line, PATH, strlen(PATH)) &&
	       !memcmp(l->line + strlen(PATH), path, n) && l->line[strlen(PATH) + n] == '"';
}

/* The next line that counts. */
static void next(struct lines *l)
{
	do {
		const char *newline = l->p < l->end ? memchr(l->p, '\n', (size_t)(l->end - l->p))
						    : NULL;

		l->line = newline ? l->p : NULL;
		if (!newline)
			return;
		l->n = (size_t)(newline - l->p);
		l->p = newline + 1;
	} while (names(l, "") || names(l, "stargz.index.json") || names(l, ".prefetch.landmark") ||
		 names(l, ".no.prefetch.landmark"));
}

/* Where the time's digits are in @l: [*from, *to); both l->n where it has none. */
static int64_t time_of(const struct lines *l, size_t *from, size_t *to)
{
	const char *at = memmem(l->line, l->n, TIME, strlen(TIME));
	char *end;
	int64_t t;

	*from = *to = l->n;
	if (!at)
		return 0;
	at += strlen(TIME);
	t = strtoll(at, &end, 10); /* a line ends with "}\n" */
	*from = (size_t)(at - l->line);
	*to = (size_t)(end - l->line);
	return t;
}

static bool same(const struct lines *a, const struct lines *b)
{
	size_t a_from, a_to, b_from, b_to;
	int64_t x = time_of(a, &a_from, &a_to), y = time_of(b, &b_from, &b_to);

	return a_from == b_from && !memcmp(a->line, b->line, a_from) && a->n - a_to == b->n - b_to &&
	       !memcmp(a->line + a_to, b->line + b_to, a->n - a_to) &&
	       (x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x) < SECOND;
}

/* How much of a line a message shows. */
static int shown(const struct lines *l)
{
	return l->n < 160 ? (int)l->n : 160;
}

enum lp_code lp_agree_text(const char *a, size_t a_bytes, const char *b, size_t b_bytes,
			   struct lp_err *err)
{
	struct lines x = {.p = a, .end = a + a_bytes}, y = {.p = b, .end = b + b_bytes};

	next(&x);
	next(&y);
	for (; x.line && y.line && same(&x, &y); next(&y))
		next(&x);
	if (!x.line && !y.line)
		return LP_OK;
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE, "by the TOC %.*s, by the tar %.*s",
		       x.line ? shown(&x) : 7, x.line ? x.line : "nothing",
		       y.line ? shown(&y) : 7, y.line ? y.line : "nothing");
}

/* The canonical text of @f in an unnamed file below @dir, mapped. */
static enum lp_code text_of(struct lp_filler *f, int dir, struct lp_map *m, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = openat(dir, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	struct lp_fd_writer out;

	if (fd < 0)
		return lp_fail_errno(err, "create a temporary file");
	lp_fd_writer_open(&out, fd);
	if (lp_filler_tree(f, true, &out.writer, err) || lp_map_fd(m, fd, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_agree(struct lp_filler *lazy, struct lp_filler *plain, int dir,
		      struct lp_err *err)
{
	LP_AUTO(lp_map_free) struct lp_map a = {.bytes = 0};
	LP_AUTO(lp_map_free) struct lp_map b = {.bytes = 0};

	if (text_of(lazy, dir, &a, err) || text_of(plain, dir, &b, err))
		return err->code;
	return lp_agree_text((const char *)a.p, a.bytes, (const char *)b.p, b.bytes, err);
}
