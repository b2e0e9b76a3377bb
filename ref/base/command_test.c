// SPDX-License-Identifier: MIT
#include "base/command.h"

#include "testing/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int ran;
static char said[4096];

static int first(int argc, char **argv)
{
	ran = argc;
	return strcmp(argv[0], "first") ? -1 : 7;
}

static const struct lp_command commands[] = {
	{"first", "what it does", first},
	{"hidden", NULL, first},
};

/* lp_command_main() with its stream @fd in said[]. */
static int call(int fd, int argc, const char *one, const char *two)
{
	char program[] = "p", a[32], b[32], *argv[] = {program, a, b, NULL};
	FILE *stream = fd == STDOUT_FILENO ? stdout : stderr;
	int kept = dup(fd), to = memfd_create("said", MFD_CLOEXEC), status;
	ssize_t n;

	snprintf(a, sizeof(a), "%s", one);
	snprintf(b, sizeof(b), "%s", two);
	fflush(stdout);
	dup2(to, fd);
	ran = 0;
	status = lp_command_main("p", commands, 2, argc, argv);
	fflush(stream);
	dup2(kept, fd);
	n = pread(to, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(kept);
	close(to);
	return status;
}

static void test_main(void)
{
	CHECK(call(STDOUT_FILENO, 3, "first", "x") == 7 && ran == 2, "a command and its words");
	CHECK(call(STDOUT_FILENO, 2, "hidden", "") == -1 && ran == 1, "one that is not for people");
	CHECK(!call(STDOUT_FILENO, 2, "--help", "") && strstr(said, "  first     what it does\n") &&
		      !strstr(said, "hidden"), "the list");
	CHECK(!call(STDOUT_FILENO, 2, "--version", "") && !strncmp(said, "p ", 2) && said[2],
	      "the version: %s", said);
	CHECK(call(STDERR_FILENO, 2, "firs", "") == 2 && !ran &&
		      strstr(said, "unknown command \"firs\"") && strstr(said, "usage: p "),
	      "a command that is not there");
	CHECK(call(STDERR_FILENO, 1, "", "") == 2 && !ran, "no command");
}

struct args {
	bool flag;
};

static void test_parse(void)
{
	static const struct lp_option table[] = {
		{"flag", 'f', LP_OPT_FLAG, offsetof(struct args, flag), NULL, "a flag"}, {0},
	};
	static const struct lp_usage usage = {"p c", "X", "What it does.", table, LP_OPT_PERMUTE,
					      1, 1};
	char name[] = "c", x[] = "x", flag[] = "--flag", help[] = "--help", bad[] = "--bad";
	char *good[] = {name, flag, x, NULL}, *asks[] = {name, help, NULL},
	     *wrong[] = {name, bad, NULL};
	struct args a = {false};
	struct lp_err err = {0};
	int operand = 0, status = 9;

	CHECK(lp_command_parse(&usage, 3, good, &a, &operand, &status) && a.flag && !status &&
		      !strcmp(good[operand], "x"), "options and an operand");
	status = 9;
	CHECK(!lp_command_parse(&usage, 2, asks, &a, &operand, &status) && !status, "help is a yes");
	CHECK(!lp_command_parse(&usage, 2, wrong, &a, &operand, &status) && status == 2,
	      "an option that is not there");
	lp_fail(&err, LP_EFORMAT, LP_NO_OFFSET, NULL, "no");
	CHECK(!lp_command_end(&usage, LP_OK, &err, false) &&
		      lp_command_end(&usage, LP_EFORMAT, &err, false) == 1, "how a command ends");
}

int main(void)
{
	test_main();
	test_parse();
	return test_done();
}
