// SPDX-License-Identifier: MIT
#include "base/log.h"
#include "base/file.h"
#include "testing/test.h"

#include <string.h>
#include <unistd.h>

/* What @speak(@arg) writes to stderr, into @out. */
static void capture(void (*speak)(const void *arg), const void *arg, char out[static 2000])
{
	FILE *tmp = tmpfile();
	LP_AUTO(lp_fd_close) int old = dup(STDERR_FILENO);
	ssize_t n;

	memset(out, 0, 2000);
	if (!tmp)
		return;
	dup2(fileno(tmp), STDERR_FILENO);
	speak(arg);
	dup2(old, STDERR_FILENO);
	n = pread(fileno(tmp), out, 1999, 0);
	CHECK(n >= 0, "read back what was said");
	fclose(tmp);
}

static void speak_plain(const void *arg) { lp_log_failure("lazypull", arg, false); }
static void speak_json(const void *arg) { lp_log_failure("lazypull", arg, true); }
static void speak_words(const void *arg) { lp_log_say("lazypull", "%s", (const char *)arg); }

static void speak_progress(const void *arg)
{
	struct lp_progress p;

	(void)arg;
	lp_progress_start(&p, "layer", 100);
	lp_progress_add(&p, 100);
	lp_progress_end(&p);
}

static void test_failures(void)
{
	struct lp_err err;
	char out[2000], long_words[1500];

	lp_fail(&err, LP_EFORMAT, 41, "a.b.c", "XLEN is 27");
	capture(speak_plain, &err, out);
	CHECK(!strcmp(out, "lazypull: XLEN is 27 (at byte 41) [a.b.c]\n"), "plain: %.60s", out);
	capture(speak_json, &err, out);
	CHECK(!strcmp(out, "{\"at\":41,\"code\":\"format\",\"message\":\"XLEN is 27\","
			   "\"program\":\"lazypull\",\"rule\":\"a.b.c\"}\n"), "JSON");
	lp_fail(&err, LP_EUSAGE, LP_NO_OFFSET, NULL, "file \xff");
	capture(speak_plain, &err, out);
	CHECK(!strcmp(out, "lazypull: file \xff\n"), "plain without place and rule");
	capture(speak_json, &err, out);
	CHECK(!strcmp(out, "{\"code\":\"usage\",\"message\":\"file ?\",\"program\":\"lazypull\"}\n"),
	      "JSON of what is not UTF-8");
	lp_fail(&err, LP_EFORMAT, LP_NO_OFFSET, NULL, "evil\n\033[2J");
	CHECK(!strcmp(err.msg, "evil??[2J"), "a message is one printable line");
	memset(long_words, 'x', sizeof(long_words));
	long_words[sizeof(long_words) - 1] = '\0';
	capture(speak_words, long_words, out);
	CHECK(strlen(out) == 1023 && out[1022] == '\n', "a long line is cut, and still a line");
	capture(speak_words, "hi", out);
	CHECK(!strcmp(out, "lazypull: hi\n"), "say");
	capture(speak_progress, NULL, out);
	CHECK(!*out, "no progress where there is no terminal");
}

static void test_events(void)
{
	int fd[2];
	char out[200] = "";
	uint64_t before = lp_now_ns();
	unsigned long long ns = 0;

	if (pipe(fd))
		return;
	lp_event(&(struct lp_events){.fd = -1}, "request");
	lp_event(&(struct lp_events){.fd = fd[1]}, "resolved");
	CHECK(read(fd[0], out, sizeof(out) - 1) > 0 &&
	      sscanf(out, "{\"event\":\"resolved\",\"ns\":%llu}\n", &ns) == 1, "event: %.40s", out);
	CHECK(ns >= before && ns <= lp_now_ns(), "an event has the monotonic time");
	lp_fd_close(&fd[0]);
	lp_fd_close(&fd[1]);
}

int main(void)
{
	test_failures();
	test_events();
	return test_done();
}
