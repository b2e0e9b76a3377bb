// SPDX-License-Identifier: MIT
#include "run/process.h"
#include "testing/test.h"

#include "base/log.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define LONG_NS 60000000000

static char shell[] = "/bin/sh", c[] = "-c", path[] = "PATH=/usr/bin:/bin";
static char *const env[] = {path, NULL};

/* A shell's script; what comes of it. */
static const struct {
	const char *script, *send;
	uint64_t wall_ns;
	bool line;
	enum lc_event event;
	const char *said;	/* how stdout begins */
	int status;		/* or -1: any */
} rows[] = {
	{"echo hello", NULL, LONG_NS, false, LC_ENDED, "hello\n", 0},
	{"exit 5", NULL, LONG_NS, false, LC_ENDED, "", 5 << 8},
	{"kill -ABRT $$", NULL, LONG_NS, false, LC_ENDED, "", SIGABRT},
	{"read x && echo $x && read y", "ping\n", LONG_NS, true, LC_LINE, "ping\n", SIGKILL},
	{"read x; exit 3", "ping\n", LONG_NS, true, LC_ENDED, "", 3 << 8},
	{"exec >&-; read x; read x; exit 4", "ping\n", LONG_NS, true, LC_ENDED, "", 4 << 8},
	{"exec sleep 1000", NULL, 50000000, false, LC_LATE, "", SIGKILL},
	{"exec cat /dev/zero", NULL, LONG_NS, false, LC_FLOOD, "", SIGKILL},
	{"head -c 1000000 /dev/zero >&2; echo y", NULL, LONG_NS, false, LC_ENDED, "y\n", 0},
	{"sleep 1000 & echo z", NULL, LONG_NS, false, LC_ENDED, "z\n", 0},
	{"ulimit -n; umask; pwd", NULL, LONG_NS, false, LC_ENDED, "64\n0022\n/\n", 0},
	{"head -c 2000000 /dev/zero >/dev/shm/lazyconf-test; rm /dev/shm/lazyconf-test",
	 NULL, LONG_NS, false, LC_ENDED, "", -1},
};

static void run(const struct lc_cell *cell, size_t i)
{
	char script[200];
	char *argv[] = {shell, c, script, NULL};
	struct lc_launch l = {
		.argv = argv, .env = env, .cwd = "/", .listens = rows[i].send != NULL,
		.limits = {rows[i].wall_ns, 5, 1 << 30, 0, 1 << 20, 64},
	};
	struct lc_process p = LC_NO_PROCESS;
	enum lc_event event = LC_LATE;
	struct lp_err err = {0};
	struct lc_end end;

	snprintf(script, sizeof(script), "%s", rows[i].script);
	if (CHECK(!lc_process_start(&p, cell, &l, &err), "start: %s", err.msg) &&
	    CHECK(!lc_process_listen(&p, rows[i].send, rows[i].send ? strlen(rows[i].send) : 0,
				     rows[i].line, lp_now_ns() + rows[i].wall_ns, &event, &err),
		  "listen: %s", err.msg)) {
		end = lc_process_end(&p);
		CHECK(event == rows[i].event && p.said.len >= strlen(rows[i].said) &&
		      !memcmp(p.said.len ? p.said.p : (const uint8_t *)"", rows[i].said,
			      strlen(rows[i].said)) &&
		      (rows[i].status < 0 || end.status == rows[i].status),
		      "%s: event %d, status %d", rows[i].script, (int)event, end.status);
		CHECK(p.wept.len <= LC_ERR_MAX, "stderr is capped");
	}
	lc_process_free(&p);
	lc_process_free(&p);
}

int main(void)
{
	struct lc_cell cell = {.isolated = lc_cell_possible()};
	size_t n = test_tortured() ? 4 : sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < n; i++)
		run(&cell, i);
	cell.isolated = false;
	for (size_t i = 0; i < n; i++)
		run(&cell, i);
	return test_done();
}
