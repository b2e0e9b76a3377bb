// SPDX-License-Identifier: MIT
#include "experiment/watch.h"

#include "base/file.h"
#include "base/log.h"
#include "workload/probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)4 << 20)	/* bytes of stdout, ours: workloads say little */
#define EVENTS_MAX ((size_t)64 << 10)
#define GRACE_NS 10000000000u		/* for a server that was told to end */

const char *lb_event_word(enum lb_event e)
{
	static const char *const words[] = {
		"request", "resolved", "rootfs", "overlay", "bundle", "created", "started",
		"exited", "local",
	};

	return words[e];
}

/* What a watch needs while it runs. */
struct eye {
	struct lb_watch *w;
	const struct lb_task *task;
	struct lb_process *p;
	uint64_t deadline_ns;
	struct lp_buf events, page;	/* unread event lines; the body of the answer */
};

static void take_event(struct lb_watch *w, const char *line, size_t n)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	const char *what;
	struct lp_err err;
	uint64_t ns;

	if (lp_json_parse(line, n, NULL, &o, &err) ||
	    lp_json_string(o, "event", LP_JSON_REQUIRED, NULL, &what, &err) ||
	    lp_json_u64(o, "ns", LP_JSON_REQUIRED, NULL, &ns, &err))
		return;
	for (int e = 0; e < LB_EVENTS; e++)
		if (!strcmp(what, lb_event_word((enum lb_event)e)) && !w->event_ns[e])
			w->event_ns[e] = ns;
}

void lb_watch_events(struct lb_watch *w, struct lp_buf *text)
{
	size_t at = 0;

	while (at < text->len) {
		const char *line = (const char *)text->p + at;
		const char *end = memchr(line, '\n', text->len - at);

		if (!end)
			break;
		take_event(w, line, (size_t)(end - line));
		at += (size_t)(end - line) + 1;
	}
	if (at)
		memmove(text->p, text->p + at, text->len - at);
	text->len -= at;
}

/* All that is there now; false: the other end is closed. */
static bool drain(int fd, struct lp_buf *out, size_t max)
{
	char block[16384];
	struct lp_err err;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		if (lp_buf_add(out, block, (size_t)n, max, &err))
			return false;
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool line_has_come(const struct eye *e)
{
	const char *text = e->task->text;

	return e->w->output.len && memmem(e->w->output.p, e->w->output.len, text, strlen(text));
}

static void look_at_output(struct eye *e)
{
	size_t before = e->w->output.len;
	uint64_t now_ns = lp_now_ns();

	if (!drain(e->p->out, &e->w->output, OUTPUT_MAX))
		lp_fd_close(&e->p->out);
	if (e->w->output.len == before)
		return;
	if (!e->w->first_output_ns)
		e->w->first_output_ns = now_ns;
	if (e->task->ready == LB_READY_LINE && !e->w->ready_ns && line_has_come(e))
		e->w->ready_ns = now_ns;
}

static void look_at_events(struct eye *e)
{
	if (!drain(e->p->events, &e->events, EVENTS_MAX))
		lp_fd_close(&e->p->events);
	lb_watch_events(e->w, &e->events);
}

static void look_at_port(struct eye *e)
{
	if (!lb_probe(e->task->port, e->task->path, &e->page))
		return;
	e->w->ready_ns = lp_now_ns();
	e->w->told = true;
	e->deadline_ns = e->w->ready_ns + GRACE_NS;
	kill(e->p->pid, SIGTERM);
}

/* Wait for one thing to happen; true: the program has ended. */
static bool wait_once(struct eye *e)
{
	bool probing = e->task->ready == LB_READY_HTTP && !e->w->ready_ns;
	struct pollfd fds[] = {
		{e->p->pidfd, POLLIN, 0}, {e->p->out, POLLIN, 0}, {e->p->events, POLLIN, 0},
	};

	poll(fds, 3, probing ? LB_PROBE_MS : 100);
	if (fds[1].revents)
		look_at_output(e);
	if (fds[2].revents)
		look_at_events(e);
	if (probing && !fds[0].revents)
		look_at_port(e);
	return fds[0].revents;
}

static void watch(struct eye *e)
{
	while (!wait_once(e)) {
		if (lp_now_ns() < e->deadline_ns)
			continue;
		e->w->timed_out = true;
		kill(-e->p->pid, SIGKILL);
		break;
	}
	e->w->status = lb_process_end(e->p, &e->w->cost);
	e->w->exit_ns = lp_now_ns();
	/* Whatever it wrote before it ended is in the pipes now. */
	if (e->p->out >= 0)
		look_at_output(e);
	if (e->p->events >= 0)
		look_at_events(e);
	if (e->task->ready == LB_READY_EXIT && !e->w->timed_out)
		e->w->ready_ns = e->w->exit_ns;
	if (e->task->ready == LB_READY_HTTP)
		lp_buf_move(&e->w->output, &e->page);
}

enum lp_code lb_watch_task(struct lb_watch *w, const struct lb_task *t, const struct lb_args *a,
			   const char *stderr_path, uint64_t timeout_ns, struct lp_err *err)
{
	LP_AUTO(lb_process_free) struct lb_process p;
	struct eye e = {.w = w, .task = t, .p = &p};

	*w = (struct lb_watch){.begin_ns = lp_now_ns()};
	e.deadline_ns = w->begin_ns + timeout_ns;
	if (lb_process_start(&p, a, stderr_path, true, err))
		return err->code;
	watch(&e);
	lp_buf_free(&e.events);
	lp_buf_free(&e.page);
	return LP_OK;
}

void lb_watch_free(struct lb_watch *w)
{
	lp_buf_free(&w->output);
}
