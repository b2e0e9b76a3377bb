// SPDX-License-Identifier: MIT
#include "run/script.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX ((int64_t)1 << 40)	/* ours: sums of two do not wrap */
#define VALUE_MAX 4096		/* bytes of a field's value that is compared, ours */

/* Verbs below a rule: how many numbers follow, and whether a text does. */
static const struct {
	const char *name;
	enum lc_verb verb;
	int numbers;
	bool text;
} verbs[] = {
	{"line", LC_LINE_IS, 0, true}, {"status", LC_STATUS, 0, true},
	{"header", LC_HEADER, 0, true}, {"repeat", LC_REPEAT, 1, true},
	{"fill", LC_FILL, 1, false}, {"interim", LC_INTERIM, 1, true},
	{"open", LC_OPEN, 0, false}, {"of", LC_OF, 0, true}, {"slice", LC_SLICE, 2, false},
	{"whole", LC_WHOLE, 0, false}, {"part", LC_PART, 2, false},
	{"zeros", LC_ZEROS, 1, false}, {"text", LC_TEXT, 0, true},
	{"length", LC_LENGTH, 0, true}, {"chunked", LC_CHUNKED, 0, true},
	{"flip", LC_FLIP, 1, false}, {"cut", LC_CUT, 1, false}, {"drip", LC_DRIP, 2, false},
	{"keep", LC_KEEP, 0, false}, {"close", LC_CLOSE, 0, false},
	{"reset", LC_RESET, 0, false}, {"stall", LC_STALL, 0, false},
	{"flood", LC_POUR, 0, true}, {"times", LC_TIMES, 1, false},
	{"with", LC_WITH, 0, true}, {"without", LC_WITHOUT, 0, true},
};

static const char *const kinds[] = {"most", "least", "bytes", "same"};
static const char *const shows[] = {"plain", "good", "self", "expired", "other", "break"};

/* The place of @word in @table[@n], or -1. */
static int find(const char *const *table, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i], word))
			return (int)i;
	return -1;
}

/* The next word of *@line, which is cut off there; "" at the end. */
static char *word(char **line)
{
	char *w = *line + strspn(*line, " \t");
	char *end = w + strcspn(w, " \t");

	*line = *end ? end + 1 : end;
	*end = '\0';
	return w;
}

static bool number(char **line, int64_t *out)
{
	char *w = word(line), *end;

	*out = strtoll(w, &end, 10);
	return *w && !*end && *out <= NUMBER_MAX && *out >= -NUMBER_MAX;
}

static bool count(char **line, uint64_t *out)
{
	int64_t n = -1;
	bool ok = number(line, &n) && n >= 0;

	*out = (uint64_t)n;
	return ok;
}

static bool take_host(char **line, int *out)
{
	char *w = word(line);

	*out = w[0] - 'A';
	return w[0] >= 'A' && w[0] < 'A' + LC_HOSTS && !w[1];
}

static char *rest(char *line)
{
	return line + strspn(line, " \t");
}

/* "NAME: VALUE" in two; "" where there is no value. */
static const char *split(char *text)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return "";
	*colon = '\0';
	return rest(colon + 1);
}

static void *grow(void *list, size_t n, size_t size)
{
	return n & (n - 1) ? list : reallocarray(list, n ? 2 * n : 1, size);
}

static const char *add_rule(struct lc_script *s, char *line)
{
	struct lc_rule r = {.times = UINT64_MAX, .first = s->nstep};
	struct lc_rule *more = grow(s->rule, s->nrule, sizeof(*more));

	if (!more)
		return "no memory";
	s->rule = more;
	if (!take_host(&line, &r.host))
		return "on HOST METHOD PATH";
	r.method = word(&line);
	r.path = word(&line);
	if (!*r.path || *rest(line))
		return "on HOST METHOD PATH";
	s->rule[s->nrule++] = r;
	return NULL;
}

static const char *add_check(struct lc_script *s, enum lc_check_kind kind, char *line)
{
	struct lc_check c = {.kind = kind, .path = "", .value = ""};
	struct lc_check *more = grow(s->check, s->ncheck, sizeof(*more));
	char *w;

	if (!more)
		return "no memory";
	s->check = more;
	if (!count(&line, &c.n))
		return "a number is missing";
	if (kind <= LC_LEAST) {
		if (!take_host(&line, &c.host))
			return "most|least N HOST PATH [with NAME[: VALUE]]";
		c.path = word(&line);
		w = word(&line);
		if (!*c.path || (*w && strcmp(w, "with") != 0))
			return "most|least N HOST PATH [with NAME[: VALUE]]";
		if (*w) {
			c.field = rest(line);
			c.value = split(rest(line));
			line += strlen(line);
		}
	}
	if (*rest(line) || (c.field && !*c.field))
		return "more than there should be";
	s->check[s->ncheck++] = c;
	return NULL;
}

