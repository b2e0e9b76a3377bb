// SPDX-License-Identifier: MIT
#include "image/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RULE_LINE "image.list.line"
#define RUNS_MAX (sizeof(struct lp_run) << 20) /* bytes, ours: a million runs */

/* One line: a path, and the part of the file that is meant. */
struct line {
	char path[LP_PATH_MAX];
	uint64_t off, bytes;	/* bytes UINT64_MAX: to the end */
};

/* Goes through the lines of a copy of the text. */
struct lines {
	struct lp_buf copy;
	char *next;
	size_t number;
};

static void lines_free(struct lines *l)
{
	lp_buf_free(&l->copy);
}

static enum lp_code lines_open(struct lines *l, const char *text, size_t bytes,
			       struct lp_err *err)
{
	if (lp_buf_add(&l->copy, text, bytes, LP_LIST_MAX, err) ||
	    lp_buf_add(&l->copy, "", 1, LP_LIST_MAX + 1, err))
		return err->code;
	l->next = (char *)l->copy.p;
	return LP_OK;
}

static enum lp_code parse_number(const char *text, uint64_t *out, struct lp_err *err)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *text == '+')
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_LINE,
			       "\"%.40s\" is not a number", text);
	return LP_OK;
}

/* @text: one line, cut into its fields here. */
static enum lp_code parse_line(char *text, struct line *l, struct lp_err *err)
{
	char *off = strchr(text, '\t'), *bytes = NULL;

	l->off = 0;
	l->bytes = UINT64_MAX;
	if (off) {
		*off++ = '\0';
		bytes = strchr(off, '\t');
		if (!bytes)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_LINE,
				       "\"%.60s\" has an offset and no length", text);
		*bytes++ = '\0';
		if (parse_number(off, &l->off, err) || parse_number(bytes, &l->bytes, err))
			return err->code;
	}
	return lp_path_clean(text, l->path, err);
}

/* The next line that says something; *more false at the end. */
static enum lp_code lines_next(struct lines *l, struct line *out, bool *more, struct lp_err *err)
{
	char *text;

	do {
		text = strsep(&l->next, "\n");
		l->number++;
	} while (text && (!*text || *text == '#'));
	*more = text;
	if (text && parse_line(text, out, err))
		return lp_within(err, "prefetch list, line %zu", l->number);
	return LP_OK;
}

static enum lp_code add_runs(const struct lp_local *local, const struct line *l,
			     struct lp_buf *run, size_t *missed, struct lp_err *err)
{
	struct lp_erofs_inode inode;
	struct lp_err missing;
	uint64_t end;

	if (lp_erofs_path(&local->tree, l->path, &inode, &missing) || !S_ISREG(inode.mode)) {
		(*missed)++;
		return LP_OK;
	}
	end = l->off < inode.size && l->bytes < inode.size - l->off ? l->off + l->bytes : inode.size;
	for (uint64_t at = l->off; at < end;) {
		struct lp_extent x;
		struct lp_run r;

		if (lp_erofs_extent(&local->tree, &inode, at, &x, err))
			return err->code;
		r = (struct lp_run){.device = x.device - 1,
				    .off = x.device_off + (at - x.off),
				    .bytes = x.bytes - (at - x.off)};
		if (r.bytes > end - at)
			r.bytes = end - at;
		if (x.device && x.device <= local->nlayer &&
		    lp_buf_add(run, &r, sizeof(r), RUNS_MAX, err))
			return err->code;
		at += r.bytes;
	}
	return LP_OK;
}

enum lp_code lp_list_resolve(const struct lp_local *l, const char *text, size_t bytes,
			     struct lp_list *out, struct lp_err *err)
{
	LP_AUTO(lines_free) struct lines lines = {.number = 0};
	LP_AUTO(lp_buf_free) struct lp_buf run = {0};
	struct line line;
	size_t missed = 0;
	bool more;

	if (lines_open(&lines, text, bytes, err) || lines_next(&lines, &line, &more, err))
		return err->code;
	while (more)
		if (add_runs(l, &line, &run, &missed, err) || lines_next(&lines, &line, &more, err))
			return err->code;
	*out = (struct lp_list){.run = (void *)run.p, .n = run.len / sizeof(struct lp_run),
				.missed = missed};
	run = (struct lp_buf){0};
	return LP_OK;
}

void lp_list_free(struct lp_list *l)
{
	free(l->run);
	*l = (struct lp_list){.n = 0};
}

/* Point at the texts that stand in @p->text, one behind the other. */
static enum lp_code index_paths(struct lp_list_paths *p, size_t n, struct lp_err *err)
{
	const char *at = (const char *)p->text.p;

	p->path = calloc(n + 1, sizeof(*p->path));
	if (!p->path)
		return lp_fail_errno(err, "%zu paths", n);
	for (p->n = 0; p->n < n; p->n++) {
		p->path[p->n] = at;
		at += strlen(at) + 1;
	}
	return LP_OK;
}

enum lp_code lp_list_paths(const char *text, size_t bytes, struct lp_list_paths *out,
			   struct lp_err *err)
{
	LP_AUTO(lines_free) struct lines lines = {.number = 0};
	struct line line;
	size_t n = 0;
	bool more;

	*out = (struct lp_list_paths){.n = 0};
	if (lines_open(&lines, text, bytes, err) || lines_next(&lines, &line, &more, err))
		return err->code;
	for (; more; n++)
		if (lp_buf_add(&out->text, line.path, strlen(line.path) + 1, 2 * LP_LIST_MAX, err) ||
		    lines_next(&lines, &line, &more, err)) {
			lp_list_paths_free(out);
			return err->code;
		}
	return index_paths(out, n, err);
}

void lp_list_paths_free(struct lp_list_paths *p)
{
	free(p->path);
	lp_buf_free(&p->text);
	*p = (struct lp_list_paths){.n = 0};
}
