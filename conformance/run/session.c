// SPDX-License-Identifier: MIT
#include "run/session.h"

#include "base/file.h"
#include "base/log.h"
#include "run/stage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_S 10			/* ours, a vector */
#define FILE_BYTES ((uint64_t)64 << 20)	/* ours: the largest vector has as much */
#define NOFILE 256			/* ours */
#define NENV 8

/* Where the process runs, and the environment that it sees. */
struct place {
	char home[PATH_MAX + 16], tmp[PATH_MAX + 16], cwd[PATH_MAX + 16], path[4096];
	char *env[NENV];
};

static void furnish(struct place *l, const char *box)
{
	static char c[] = "LC_ALL=C", utc[] = "TZ=UTC", asan[] = "ASAN_OPTIONS=exitcode=99",
		    ubsan[] = "UBSAN_OPTIONS=exitcode=99:halt_on_error=1";
	const char *path = getenv("PATH");

	snprintf(l->home, sizeof(l->home), "HOME=%s/home", box);
	snprintf(l->tmp, sizeof(l->tmp), "TMPDIR=%s/tmp", box);
	snprintf(l->cwd, sizeof(l->cwd), "%s/cwd", box);
	snprintf(l->path, sizeof(l->path), "PATH=%s", path ? path : "/usr/bin:/bin");
	memcpy(l->env, (char *[NENV]){l->home, l->tmp, l->path, c, utc, asan, ubsan, NULL},
	       sizeof(l->env));
}

static enum lp_code start(struct lc_session *s, char *const *argv, const char *box, bool listens,
			  struct lp_err *err)
{
	struct place l = {.env = {NULL}};
	struct lc_launch launch = {
		.argv = argv, .env = l.env, .cwd = l.cwd, .listens = listens,
		.limits = {s->wall_ns, CPU_S, s->adapter->data_mib << 20, s->adapter->as_mib << 20,
			   FILE_BYTES, NOFILE},
	};

	furnish(&l, box);
	return lc_process_start(&s->p, &s->cell, &launch, err);
}

static enum lp_code next_box(struct lc_session *s, const struct gen_vector *v, struct lc_box *b,
			     struct lp_err *err)
{
	char dir[PATH_MAX];

	if ((size_t)snprintf(dir, sizeof(dir), "%s/%" PRIu64, s->cell.dir, s->nbox++) >=
	    sizeof(dir))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "the path is too long");
	return lc_box_make(b, dir, v, err);
}

enum lp_code lc_session_open(struct lc_session *s, const char *dir, struct lp_err *err)
{
	snprintf(s->cell.dir, sizeof(s->cell.dir), "%s", dir);
	s->cell.shared = !s->adapter->namespaces;
	s->p = (struct lc_process)LC_NO_PROCESS;
	return lc_cell_enter(&s->cell, err);
}

void lc_session_close(struct lc_session *s)
{
	struct lp_err err;

	lc_process_free(&s->p);
	if (*s->home.dir && lc_box_remove(&s->home, &err))
		lp_log_failure("lazyconf", &err, false);
	*s->home.dir = '\0';
}

__attribute__((format(printf, 3, 4)))
static void trouble(struct lc_seen *out, enum lc_class class, const char *fmt, ...)
{
	va_list ap;

	out->trouble = class;
	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
}

/* Did it die of hunger?  By its size, or as run-time systems say it when malloc() fails. */
static bool hungry(const struct lc_session *s, uint64_t rss_kib)
{
	static const char *const words[] = {"MemoryError", "bad_alloc", "out of memory",
					    "Cannot allocate memory", "memory exhausted"};

	if (rss_kib > s->adapter->data_mib << 10 >> 1)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (s->p.wept.len &&
		    memmem(s->p.wept.p, s->p.wept.len, words[i], strlen(words[i])))
			return true;
	return false;
}