static const char *set_tls(struct lc_script *s, char *line)
{
	int h, what;

	if (!take_host(&line, &h))
		return "tls HOST WHAT";
	what = find(shows, sizeof(shows) / sizeof(shows[0]), word(&line));
	if (what < 0 || *rest(line))
		return "tls HOST plain|good|self|expired|other|break";
	s->tls[h] = (enum lc_tls)what;
	return NULL;
}

static const char *add_step(struct lc_script *s, const char *name, char *line)
{
	struct lc_step *more = grow(s->step, s->nstep, sizeof(*more)), t = {.text = ""};
	size_t i = 0;

	if (!more)
		return "no memory";
	s->step = more;
	while (i < sizeof(verbs) / sizeof(verbs[0]) && strcmp(verbs[i].name, name) != 0)
		i++;
	if (i == sizeof(verbs) / sizeof(verbs[0]))
		return "unknown word";
	if (!s->nrule)
		return "a step before the first rule";
	t.verb = verbs[i].verb;
	for (int k = 0; k < verbs[i].numbers; k++)
		if (!number(&line, &t.n[k]))
			return "a number is missing";
	t.text = rest(line);
	if (!verbs[i].text != !*t.text)
		return verbs[i].text ? "a text is missing" : "more than there should be";
	if (t.n[0] < 0 && t.verb != LC_SLICE)
		return "a number below 0";
	if (t.verb == LC_TIMES)
		s->rule[s->nrule - 1].times = (uint64_t)t.n[0];
	s->step[s->nstep++] = t;
	s->rule[s->nrule - 1].nstep++;
	return NULL;
}

static const char *take_line(struct lc_script *s, char *line)
{
	char *name;
	int kind;

	line[strcspn(line, "\r")] = '\0';
	line = rest(line);
	if (!*line || *line == '#')
		return NULL;
	name = word(&line);
	kind = find(kinds, sizeof(kinds) / sizeof(kinds[0]), name);
	if (kind >= 0)
		return add_check(s, (enum lc_check_kind)kind, line);
	if (!strcmp(name, "on"))
		return add_rule(s, line);
	if (!strcmp(name, "tls"))
		return set_tls(s, line);
	return add_step(s, name, line);
}

enum lp_code lc_script_parse(struct lc_script *s, const void *p, size_t n, struct lp_err *err)
{
	const char *why;
	unsigned at = 0;
	char *line, *next;

	*s = (struct lc_script){0};
	if (n > LC_SCRIPT_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL, "a script of %zu bytes", n);
	if (memchr(p, 0, n))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "a script with a NUL");
	s->copy = strndup(p, n);
	if (!s->copy)
		return lp_fail_errno(err, "a script");
	for (line = s->copy; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		at++;
		why = take_line(s, line);
		if (why)
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, NULL, "line %u: %s", at, why);
	}
	return LP_OK;
}

void lc_script_free(struct lc_script *s)
{
	free(s->copy);
	free(s->rule);
	free(s->step);
	free(s->check);
	*s = (struct lc_script){0};
}

bool lc_head_field(const char *head, const char *name, char *out, size_t room)
{
	size_t n = strlen(name), bytes;

	for (const char *p = head; *p; p += bytes) {
		p += strspn(p, "\r\n");
		bytes = strcspn(p, "\r");
		if (bytes > n && !strncasecmp(p, name, n) && p[n] == ':') {
			p += n + 1 + strspn(p + n + 1, " ");
			snprintf(out, room, "%.*s", (int)strcspn(p, "\r"), p);
			return true;
		}
	}
	return false;
}

/* "NAME" or "NAME: VALUE": the field is there, and has that value. */
static bool has(const char *head, const char *text)
{
	char name[256], got[VALUE_MAX];
	size_t n = strcspn(text, ":");

	snprintf(name, sizeof(name), "%.*s", (int)n, text);
	if (!lc_head_field(head, name, got, sizeof(got)))
		return false;
	return !text[n] || !strcmp(got, text + n + 1 + strspn(text + n + 1, " "));
}

bool lc_rule_fits(const struct lc_script *s, const struct lc_rule *r, int host,
		  const char *method, const char *path, const char *head)
{
	const struct lc_step *t = s->step + r->first;

	if (r->host != host || (strcmp(r->method, "*") != 0 && strcmp(r->method, method) != 0) ||
	    fnmatch(r->path, path, 0))
		return false;
	for (size_t i = 0; i < r->nstep; i++)
		if ((t[i].verb == LC_WITH && !has(head, t[i].text)) ||
		    (t[i].verb == LC_WITHOUT && has(head, t[i].text)))
			return false;
	return true;
}
