// SPDX-License-Identifier: MIT
#include "format/estargz/rfc3339.h"

#include <stdio.h>
#include <time.h>

#define DAY 86400
#define ERA_DAYS 146097		/* of 400 years */
#define EPOCH_DAYS 719468	/* from 0000-03-01 to 1970-01-01 */

/* Two to nine digits at *@p; -1: there are fewer. */
static int64_t number(const char **p, const char *end, int digits)
{
	int64_t v = 0;

	if (end - *p < digits)
		return -1;
	for (int i = 0; i < digits; i++) {
		if ((*p)[i] < '0' || (*p)[i] > '9')
			return -1;
		v = v * 10 + ((*p)[i] - '0');
	}
	*p += digits;
	return v;
}

/* "T" and "Z" may be lower case. */
static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || (**p != c && (c < 'A' || **p != (c | 0x20))))
		return false;
	++*p;
	return true;
}

static int month_days(int64_t year, int64_t month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01, in the proleptic Gregorian calendar; the year starts in March. */
static int64_t days_from(int64_t year, int64_t month, int64_t day)
{
	int64_t y = year - (month <= 2), era = (y + 400) / 400 - 1, in_era = y - era * 400;
	int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * ERA_DAYS + in_era * 365 + in_era / 4 - in_era / 100 + in_year - EPOCH_DAYS;
}

static bool parse_date(const char **p, const char *end, int64_t *days)
{
	int64_t year, month, day;

	year = number(p, end, 4);
	if (year < 0 || !literal(p, end, '-'))
		return false;
	month = number(p, end, 2);
	if (month < 1 || month > 12 || !literal(p, end, '-'))
		return false;
	day = number(p, end, 2);
	if (day < 1 || day > month_days(year, month))
		return false;
	*days = days_from(year, month, day);
	return true;
}

/* hh:mm, in seconds */
static int64_t parse_minutes(const char **p, const char *end)
{
	int64_t hour = number(p, end, 2), minute;

	if (hour < 0 || hour > 23 || !literal(p, end, ':'))
		return -1;
	minute = number(p, end, 2);
	return minute < 0 || minute > 59 ? -1 : hour * 3600 + minute * 60;
}

static bool parse_fraction(const char **p, const char *end, uint32_t *ns)
{
	uint32_t v = 0;
	int digits = 0;

	for (; *p != end && **p >= '0' && **p <= '9'; ++*p, digits++)
		if (digits < 9) /* there may be more: what is less than a nanosecond goes */
			v = v * 10 + (uint32_t)(**p - '0');
	if (!digits)
		return false;
	for (; digits < 9; digits++)
		v *= 10;
	*ns = v;
	return true;
}

bool lp_rfc3339_parse(const char *text, size_t n, int64_t *seconds, uint32_t *ns)
{
	const char *p = text, *end = text + n;
	int64_t days, clock, second, offset;
	bool west;

	*ns = 0;
	if (!parse_date(&p, end, &days) || !literal(&p, end, 'T'))
		return false;
	clock = parse_minutes(&p, end);
	if (clock < 0 || !literal(&p, end, ':'))
		return false;
	second = number(&p, end, 2);
	if (second < 0 || second > 60)
		return false;
	if (p != end && *p == '.' && (++p, !parse_fraction(&p, end, ns)))
		return false;
	*seconds = days * DAY + clock + second;
	if (literal(&p, end, 'Z'))
		return p == end;
	if (p == end || (*p != '+' && *p != '-'))
		return false;
	west = *p++ == '-';
	offset = parse_minutes(&p, end);
	*seconds += west ? offset : -offset;
	return offset >= 0 && p == end;
}

bool lp_rfc3339_print(int64_t seconds, uint32_t ns, char out[static LP_RFC3339_BYTES])
{
	time_t t = (time_t)seconds;
	struct tm tm;
	int n;

	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return false;
	n = snprintf(out, LP_RFC3339_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
		     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (ns) {
		n += snprintf(out + n, LP_RFC3339_BYTES - (size_t)n, ".%09u", ns);
		while (out[n - 1] == '0')
			n--;
	}
	out[n] = 'Z';
	out[n + 1] = '\0';
	return true;
}
