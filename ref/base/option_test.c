// SPDX-License-Identifier: MIT
#include "base/option.h"
#include "testing/test.h"

#include <stdint.h>
#include <string.h>

struct args {
	bool json;
	const char *to;
	struct lp_option_list label;
	uint64_t count, bytes, ns;
	unsigned mount;
};

static const struct lp_option table[] = {
	{"json", 0, LP_OPT_FLAG, offsetof(struct args, json), NULL, "data as JSON"},
	{"to", 't', LP_OPT_TEXT, offsetof(struct args, to), "WORD", "format to write"},
	{"label", 'l', LP_OPT_LIST, offsetof(struct args, label), "K=V", "a label"},
	{"count", 'n', LP_OPT_COUNT, offsetof(struct args, count), "N", "how many"},
	{"bytes", 0, LP_OPT_BYTES, offsetof(struct args, bytes), "BYTES", "how large"},
	{"ns", 0, LP_OPT_NS, offsetof(struct args, ns), "TIME", "how long"},
	{"mount", 0, LP_OPT_CHOICE, offsetof(struct args, mount), "auto|fuse|extract", "how"},
	{0},
};

static const struct lp_usage permute = {
	.program = "prog", .operands = "IMAGE [ARG]", .what = "Try options.",
	.table = table, .order = LP_OPT_PERMUTE, .least = 1, .most = 2,
};
static const struct lp_usage stop = {
	.program = "prog", .operands = "IMAGE [ARG...]", .what = "Try options.",
	.table = table, .order = LP_OPT_STOP, .least = 1, .most = -1,
};

#define WORDS 9

/* getopt wants words that it may move and could write to. */
struct line {
	char word[WORDS][40];
	char *argv[WORDS + 1];
};

struct outcome {
	struct args args;
	int operand;
	bool help;
	struct lp_err err;
};

static enum lp_code parse(const struct lp_usage *u, const char *const *words, struct line *l,
			  struct outcome *out)
{
	int argc = 0;

	*out = (struct outcome){0};
	*l = (struct line){.argv = {l->word[0]}};
	snprintf(l->word[argc++], 40, "prog");
	for (; *words; words++, argc++) {
		snprintf(l->word[argc], 40, "%s", *words);
		l->argv[argc] = l->word[argc];
	}
	return lp_option_parse(u, argc, l->argv, &out->args, &out->operand, &out->help, &out->err);
}

static const struct {
	const char *words[WORDS];
	enum lp_code want;
	const char *says;	/* somewhere in the message */
} lines[] = {
	{{"image"}, LP_OK, ""},
	{{"image", "arg"}, LP_OK, ""},
	{{NULL}, LP_EUSAGE, "IMAGE"},
	{{"a", "b", "c"}, LP_EUSAGE, "3 operands"},
	{{"--json", "image"}, LP_OK, ""},
	{{"--json=yes", "image"}, LP_EUSAGE, "--json takes no value"},
	{{"--nope", "image"}, LP_EUSAGE, "--nope"},
	{{"-z", "image"}, LP_EUSAGE, "-z"},
	{{"image", "--to"}, LP_EUSAGE, "--to needs a value: WORD"},
	{{"image", "-t"}, LP_EUSAGE, "--to needs a value: WORD"},
	{{"--count=0", "i"}, LP_OK, ""},
	{{"--count=", "i"}, LP_EUSAGE, "--count"},
	{{"--count=1x", "i"}, LP_EUSAGE, "decimal"},
	{{"--count=-1", "i"}, LP_EUSAGE, "decimal"},
	{{"--count= 1", "i"}, LP_EUSAGE, "decimal"},
	{{"--count=18446744073709551615", "i"}, LP_OK, ""},
	{{"--count=18446744073709551616", "i"}, LP_EUSAGE, "decimal"},
	{{"--bytes=1kB", "i"}, LP_EUSAGE, "64k"},
	{{"--bytes=k", "i"}, LP_EUSAGE, "64k"},
	{{"--bytes=16777215T", "i"}, LP_OK, ""},
	{{"--bytes=16777216T", "i"}, LP_EUSAGE, "64k"},
	{{"--ns=5", "i"}, LP_EUSAGE, "20ms"},
	{{"--ns=0", "i"}, LP_OK, ""},
	{{"--ns=1.s", "i"}, LP_EUSAGE, "20ms"},
	{{"--ns=.5s", "i"}, LP_EUSAGE, "20ms"},
	{{"--ns=1e3s", "i"}, LP_EUSAGE, "20ms"},
	{{"--ns=1.0000000000s", "i"}, LP_EUSAGE, "20ms"},
	{{"--ns=5124096h", "i"}, LP_EUSAGE, "20ms"},
	{{"--mount=fuse", "i"}, LP_OK, ""},
	{{"--mount=fus", "i"}, LP_EUSAGE, "auto|fuse|extract"},
	{{"--mount=", "i"}, LP_EUSAGE, "auto|fuse|extract"},
	{{"--mount=fuse|extract", "i"}, LP_EUSAGE, "auto|fuse|extract"},
	{{"--help"}, LP_OK, ""},
};

