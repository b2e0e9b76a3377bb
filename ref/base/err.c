// SPDX-License-Identifier: MIT
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Words of a document reach messages: they may not move a terminal's cursor or end the line. */
static void make_printable(char *msg)
{
	for (; *msg; msg++)
		if ((unsigned char)*msg < ' ' || *msg == 0x7f)
			*msg = '?';
}

enum lp_code lp_fail(struct lp_err *err, enum lp_code code, uint64_t at,
		     const char *rule, const char *fmt, ...)
{
	va_list ap;

	err->sys = code == LP_ESYSTEM ? errno : 0;
	err->code = code;
	err->at = at;
	err->rule = rule;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	make_printable(err->msg);
	return code;
}

enum lp_code lp_fail_errno(struct lp_err *err, const char *fmt, ...)
{
	int sys = errno;
	char reason[80];
	va_list ap;
	int n;

	err->sys = sys;
	err->code = LP_ESYSTEM;
	err->at = LP_NO_OFFSET;
	err->rule = NULL;
	va_start(ap, fmt);
	n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->msg))
		snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s",
			 strerror_r(sys, reason, sizeof(reason)));
	make_printable(err->msg);
	return LP_ESYSTEM;
}

enum lp_code lp_within(struct lp_err *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	size_t room = sizeof(err->msg);
	va_list ap;
	int n;

	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	n = vsnprintf(err->msg, room, fmt, ap);
	va_end(ap);
	room = n >= 0 && (size_t)n < room ? room - (size_t)n : 0;
	if (room && (size_t)snprintf(err->msg + n, room, ": %s", inner) >= room)
		memcpy(err->msg + sizeof(err->msg) - 4, "...", 4);
	make_printable(err->msg);
	return err->code;
}

static const struct {
	const char *name;
	int exit_status;
} codes[] = {
	[LP_OK] = {"ok", 0},
	[LP_EUSAGE] = {"usage", 2},
	[LP_ESYSTEM] = {"system", 3},
	[LP_EREMOTE] = {"remote", 3},
	[LP_EMISSING] = {"missing", 3},
	[LP_ESHORT] = {"short", 1},
	[LP_EFORMAT] = {"format", 1},
	[LP_EDIGEST] = {"digest", 1},
	[LP_EUNSUP] = {"unsupported", 1},
	[LP_ELIMIT] = {"limit", 1},
};

const char *lp_code_name(enum lp_code code)
{
	return codes[code].name;
}

int lp_exit_status(enum lp_code code)
{
	return codes[code].exit_status;
}
