// SPDX-License-Identifier: MIT
#include "fetch/header.h"

#include <string.h>
#include <strings.h>

#define RULE_CHALLENGE "registry.auth.challenge"
#define RULE_RANGE "registry.range.content-range"

/* RFC 9110, 5.6.2: tchar */
static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* What servers put unquoted behind "=" though only tokens may stand there, and token68. */
static bool is_loose(char c)
{
	return is_token(c) || (c && strchr("/:=?@", c));
}

static const char *skip(const char *p, const char *set)
{
	return p + strspn(p, set);
}

static const char *skip_while(const char *p, bool (*is)(char))
{
	while (is(*p))
		p++;
	return p;
}

static bool same_word(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && !strncasecmp(p, word, n);
}

static enum lp_code refuse(struct lp_err *err, const char *value, const char *why)
{
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_CHALLENGE,
		       "WWW-Authenticate \"%.80s\": %s", value, why);
}

/*
 * Read the value at @p, quoted or not, into @out[@max] (NULL: drop it).  Returns what is
 * behind it, or NULL: it does not end, does not fit, or has control characters.
 */
static const char *take_value(const char *p, char *out, size_t max)
{
	bool quoted = *p == '"';
	size_t n = 0;

	for (p += quoted; quoted ? *p && *p != '"' : is_loose(*p); p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		if ((unsigned char)*p < ' ' || *p == 0x7f || (out && n + 1 >= max))
			return NULL;
		if (out)
			out[n++] = *p;
	}
	if (quoted && *p++ != '"')
		return NULL;
	if (out)
		out[n] = '\0';
	return p;
}

/* One "name = value" of the challenge @c. */
static const char *take_param(const char *name, size_t n, const char *value,
			      struct lp_challenge *c)
{
	if (same_word(name, n, "realm"))
		return take_value(value, c->realm, sizeof(c->realm));
	if (same_word(name, n, "service"))
		return take_value(value, c->service, sizeof(c->service));
	if (same_word(name, n, "scope"))
		return take_value(value, c->scope, sizeof(c->scope));
	return take_value(value, NULL, 0);
}

static enum lp_scheme scheme_of(const char *p, size_t n)
{
	if (same_word(p, n, "Bearer"))
		return LP_AUTH_BEARER;
	return same_word(p, n, "Basic") ? LP_AUTH_BASIC : LP_AUTH_NONE;
}

static void keep_stronger(struct lp_challenge *best, const struct lp_challenge *c)
{
	if (c->scheme > best->scheme && (c->scheme != LP_AUTH_BEARER || c->realm[0]))
		*best = *c;
}

/* Behind a scheme may stand one token68 instead of parameters: drop it. */
static const char *skip_token68(const char *p)
{
	const char *end = skip_while(p, is_loose);

	return *skip(end, " \t") == ',' || !*skip(end, " \t") ? end : p;
}

/* Is what stands at @p, behind a word, the "=" of a parameter?  Then *value is behind it. */
static bool is_param(const char *p, const char **value)
{
	p = skip(p, " \t");
	*value = skip(p + (*p == '='), " \t");
	return *p == '=';
}

enum lp_code lp_challenge_parse(const char *value, struct lp_challenge *c, struct lp_err *err)
{
	struct lp_challenge now = {0};
	bool any = false;
	const char *p = value, *word, *from;

	for (p = skip(p, " \t,"); *p; p = skip(p, " \t,")) {
		word = p;
		p = skip_while(p, is_token);
		if (p == word)
			return refuse(err, value, "a scheme or parameter has no name");
		if (is_param(p, &from)) {
			if (!any)
				return refuse(err, value, "a parameter stands before any scheme");
			p = take_param(word, (size_t)(p - word), from, &now);
			if (!p)
				return refuse(err, value, "a value does not end, or is too long");
			continue;
		}
		keep_stronger(c, &now);
		now = (struct lp_challenge){.scheme = scheme_of(word, (size_t)(p - word))};
		any = true;
		if (*p == ' ' && !is_param(skip_while(skip(p, " "), is_token), &from))
			p = skip_token68(skip(p, " "));
		else if (*p == ' ' && *from == '=')	/* "abc==": padding, no parameter */
			p = skip_token68(skip(p, " "));
	}
	keep_stronger(c, &now);
	return LP_OK;
}

/* Decimal digits at @p, at least one, without wrap: what is behind them, or NULL. */
static const char *take_number(const char *p, uint64_t *out)
{
	const char *start = p;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (v > (UINT64_MAX - 1 - digit) / 10)
			return NULL;
		v = v * 10 + digit;
	}
	*out = v;
	return p > start ? p : NULL;
}

enum lp_code lp_content_range_parse(const char *value, struct lp_content_range *out,
				    struct lp_err *err)
{
	struct lp_content_range r = {.total = LP_NO_OFFSET};
	const char *p = strncasecmp(value, "bytes ", 6) ? NULL : skip(value + 6, " ");

	if (p)
		p = take_number(p, &r.first);
	if (p)
		p = *p == '-' ? take_number(p + 1, &r.last) : NULL;
	if (p)
		p = *p == '/' ? p + 1 : NULL;
	if (p)
		p = *p == '*' ? p + 1 : take_number(p, &r.total);
	if (!p || *skip(p, " \t"))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RANGE,
			       "Content-Range \"%.80s\" is not \"bytes FIRST-LAST/TOTAL\"",
			       value);
	/* RFC 9110, 14.4: invalid when last < first, or the total is not above last */
	if (r.last < r.first || r.last >= r.total)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_RANGE,
			       "Content-Range \"%.80s\" contradicts itself", value);
	*out = r;
	return LP_OK;
}