static void test_lines(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct outcome got;
		struct line l;

		CHECK(parse(&permute, lines[i].words, &l, &got) == lines[i].want &&
		      strstr(got.err.msg, lines[i].says), "line %zu (%s): %s", i,
		      lines[i].words[0] ? lines[i].words[0] : "", got.err.msg);
	}
}

static void test_values(void)
{
	static const char *const words[] = {"image", "--to=rafs6", "--mount", "extract", "-n7",
					    "--bytes=64k", "--ns=1.25ms", "--json", NULL};
	static const char *const labels[] = {"-l", "a=1", "--label=b=2", "image", NULL};
	struct outcome got;
	struct line l;

	CHECK(!parse(&permute, words, &l, &got), "every type: %s", got.err.msg);
	CHECK(got.args.json && got.args.to && !strcmp(got.args.to, "rafs6"), "flag and text");
	CHECK(got.args.mount == 2, "choice is an index");
	CHECK(got.args.count == 7 && got.args.bytes == 65536, "count and bytes");
	CHECK(got.args.ns == 1250000, "1.25ms is %llu ns", (unsigned long long)got.args.ns);
	CHECK(got.operand == 8 && !strcmp(l.argv[8], "image"), "operands moved to the end");
	CHECK(!parse(&permute, labels, &l, &got) && got.args.label.n == 2 &&
	      !strcmp(got.args.label.text[1], "b=2"), "a list grows");
}

static void test_order(void)
{
	static const char *const words[] = {"--json", "image", "--to", "-x", NULL};
	static const char *const dashes[] = {"image", "--", "--json", NULL};
	struct outcome got;
	struct line l;

	CHECK(!parse(&stop, words, &l, &got) && got.args.json && got.operand == 2 &&
	      !strcmp(l.argv[3], "--to"), "stop: what follows the operand is left alone");
	CHECK(!parse(&permute, dashes, &l, &got) && !got.args.json && got.operand == 2,
	      "-- ends the options");
}

static void test_list_limit(void)
{
	struct outcome got = {0};
	struct lp_option_list *full = &got.args.label;
	char *argv[LP_OPTION_LIST + 3];
	char word[] = "-lx", image[] = "image";
	int operand;
	bool help;

	argv[0] = image;
	for (size_t i = 1; i <= LP_OPTION_LIST + 1; i++)
		argv[i] = word;
	argv[LP_OPTION_LIST + 2] = NULL;
	CHECK(lp_option_parse(&permute, LP_OPTION_LIST + 2, argv, &got.args, &operand, &help,
			      &got.err) == LP_EUSAGE && full->n == LP_OPTION_LIST,
	      "a list ends at its limit: %s", got.err.msg);
}

static void test_help(void)
{
	char text[2000] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	if (!out)
		return;
	lp_option_help(&permute, out);
	fclose(out);
	CHECK(!strncmp(text, "usage: prog [OPTION...] IMAGE [ARG]\nTry options.\n\n", 50),
	      "help begins with usage");
	CHECK(strstr(text, "\n  -t, --to=WORD ") && strstr(text, "\n      --json ") &&
	      strstr(text, "--mount=auto|fuse|extract  how\n") && strstr(text, "--help"),
	      "help has each option");
}

int main(void)
{
	test_lines();
	test_values();
	test_order();
	test_list_limit();
	test_help();
	return test_done();
}
