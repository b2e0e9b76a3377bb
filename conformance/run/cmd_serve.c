// SPDX-License-Identifier: MIT
/* serve - `lazyconf serve`: the hostile server by hand, until its input ends. */
#include "run/command.h"
#include "run/server.h"
#include "run/suite.h"

#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#define PROGRAM "lazyconf serve"

struct args {
	const char *script, *blob, *ca;
	uint64_t ready_fd;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"script", 's', LP_OPT_TEXT, AT(script), "FILE", "what it answers: docs/HTTP.md"},
	{"blob", 'b', LP_OPT_TEXT, AT(blob), "FILE", "what bodies are made of (nothing)"},
	{"ca", 'c', LP_OPT_TEXT, AT(ca), "FILE", "write the authority of its certificates there"},
	{"ready-fd", 0, LP_OPT_COUNT, AT(ready_fd), "N",
	 "say there where it listens, a line a host (1)"},
	{0},
};

static const struct lp_usage usage = {
	.program = PROGRAM, .what = "Answer as a script says, until standard input ends.",
	.table = table, .order = LP_OPT_PERMUTE, .least = 0, .most = 0,
};

static enum lp_code load(const char *path, size_t most, struct lp_buf *out, struct lp_err *err)
{
	if (path && lp_file_load(AT_FDCWD, path, most, out, err))
		return lp_within(err, "%s", path);
	return LP_OK;
}

/* Wait for the end of the input, whatever is said in it. */
static void wait_for_end(void)
{
	char drop[4096];

	while (read(STDIN_FILENO, drop, sizeof(drop)) > 0)
		;
}

static enum lp_code serve(const struct args *args, struct lp_err *err)
{
	static char names[2][8] = {"script", "blob"};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_buf_free) struct lp_buf blob = {0};
	LP_AUTO(lc_server_free) struct lc_server s = {.log = stderr};
	struct gen_input input[2];
	struct gen_vector v = {.input = input, .ninput = 2};

	if (!args->script)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "no --script");
	if (load(args->script, LC_SCRIPT_MAX, &text, err) ||
	    load(args->blob, GEN_MAX, &blob, err))
		return err->code;
	input[0] = (struct gen_input){names[0], text.p, text.len};
	input[1] = (struct gen_input){names[1], blob.p, blob.len};
	if (lc_server_open(&s, &v, err) ||
	    (args->ca && lp_file_put(AT_FDCWD, args->ca, s.pem.p, s.pem.len, err)))
		return err->code;
	for (int i = 0; i < LC_HOSTS; i++)
		if (dprintf((int)args->ready_fd, "%c %s\n", 'A' + i, s.values.authority[i]) < 0)
			return lp_fail_errno(err, "descriptor %d", (int)args->ready_fd);
	wait_for_end();
	return LP_OK;
}

int lc_cmd_serve(int argc, char **argv)
{
	struct args args = {.ready_fd = STDOUT_FILENO};
	struct lp_err err = {0};
	int operand, status;

	if (!lp_command_parse(&usage, argc, argv, &args, &operand, &status))
		return status;
	return serve(&args, &err) ? lc_suite_failed(&usage, &err) : 0;
}
