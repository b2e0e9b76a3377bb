// SPDX-License-Identifier: MIT
#include "base/option.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define OPTIONS_MAX 48	/* ours: a table longer than that is a bug */
#define HELP_ID 256
#define FIRST_ID 257	/* getopt's value of the table's first row */

/* Take the decimal number that @text starts with; false: there is none, or it is too large. */
static bool take_number(const char **text, uint64_t *out)
{
	uint64_t v = 0;
	const char *t = *text;

	for (; *t >= '0' && *t <= '9'; t++) {
		uint64_t digit = (uint64_t)(*t - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (t == *text)
		return false;
	*text = t;
	*out = v;
	return true;
}

static bool parse_count(const char *text, uint64_t *out)
{
	return take_number(&text, out) && !*text;
}

static bool parse_bytes(const char *text, uint64_t *out)
{
	static const char units[] = "kMGT";
	unsigned shift = 0;
	uint64_t v;

	if (!take_number(&text, &v))
		return false;
	if (*text) {
		char unit = *text++;
		const char *u = strchr(units, unit == 'K' ? 'k' : unit);

		if (!u || *text)
			return false;
		shift = 10 * (unsigned)(u - units + 1);
	}
	if (v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

static bool parse_ns(const char *text, uint64_t *out)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1},		 {"us", 1000},		    {"ms", 1000000},
		{"s", 1000000000},	 {"m", 60 * 1000000000ULL}, {"h", 3600 * 1000000000ULL},
	};
	uint64_t whole, part = 0, scale = 1, unit = 0;

	if (!take_number(&text, &whole))
		return false;
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9' && scale < 1000000000; text++) {
			part = part * 10 + (uint64_t)(*text - '0');
			scale *= 10;
		}
		if (scale == 1)
			return false;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(text, units[i].name))
			unit = units[i].ns;
	if (!unit && (*text || whole || part)) /* only 0 needs no unit */
		return false;
	/* part < scale <= 10^9 and unit <= 3.6 * 10^12: part is divided first, in two steps. */
	part = part * (unit / scale) + part * (unit % scale) / scale;
	if (unit && whole > (UINT64_MAX - part) / unit)
		return false;
	*out = whole * unit + part;
	return true;
}

static bool parse_choice(const char *text, const char *choices, unsigned *out)
{
	size_t n = strlen(text);
	unsigned i = 0;

	for (const char *c = choices; c; i++) {
		size_t word = strcspn(c, "|");

		if (word == n && !memcmp(c, text, n)) {
			*out = i;
			return true;
		}
		c = c[word] ? c + word + 1 : NULL;
	}
	return false;
}

static bool add_to_list(struct lp_option_list *l, const char *text)
{
	if (l->n == LP_OPTION_LIST)
		return false;
	l->text[l->n++] = text;
	return true;
}

static const char *accepted(const struct lp_option *o)
{
	switch (o->type) {
	case LP_OPT_COUNT:
		return "a decimal number";
	case LP_OPT_BYTES:
		return "bytes, like 4096, 64k, 1M or 2G";
	case LP_OPT_NS:
		return "a time, like 20ms, 1.5s or 2m";
	case LP_OPT_LIST:
		return "to be given at most 64 times";
	default:
		return o->value;
	}
}

static enum lp_code set(const struct lp_option *o, void *args, const char *text,
			struct lp_err *err)
{
	char *at = (char *)args + o->at;
	uint64_t number = 0;
	unsigned word = 0;
	bool ok = true;

	switch (o->type) {
	case LP_OPT_FLAG:
		memcpy(at, &ok, sizeof(ok));
		return LP_OK;
	case LP_OPT_TEXT:
		memcpy(at, &text, sizeof(text));
		return LP_OK;
	case LP_OPT_LIST:
		ok = add_to_list((struct lp_option_list *)(void *)at, text);
		break;
	case LP_OPT_CHOICE:
		ok = parse_choice(text, o->value, &word);
		if (ok)
			memcpy(at, &word, sizeof(word));
		break;
	case LP_OPT_COUNT:
	case LP_OPT_BYTES:
	case LP_OPT_NS:
		ok = o->type == LP_OPT_COUNT ? parse_count(text, &number) :
		     o->type == LP_OPT_BYTES ? parse_bytes(text, &number) :
					       parse_ns(text, &number);
		if (ok)
			memcpy(at, &number, sizeof(number));
		break;
	}
	if (!ok)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "--%s=%.60s: want %s", o->name,
			       text, accepted(o));
	return LP_OK;
}

