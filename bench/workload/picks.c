// SPDX-License-Identifier: MIT
/* picks - random reads: the part of walk.h that has a list before its clock runs. */
#include "measure/schedule.h"
#include "workload/walk.h"

#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_MAX ((size_t)64 << 20)	/* ours: a million files */

struct file {
	const char *path;	/* into the list's text */
	uint64_t bytes;
	uint64_t end;		/* blocks of all files up to this one */
};

struct files {
	struct lp_buf text;
	struct file *v;
	size_t n;
};

static void free_files(struct files *f)
{
	free(f->v);
	lp_buf_free(&f->text);
}

static size_t count_lines(const struct lp_buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->p[i] == '\n';
	return n;
}

static enum lp_code parse(struct files *f, struct lp_err *err)
{
	char *p = (char *)f->text.p;
	uint64_t end = 0;
	size_t n = count_lines(&f->text);

	f->v = calloc(n + 1, sizeof(*f->v));
	if (!f->v)
		return lp_fail_errno(err, "a list");
	while (f->n < n) {
		struct file *to = &f->v[f->n++];
		char *rest, *line_end = strchr(p, '\n');

		*line_end = '\0';
		to->bytes = strtoull(p, &rest, 10);
		if (!to->bytes || *rest != ' ')
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL,
				       "line %zu is not \"BYTES PATH\"", f->n);
		end += (to->bytes + LB_WALK_BLOCK - 1) / LB_WALK_BLOCK;
		to->end = end;
		to->path = rest + 1;
		p = line_end + 1;
	}
	return n ? LP_OK : lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "nothing is in the list");
}

static enum lp_code load(struct files *f, const char *list, struct lp_err *err)
{
	if (lp_file_load(AT_FDCWD, list, LIST_MAX, &f->text, err) ||
	    lp_buf_add(&f->text, "", 1, LIST_MAX + 1, err) || parse(f, err))
		return lp_within(err, "%s", list);
	return LP_OK;
}

/* The file that has block number @block of all. */
static const struct file *find(const struct files *f, uint64_t block)
{
	size_t low = 0, high = f->n - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (f->v[middle].end > block)
			high = middle;
		else
			low = middle + 1;
	}
	return &f->v[low];
}

static enum lp_code read_block(struct lb_picks *p, int top, const struct file *f, uint64_t off,
			       struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	uint64_t left = f->bytes - off, begin_ns = lp_now_ns(), opened_ns;
	size_t want = left < LB_WALK_BLOCK ? (size_t)left : LB_WALK_BLOCK;
	char block[LB_WALK_BLOCK];
	ssize_t n;

	fd = openat(top, f->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return lp_fail_errno(err, "open %s", f->path);
	opened_ns = lp_now_ns();
	n = pread(fd, block, sizeof(block), (off_t)off);
	p->read_ns += lp_now_ns() - opened_ns;
	p->open_ns += opened_ns - begin_ns;
	if (n < 0)
		return lp_fail_errno(err, "read %s", f->path);
	p->bytes += (uint64_t)n;
	if ((size_t)n != want)
		return lp_fail(err, LP_ESHORT, LP_NO_OFFSET, NULL, "%s: %zd bytes, not %zu",
			       f->path, n, want);
	return LP_OK;
}

enum lp_code lb_walk_random(struct lb_picks *p, const char *top, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	LP_AUTO(free_files) struct files f = {.n = 0};
	uint64_t state = p->seed;

	if (fd < 0)
		return lp_fail_errno(err, "open %s", top);
	if (load(&f, p->list, err))
		return err->code;
	for (uint64_t i = 0; i < p->n; i++) {
		uint64_t block = lb_draw(&state) % f.v[f.n - 1].end;
		const struct file *at = find(&f, block);
		uint64_t first = at == f.v ? 0 : at[-1].end;

		if (read_block(p, fd, at, (block - first) * LB_WALK_BLOCK, err))
			return err->code;
	}
	return LP_OK;
}
