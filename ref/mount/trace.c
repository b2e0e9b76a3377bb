// SPDX-License-Identifier: MIT
#include "mount/trace.h"

#include "mount/paths.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX ((size_t)256 << 20)	/* ours: of the names and of the list */
#define LINE_MAX_BYTES (LP_PATH_MAX + 48)

/* What was read of one file: its touches are [first, end) of the sorted ones. */
struct file {
	uint64_t at;
	size_t first, end;
	size_t path;		/* which one */
};

enum lp_code lp_trace_open(struct lp_trace *t, struct lp_err *err)
{
	*t = (struct lp_trace){0};
	errno = pthread_mutex_init(&t->lock, NULL);
	if (errno)
		return lp_fail_errno(err, "a lock");
	t->open = true;
	return LP_OK;
}

void lp_trace_free(struct lp_trace *t)
{
	lp_buf_free(&t->touch);
	if (t->open)
		pthread_mutex_destroy(&t->lock);
	t->open = false;
}

static struct lp_touch *touches(struct lp_buf *b)
{
	return (struct lp_touch *)(void *)b->p;
}

void lp_trace_add(struct lp_trace *t, uint64_t nid, uint64_t off, uint64_t bytes)
{
	struct lp_err dropped = {0};
	struct lp_touch *last, one = {nid, off, bytes, 0};
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = t->touch.len / sizeof(one);
	last = n ? touches(&t->touch) + n - 1 : NULL;
	one.at = n;
	if (last && last->nid == nid && last->off + last->bytes == off)
		last->bytes += bytes;
	else if (lp_buf_add(&t->touch, &one, sizeof(one), LP_TRACE_MAX, &dropped))
		t->touch.len = n * sizeof(one);
	pthread_mutex_unlock(&t->lock);
}

static int by_place(const void *x, const void *y)
{
	const struct lp_touch *a = x, *b = y;

	if (a->nid != b->nid)
		return a->nid < b->nid ? -1 : 1;
	return a->off < b->off ? -1 : a->off > b->off;
}

static int by_time(const void *x, const void *y)
{
	const struct file *a = x, *b = y;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* Group sorted touches by file; @out and @path have room for as many files as touches. */
static size_t group(const struct lp_touch *t, size_t n, struct file *out, struct lp_path *path)
{
	size_t files = 0;

	for (size_t i = 0; i < n; i++) {
		struct file *f;

		if (!files || path[files - 1].nid != t[i].nid) {
			path[files] = (struct lp_path){.nid = t[i].nid};
			out[files] = (struct file){.at = t[i].at, .first = i, .path = files};
			files++;
		}
		f = &out[files - 1];
		f->at = t[i].at < f->at ? t[i].at : f->at;
		f->end = i + 1;
	}
	return files;
}

static enum lp_code put_line(struct lp_buf *out, const char *path, uint64_t size,
			     const uint64_t range[2], struct lp_err *err)
{
	char line[LINE_MAX_BYTES];
	int n;

	if (!range[0] && range[1] >= size)
		n = snprintf(line, sizeof(line), "%s\n", path);
	else
		n = snprintf(line, sizeof(line), "%s\t%" PRIu64 "\t%" PRIu64 "\n", path, range[0],
			     range[1] - range[0]);
	return lp_buf_add(out, line, (size_t)n, TEXT_MAX, err);
}

/* The joined ranges of one file of @size bytes; none where its name cannot be written. */
static enum lp_code put_file(struct lp_buf *out, const char *path, uint64_t size,
			     const struct file *f, const struct lp_touch *t, struct lp_err *err)
{
	if (!path || path[strcspn(path, "\t\n")])
		return LP_OK;
	for (size_t i = f->first; i < f->end;) {
		uint64_t range[2] = {t[i].off, t[i].off + t[i].bytes};

		for (i++; i < f->end && t[i].off <= range[1]; i++)
			if (t[i].off + t[i].bytes > range[1])
				range[1] = t[i].off + t[i].bytes;
		if (put_line(out, path, size, range, err))
			return err->code;
	}
	return LP_OK;
}

static size_t count_lines(const struct lp_buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->p[i] == '\n';
	return n;
}

enum lp_code lp_trace_write(struct lp_trace *t, const struct lp_erofs *tree, int fd, size_t *lines,
			    struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf files = {0};
	LP_AUTO(lp_buf_free) struct lp_buf paths = {0};
	LP_AUTO(lp_buf_free) struct lp_buf names = {0};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_touch *touch = touches(&t->touch);
	size_t n = t->touch.len / sizeof(*touch);
	struct lp_path *path;
	struct file *file;

	*lines = 0;
	if (!n)
		return LP_OK;
	qsort(touch, n, sizeof(*touch), by_place);
	if (lp_buf_reserve(&files, n * sizeof(*file), n * sizeof(*file), err) ||
	    lp_buf_reserve(&paths, n * sizeof(*path), n * sizeof(*path), err))
		return err->code;
	file = (struct file *)(void *)files.p;
	path = (struct lp_path *)(void *)paths.p;
	n = group(touch, n, file, path);
	if (lp_paths_find(tree, path, n, &names, err))
		return err->code;
	qsort(file, n, sizeof(*file), by_time);
	for (size_t i = 0; i < n; i++) {
		const struct lp_path *p = &path[file[i].path];

		if (put_file(&text, lp_path_name(p, &names), p->size, &file[i], touch, err))
			return err->code;
	}
	*lines = count_lines(&text);
	return lp_file_write(fd, text.p, text.len, err);
}