/* getopt's own tables. */
struct tables {
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 3];
};

static enum lp_code fill(const struct lp_usage *u, struct tables *t, struct lp_err *err)
{
	size_t n = 0, s = 0;

	/* '+': stop at the first operand; ':': tell a missing value from an unknown option */
	if (u->order == LP_OPT_STOP)
		t->shorts[s++] = '+';
	t->shorts[s++] = ':';
	for (const struct lp_option *o = u->table; o->name; o++, n++) {
		int has = o->type == LP_OPT_FLAG ? no_argument : required_argument;

		if (n == OPTIONS_MAX)
			return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
				       "%s has more than %d options", u->program, OPTIONS_MAX);
		t->longs[n] = (struct option){o->name, has, NULL, FIRST_ID + (int)n};
		if (o->letter)
			t->shorts[s++] = o->letter;
		if (o->letter && has == required_argument)
			t->shorts[s++] = ':';
	}
	t->longs[n] = (struct option){"help", no_argument, NULL, HELP_ID};
	return LP_OK;
}

static const struct lp_option *by_id(const struct lp_usage *u, int id)
{
	const struct lp_option *o = u->table;

	if (id >= FIRST_ID)
		return o + (id - FIRST_ID);
	while (o->name && o->letter != id)
		o++;
	return o->name ? o : NULL;
}

/* What getopt did not like: @got is '?' or ':'. */
static enum lp_code complain(const struct lp_usage *u, int got, const char *word,
			     struct lp_err *err)
{
	const struct lp_option *o = optopt ? by_id(u, optopt) : NULL;

	if (o && got == ':')
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "--%s needs a value: %s",
			       o->name, o->value ? o->value : accepted(o));
	if (o)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "--%s takes no value", o->name);
	if (optopt && optopt < HELP_ID)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "unknown option -%c; `%s --help` lists them", optopt, u->program);
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
		       "unknown option %.60s; `%s --help` lists them", word, u->program);
}

static enum lp_code count_operands(const struct lp_usage *u, int n, struct lp_err *err)
{
	if (n >= u->least && (u->most < 0 || n <= u->most))
		return LP_OK;
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
		       "%d operand%s; usage: %s [OPTION...] %s", n, n == 1 ? "" : "s", u->program,
		       u->operands);
}

enum lp_code lp_option_parse(const struct lp_usage *u, int argc, char **argv, void *args,
			     int *operand, bool *help, struct lp_err *err)
{
	struct tables t = {0};
	int id;

	*help = false;
	*operand = argc;
	if (fill(u, &t, err))
		return err->code;
	opterr = 0;
	optind = 0; /* glibc: start anew, also after another table */
	while ((id = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		if (id == HELP_ID) {
			*help = true;
			return LP_OK;
		}
		if (id == '?' || id == ':')
			return complain(u, id, argv[optind - 1], err);
		if (set(by_id(u, id), args, optarg, err))
			return err->code;
	}
	*operand = optind;
	return count_operands(u, argc - optind, err);
}

void lp_option_help(const struct lp_usage *u, FILE *out)
{
	char left[80];

	fprintf(out, "usage: %s [OPTION...] %s\n%s\n\n", u->program, u->operands, u->what);
	for (const struct lp_option *o = u->table; o->name; o++) {
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
			 o->value ? "=" : "", o->value ? o->value : "");
		fprintf(out, "  %-30s %s\n", left, o->help);
	}
	fprintf(out, "  %-30s %s\n", "    --help", "this text");
}