/* It ended without an answer that counts, or with a status that is none: why? */
static void autopsy(const struct lc_session *s, const struct lc_end *end, struct lc_seen *out)
{
	int status = WEXITSTATUS(end->status), sig = WTERMSIG(end->status);

	if (WIFSIGNALED(end->status)) {
		if (sig == SIGXCPU)
			trouble(out, LC_HANG, "more than %d s of processor time", CPU_S);
		else if (sig == SIGXFSZ)
			trouble(out, LC_OOM, "a file of more than %ju MiB",
				(uintmax_t)FILE_BYTES >> 20);
		else if (sig == SIGKILL || hungry(s, end->rss_kib))
			trouble(out, LC_OOM, "killed by %s", strsignal(sig));
		else
			trouble(out, LC_CRASH, "killed by %s", strsignal(sig));
	} else if (hungry(s, end->rss_kib)) {
		trouble(out, LC_OOM, "exit status %d, memory ran out", status);
	} else if (status == 127) {
		trouble(out, LC_CRASH, "exit status 127: it cannot be executed");
	} else if (status == LC_ERROR || !status) {
		trouble(out, LC_HARNESS, "exit status %d and no answer", status);
	} else {
		trouble(out, LC_CRASH, "exit status %d and no answer", status);
	}
}

static bool blank(const struct lp_buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->p[i] != ' ' && b->p[i] != '\n' && b->p[i] != '\r' && b->p[i] != '\t')
			return false;
	return true;
}

/* Mode A: the process is gone, all that it said is there. */
static void conclude(struct lc_session *s, const struct lc_end *end, const char *dir,
		     struct lc_seen *out)
{
	int status = WEXITSTATUS(end->status);
	struct lp_err err;

	if (!WIFEXITED(end->status) || status > LC_ERROR || blank(&s->p.said)) {
		autopsy(s, end, out);
		if (out->trouble == LC_CRASH && WIFEXITED(end->status) && status != 127)
			trouble(out, LC_CRASH, "exit status %d%s", status,
				blank(&s->p.said) ? " and no answer" : "");
	} else if (lc_answer_parse(s->p.said.p, s->p.said.len, 0, dir, &out->answer, &err)) {
		trouble(out, LC_HARNESS, "%.180s", err.msg);
	} else if (status != (int)out->answer.outcome) {
		trouble(out, LC_HARNESS, "says %s and exits %d",
			lc_outcome_name(out->answer.outcome), status);
	} else if (out->answer.outcome == LC_ERROR) {
		trouble(out, LC_HARNESS, "adapter error: %s", out->answer.detail);
	}
}

static void too_much(struct lc_seen *out, enum lc_event event, uint64_t wall_ns)
{
	if (event == LC_FLOOD)
		trouble(out, LC_HARNESS, "more than %zu MiB of output", LC_OUT_MAX >> 20);
	else
		trouble(out, LC_HANG, "no answer in %.1f s", (double)wall_ns / 1e9);
}

/* The vector's limit @name, or @otherwise. */
static uint64_t limit_of(const struct gen_vector *v, const char *name, uint64_t otherwise)
{
	for (size_t i = 0; i < v->nlimit; i++)
		if (!strcmp(v->limit[i].name, name))
			return strtoull(v->limit[i].value, NULL, 10);
	return otherwise;
}

static void weigh(const struct lc_session *s, const struct gen_vector *v, uint64_t rss_kib,
		  struct lc_seen *out)
{
	uint64_t most = limit_of(v, "rss_kib", UINT64_MAX - s->hello_rss_kib);

	if (!out->trouble && rss_kib > s->hello_rss_kib + most)
		trouble(out, LC_OOM, "%" PRIu64 " KiB, %" PRIu64 " are allowed beyond hello's %" PRIu64,
			rss_kib, most, s->hello_rss_kib);
}

static enum lp_code ask_a(struct lc_session *s, const struct gen_vector *v, const struct lc_box *b,
			  struct lc_seen *out, struct lp_err *err)
{
	LP_AUTO(lc_words_free) struct lc_words words = {0};
	enum lc_event event;
	struct lc_end end;
	char cwd[PATH_MAX + 8];

