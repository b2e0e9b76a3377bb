// SPDX-License-Identifier: MIT
#include "run/slots.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES 32768	/* ours: a batch lies in the pipe as a whole */

static enum lp_code make_dir(const char *path, struct lp_err *err)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		return lp_fail_errno(err, "mkdir %s", path);
	return LP_OK;
}

static enum lp_code put(struct lc_slots *t, size_t slot, size_t input, struct lp_err *err)
{
	const struct gen_input *in = &t->v->input[input];
	int *fd = &t->fd[slot * t->v->ninput + input];
	char path[PATH_MAX + 300];

	snprintf(path, sizeof(path), "%s/%zu/in/%s", t->dir, slot, in->role);
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (*fd < 0)
		return lp_fail_errno(err, "create %s", path);
	return lp_file_write(*fd, in->p, in->n, err);
}

/* The files and the question of a slot.  Numbers of questions repeat: answers come in order. */
static enum lp_code make(struct lc_slots *t, size_t slot, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf line = {0};
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%zu", t->dir, slot);
	if (make_dir(path, err) ||
	    lc_question_line(t->v, path, slot + 1, &line, err))
		return err->code;
	t->line[slot] = strndup((const char *)line.p, line.len);
	if (!t->line[slot])
		return lp_fail_errno(err, "a question");
	snprintf(path, sizeof(path), "%s/%zu/in", t->dir, slot);
	if (make_dir(path, err))
		return err->code;
	for (size_t i = 0; i < t->v->ninput; i++)
		if (put(t, slot, i, err))
			return err->code;
	return LP_OK;
}

enum lp_code lc_slots_make(struct lc_slots *t, struct lc_session *s, const struct gen_vector *v,
			   struct lp_err *err)
{
	size_t files = LC_SLOTS * v->ninput, len;

	*t = (struct lc_slots){.s = s, .v = v};
	snprintf(t->dir, sizeof(t->dir), "%s/slots", s->cell.dir);
	t->fd = calloc(files + 1, sizeof(*t->fd));
	if (!t->fd)
		return lp_fail_errno(err, "%zu files", files);
	for (size_t i = 0; i < files; i++)
		t->fd[i] = -1;
	if (make_dir(t->dir, err))
		return err->code;
	do {
		if (make(t, t->n, err))
			return err->code;
		len = strlen(t->line[t->n++]) + 2; /* seq gets longer */
	} while (t->n < LC_SLOTS && (t->n + 1) * len <= PIPE_BYTES);
	return LP_OK;
}

void lc_slots_free(struct lc_slots *t)
{
	struct lc_box all;
	struct lp_err err;

	for (size_t i = 0; t->fd && i < LC_SLOTS * t->v->ninput; i++)
		lp_fd_close(&t->fd[i]);
	for (size_t i = 0; i < LC_SLOTS; i++)
		free(t->line[i]);
	free(t->fd);
	snprintf(all.dir, sizeof(all.dir), "%.*s", PATH_MAX - 1, t->dir);
	if (*t->dir && lc_box_remove(&all, &err))
		fprintf(stderr, "lazyconf: %s\n", err.msg);
	*t = (struct lc_slots){0};
}

/* Change slot @slot, or undo that. */
static enum lp_code change(const struct lc_slots *t, const struct lc_change *c, size_t slot,
			   bool undo, struct lp_err *err)
{
	const struct gen_input *in = &t->v->input[c->input];
	int fd = t->fd[slot * t->v->ninput + c->input];
	uint64_t at = c->cut ? c->at : c->at / 8;
	uint8_t byte = in->p[at] ^ (undo ? 0 : 1u << (c->at % 8));
	size_t n = undo && c->cut ? in->n - at : 1;

	if (c->cut && !undo ? ftruncate(fd, (off_t)at) != 0
			    : pwrite(fd, c->cut ? &in->p[at] : &byte, n, (off_t)at) != (ssize_t)n)
		return lp_fail_errno(err, "change an input");
	return LP_OK;
}

/* Take the whole lines that were said for questions from @i on; how many. */
static size_t take(struct lc_slots *t, size_t i, size_t n, struct lc_seen *seen)
{
	struct lp_buf *said = &t->s->p.said;
	size_t from = 0, took = 0;
	char cwd[PATH_MAX + 8];
	struct lp_err err;
	uint8_t *end;

	snprintf(cwd, sizeof(cwd), "%s/cwd", t->s->home.dir);
	while (i + took < n && (end = memchr(said->p + from, '\n', said->len - from))) {
		struct lc_seen *out = &seen[i + took++];
		size_t len = (size_t)(end - said->p) + 1 - from;

		if (lc_answer_parse(said->p + from, len, i + took, cwd, &out->answer, &err)) {
			out->trouble = LC_HARNESS;
			snprintf(out->why, sizeof(out->why), "%.190s", err.msg);
		}
		from += len;
	}
	memmove(said->p, said->p + from, said->len - from);
	said->len -= from;
	return took;
}

/* Ask the questions [@from, @n); @done: how many have got an answer, or died. */
static enum lp_code ask_some(struct lc_slots *t, size_t from, size_t n, struct lc_seen *seen,
			     size_t *done, struct lp_err *err)
{
	uint64_t deadline = lp_now_ns() + t->s->wall_ns;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	enum lc_event event = LC_LINE;

	for (size_t i = from; i < n; i++)
		if (lp_buf_add(&text, t->line[i], strlen(t->line[i]), SIZE_MAX, err))
			return err->code;
	if (lc_session_serve(t->s, err))
		return err->code;
	for (*done = from; *done < n && event == LC_LINE;) {
		if (lc_process_listen(&t->s->p, (const char *)text.p, text.len, true, deadline,
				      &event, err))
			return err->code;
		text.len = 0;
		if (t->s->p.said.len)
			*done += take(t, *done, n, seen);
	}
	if (*done < n)
		lc_session_bury(t->s, event, &seen[(*done)++]);
	return LP_OK;
}

enum lp_code lc_slots_ask(struct lc_slots *t, const struct lc_change *c, size_t n,
			  struct lc_seen *seen, struct lp_err *err)
{
	size_t done = 0;

	memset(seen, 0, n * sizeof(*seen));
	for (size_t i = 0; c && i < n; i++)
		if (change(t, &c[i], i, false, err))
			return err->code;
	while (done < n)
		if (ask_some(t, done, n, seen, &done, err))
			return err->code;
	for (size_t i = 0; c && i < n; i++)
		if (change(t, &c[i], i, true, err))
			return err->code;
	return LP_OK;
}
