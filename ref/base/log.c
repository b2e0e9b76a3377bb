// SPDX-License-Identifier: MIT
#include "base/log.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 1024
#define SHOW_NS 100000000 /* ours: ten times a second is as fast as anybody reads */

/* One write(2), so that lines of several processes do not mix.  Nobody is told if it fails. */
static void put_line(int fd, const char *p, size_t n)
{
	ssize_t rc = write(fd, p, n);

	(void)rc;
}

static enum lp_code failure_json(const char *program, const struct lp_err *e, struct lp_buf *out,
				 struct lp_err *err)
{
	LP_AUTO(lp_json_free)
	json_t *j = json_pack("{s:s, s:s, s:s, s:s*, s:o*, s:o*}", "program", program, "code",
			      lp_code_name(e->code), "message", e->msg, "rule", e->rule, "at",
			      e->at == LP_NO_OFFSET ? NULL : json_integer((json_int_t)e->at),
			      "sys", e->sys ? json_integer(e->sys) : NULL);

	if (!j)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "not printable as JSON");
	return lp_json_print(j, out, LINE - 1, err) || lp_buf_add(out, "\n", 1, LINE, err);
}

void lp_log_failure(const char *program, const struct lp_err *err, bool json)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char line[LINE], at[40] = "";
	struct lp_err ascii = *err, ignored;
	int n;

	/* A file name in the message may be in any encoding, JSON may not. */
	for (char *c = ascii.msg; *c; c++)
		*c = (unsigned char)*c < 0x80 ? *c : '?';
	if (json && (!failure_json(program, err, &text, &ignored) ||
		     !failure_json(program, &ascii, &text, &ignored))) {
		put_line(STDERR_FILENO, (const char *)text.p, text.len);
		return;
	}
	if (err->at != LP_NO_OFFSET)
		snprintf(at, sizeof(at), " (at byte %" PRIu64 ")", err->at);
	n = snprintf(line, sizeof(line), "%s: %s%s%s%s%s\n", program, err->msg, at,
		     err->rule ? " [" : "", err->rule ? err->rule : "", err->rule ? "]" : "");
	put_line(STDERR_FILENO, line, n < LINE ? (size_t)n : LINE - 1);
}

void lp_log_say(const char *program, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;
	int n = snprintf(line, sizeof(line), "%s: ", program);

	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (n > LINE - 2)
		n = LINE - 2;
	line[n] = '\n';
	put_line(STDERR_FILENO, line, (size_t)n + 1);
}

uint64_t lp_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void lp_event(const struct lp_events *e, const char *what)
{
	char line[128];
	int n;

	if (e->fd < 0)
		return;
	n = snprintf(line, sizeof(line), "{\"event\":\"%.40s\",\"ns\":%" PRIu64 "}\n", what,
		     lp_now_ns());
	put_line(e->fd, line, (size_t)n);
}

void lp_progress_start(struct lp_progress *p, const char *what, uint64_t total)
{
	p->what = what;
	p->done = 0;
	p->total = total;
	p->shown_ns = lp_now_ns();
	p->on = isatty(STDERR_FILENO);
}

static void show(const struct lp_progress *p)
{
	static const char bar[] = "####################", gap[] = "                    ";
	const int width = (int)sizeof(bar) - 1;
	uint64_t done = p->done, total = p->total;
	double part = total ? (double)(done < total ? done : total) / (double)total : 0;
	int full = (int)(part * width), n;
	char line[160];

	n = snprintf(line, sizeof(line), "\r%.40s [%.*s%.*s] %.1f of %.1f MiB ", p->what, full,
		     bar, width - full, gap, (double)done / 1048576, (double)total / 1048576);
	put_line(STDERR_FILENO, line, (size_t)n);
}

void lp_progress_add(struct lp_progress *p, uint64_t bytes)
{
	uint64_t now, shown = p->shown_ns;

	p->done += bytes;
	if (!p->on)
		return;
	now = lp_now_ns();
	/* The thread that moves shown_ns draws; the others go on. */
	if (now - shown >= SHOW_NS && atomic_compare_exchange_strong(&p->shown_ns, &shown, now))
		show(p);
}

void lp_progress_end(struct lp_progress *p)
{
	static const char clear[] = "\r\033[K";

	if (p->on)
		put_line(STDERR_FILENO, clear, sizeof(clear) - 1);
	p->on = false;
}