	if (lc_question_words(s->adapter, v, b->dir, &words, err)) {
		if (err->code != LP_EUNSUP)
			return err->code;
		trouble(out, LC_HARNESS, "%.180s", err->msg);
		return LP_OK;
	}
	if (start(s, words.v, b->dir, false, err) ||
	    lc_process_listen(&s->p, NULL, 0, false, lp_now_ns() + s->wall_ns, &event, err))
		return err->code;
	end = lc_process_end(&s->p);
	snprintf(cwd, sizeof(cwd), "%s/cwd", b->dir);
	if (event == LC_ENDED)
		conclude(s, &end, cwd, out);
	else
		too_much(out, event, s->wall_ns);
	weigh(s, v, end.rss_kib, out);
	lc_process_free(&s->p);
	return LP_OK;
}

static enum lp_code start_server(struct lc_session *s, struct lp_err *err)
{
	LP_AUTO(lc_words_free) struct lc_words words = {0};

	for (size_t i = 0; i < s->adapter->nword; i++)
		if (lc_words_add(&words, err, "%s", s->adapter->word[i]))
			return err->code;
	if (*s->home.dir && lc_box_remove(&s->home, err))
		return err->code;
	if (lc_words_add(&words, err, "serve") || next_box(s, NULL, &s->home, err))
		return err->code;
	return start(s, words.v, s->home.dir, true, err);
}

enum lp_code lc_session_serve(struct lc_session *s, struct lp_err *err)
{
	if (!s->p.pid && start_server(s, err))
		return err->code;
	s->p.said.len = s->p.wept.len = 0;
	lc_process_refill(&s->p, CPU_S);
	return LP_OK;
}

void lc_session_bury(struct lc_session *s, enum lc_event event, struct lc_seen *out)
{
	struct lc_end end = lc_process_end(&s->p);

	if (event == LC_ENDED)
		autopsy(s, &end, out);
	else
		too_much(out, event, s->wall_ns);
	lc_process_free(&s->p);
}

/* The server has said a line: the answer, and nothing behind it. */
static void take_line(struct lc_session *s, const char *dir, struct lc_seen *out)
{
	const uint8_t *end = memchr(s->p.said.p, '\n', s->p.said.len);
	size_t n = (size_t)(end - s->p.said.p) + 1;
	struct lp_err err;

	if (lc_answer_parse(s->p.said.p, n, s->seq, dir, &out->answer, &err))
		trouble(out, LC_HARNESS, "%.180s", err.msg);
	else if (out->answer.outcome == LC_ERROR)
		trouble(out, LC_HARNESS, "adapter error: %s", out->answer.detail);
	else if (n != s->p.said.len)
		trouble(out, LC_HARNESS, "answer: more than one line");
	s->p.said.len = 0;
}

/* The most memory that the server had since the last forget(); 0: unknown. */
static uint64_t server_rss_kib(const struct lc_session *s)
{
	char path[64], line[256];
	uint64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", s->p.pid);
	f = fopen(path, "re");
	while (f && !kib && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %" SCNu64, &kib) != 1)
			kib = 0;
	if (f)
		fclose(f);
	return kib;
}

static void forget(const struct lc_session *s)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_err err;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", s->p.pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && lp_file_write(fd, "5", 1, &err))
		lp_fd_close(&fd);
}

static enum lp_code ask_b(struct lc_session *s, const struct gen_vector *v, const struct lc_box *b,
			  struct lc_seen *out, struct lp_err *err)
{
	bool weighed = limit_of(v, "rss_kib", 0);
	LP_AUTO(lp_buf_free) struct lp_buf line = {0};
	enum lc_event event;
	char cwd[PATH_MAX + 8];

