// SPDX-License-Identifier: MIT
/* walk_command - `lazybench walk`: one pass over a tree, and one line that says how long it was. */
#include "command.h"
#include "measure/record.h"
#include "workload/walk.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/option.h"

#include <unistd.h>

#define DEFAULT_N 2000		/* ours: long enough to measure, and still a small part of an image */
#define LINE_MAX_BYTES ((size_t)64 << 10)

enum { FIND, CAT, LIST, RANDOM };

struct args {
	unsigned mode;
	const char *except, *list;
	uint64_t n, seed;
};

#define AT(member) offsetof(struct args, member)

static const struct lp_option table[] = {
	{"mode", 'm', LP_OPT_CHOICE, AT(mode), "find|cat|list|random",
	 "stat of every name; every file read; their sizes and names; random reads of 4 KiB"},
	{"except", 0, LP_OPT_TEXT, AT(except), "PATH", "cat: a file that is left alone"},
	{"list", 0, LP_OPT_TEXT, AT(list), "FILE", "random: what --mode=list printed"},
	{"count", 'n', LP_OPT_COUNT, AT(n), "N", "random: so many reads (2000)"},
	{"seed", 0, LP_OPT_COUNT, AT(seed), "N", "random: which ones (1)"},
	{0},
};

static const struct lp_usage usage = {
	"lazybench walk", "DIR", "Read a tree with one thread, and say how long it took.", table,
	LP_OPT_PERMUTE, 1, 1,
};

static enum lp_code say(json_t *line, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *own = line;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	if (lp_json_print(own, &text, LINE_MAX_BYTES, err) ||
	    lp_buf_add(&text, "\n", 1, LINE_MAX_BYTES, err))
		return err->code;
	return lp_file_write(STDOUT_FILENO, text.p, text.len, err);
}

static enum lp_code pass(const struct args *a, const char *top, struct lp_err *err)
{
	static const enum lb_walk_mode modes[] = {
		[FIND] = LB_WALK_FIND, [CAT] = LB_WALK_CAT, [LIST] = LB_WALK_LIST,
	};
	struct lb_walk w = {.mode = modes[a->mode], .except = a->except, .out = stdout};
	uint64_t begin_ns = lp_now_ns(), end_ns;
	json_t *line;

	if (lb_walk(&w, top, err))
		return err->code;
	end_ns = lp_now_ns();
	if (a->mode == LIST)
		return fflush(stdout) ? lp_fail_errno(err, "write") : LP_OK;
	line = json_object();
	lb_set_number(line, "wall_ns", end_ns - begin_ns);
	lb_set_number(line, "entries", w.entries);
	lb_set_number(line, "bytes", w.bytes);
	lb_set_number(line, "failed", w.failed);
	lb_set_word(line, "first_failed", w.first);
	return say(line, err);
}

static enum lp_code pick(const struct args *a, const char *top, struct lp_err *err)
{
	struct lb_picks p = {.list = a->list, .seed = a->seed ? a->seed : 1,
			     .n = a->n ? a->n : DEFAULT_N};
	json_t *line;

	if (!a->list)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "random reads need --list");
	if (lb_walk_random(&p, top, err))
		return err->code;
	line = json_object();
	lb_set_number(line, "wall_ns", p.read_ns);
	lb_set_number(line, "open_ns", p.open_ns);
	lb_set_number(line, "bytes", p.bytes);
	return say(line, err);
}

int lb_cmd_walk(int argc, char **argv)
{
	struct args a = {.mode = FIND};
	struct lp_err err;
	int operand;
	bool help;

	if (!lp_option_parse(&usage, argc, argv, &a, &operand, &help, &err)) {
		if (help) {
			lp_option_help(&usage, stdout);
			return 0;
		}
		if (!(a.mode == RANDOM ? pick(&a, argv[operand], &err) :
					 pass(&a, argv[operand], &err)))
			return 0;
	}
	lp_log_failure("lazybench", &err, false);
	return lp_exit_status(err.code);
}