	if (lc_session_serve(s, err))
		return err->code;
	if (lc_question_line(v, b->dir, ++s->seq, &line, err)) {
		if (err->code != LP_EUNSUP)
			return err->code;
		trouble(out, LC_HARNESS, "%.180s", err->msg);
		return LP_OK;
	}
	if (weighed)
		forget(s);
	if (lc_process_listen(&s->p, (const char *)line.p, line.len, true,
			      lp_now_ns() + s->wall_ns, &event, err))
		return err->code;
	snprintf(cwd, sizeof(cwd), "%s/cwd", s->home.dir);
	if (event == LC_LINE) {
		take_line(s, cwd, out);
		if (weighed)
			weigh(s, v, server_rss_kib(s), out);
		return LP_OK;
	}
	lc_session_bury(s, event, out);
	return LP_OK;
}

static enum lp_code ask(struct lc_session *s, const struct gen_vector *v, struct lc_seen *out,
			struct lp_err *err)
{
	LP_AUTO(lc_stage_free) struct lc_stage stage = {.value = NULL};
	bool http = !strcmp(v->format, "http");
	struct lc_box b;
	uint64_t began;

	if ((http && lc_stage_open(&stage, v, err)) ||
	    next_box(s, http ? &stage.boxed : v, &b, err) ||
	    (http && lc_stage_fill(&stage, b.dir, err)))
		return err->code;
	v = http ? &stage.asked : v;
	began = lp_now_ns();
	if (s->serve ? ask_b(s, v, &b, out, err) : ask_a(s, v, &b, out, err))
		return err->code;
	if (http && lc_stage_end(&stage, out->traffic, sizeof(out->traffic), err))
		return err->code;
	out->ns = lp_now_ns() - began;
	out->escaped = lc_box_escaped(&b) || (*s->home.dir && lc_box_escaped(&s->home));
	/* The next vector begins with a process that nothing has happened to. */
	if (out->trouble || out->escaped)
		lc_process_free(&s->p);
	return lc_box_remove(&b, err);
}

enum lp_code lc_session_ask(struct lc_session *s, const struct gen_vector *v, struct lc_seen *out,
			    struct lp_err *err)
{
	LP_AUTO(gen_free) struct gen_set one = {0};
	char text[200];

	*out = (struct lc_seen){0};
	if (v->huge) {
		if (gen_bytes(&one, v, s->recipes, text, sizeof(text)))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "%s", text);
		v = &one.v[0];
	}
	if (ask(s, v, out, err))
		return lp_within(err, "%s", v->id);
	return LP_OK;
}

enum lp_code lc_session_hello(struct lc_session *s, struct lp_err *err)
{
	LP_AUTO(lc_words_free) struct lc_words words = {0};
	struct lc_seen seen = {0};
	enum lc_event event;
	struct lc_end end;
	struct lc_box b;

	for (size_t i = 0; i < s->adapter->nword; i++)
		if (lc_words_add(&words, err, "%s", s->adapter->word[i]))
			return err->code;
	if (lc_words_add(&words, err, "hello") || next_box(s, NULL, &b, err) ||
	    start(s, words.v, b.dir, false, err) ||
	    lc_process_listen(&s->p, NULL, 0, false, lp_now_ns() + s->wall_ns, &event, err))
		return err->code;
	end = lc_process_end(&s->p);
	s->hello_rss_kib = end.rss_kib;
	if (event != LC_ENDED) {
		too_much(&seen, event, s->wall_ns);
		lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "hello: %s", seen.why);
	} else if (!WIFEXITED(end.status) || WEXITSTATUS(end.status)) {
		lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "hello: ended with %s %d",
			WIFEXITED(end.status) ? "status" : "signal",
			WIFEXITED(end.status) ? WEXITSTATUS(end.status) : WTERMSIG(end.status));
	} else if (!lc_adapter_greet(s->adapter, s->p.said.p, s->p.said.len, err)) {
		err->code = LP_OK;
	}
	lc_process_free(&s->p);
	return err->code ? err->code : lc_box_remove(&b, err);
}
