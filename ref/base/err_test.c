// SPDX-License-Identifier: MIT
#include "base/err.h"
#include "testing/test.h"

#include <errno.h>
#include <string.h>

static void test_fail(void)
{
	struct lp_err err = {0};
	char words[1000];

	CHECK(lp_fail(&err, LP_EFORMAT, 12, "a.b.c", "%d is odd", 3) == LP_EFORMAT &&
	      err.code == LP_EFORMAT && err.at == 12 && !err.sys && !strcmp(err.rule, "a.b.c") &&
	      !strcmp(err.msg, "3 is odd"), "fail");
	errno = ENOSPC;
	CHECK(lp_fail(&err, LP_ESYSTEM, 0, NULL, "x") == LP_ESYSTEM && err.sys == ENOSPC,
	      "a failure of the system keeps errno");
	errno = ENOENT;
	CHECK(lp_fail_errno(&err, "open %s", "/x") == LP_ESYSTEM && err.sys == ENOENT &&
	      !strcmp(err.msg, "open /x: No such file or directory"), "%s", err.msg);
	CHECK(lp_within(&err, "layer %d", 3) == LP_ESYSTEM &&
	      !strcmp(err.msg, "layer 3: open /x: No such file or directory"), "%s", err.msg);
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	lp_fail(&err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s", words);
	CHECK(strlen(err.msg) == sizeof(err.msg) - 1, "a long message is cut");
	lp_within(&err, "at the top");
	CHECK(!strncmp(err.msg, "at the top: www", 15) && !strcmp(err.msg + strlen(err.msg) - 3, "..."),
	      "and says so when something comes in front");
	lp_within(&err, "%s", words);
	CHECK(strlen(err.msg) == sizeof(err.msg) - 1, "a context that leaves no room");
	lp_fail(&err, LP_EUSAGE, LP_NO_OFFSET, NULL, "name \"%s\"", "a\tb\033[1m\x7f\r\n");
	CHECK(!strcmp(err.msg, "name \"a?b?[1m???\""), "control characters: %s", err.msg);
}

static void test_codes(void)
{
	static const struct {
		enum lp_code code;
		const char *name;
		int status;
	} rows[] = {
		{LP_OK, "ok", 0},	    {LP_EUSAGE, "usage", 2},     {LP_ESYSTEM, "system", 3},
		{LP_EREMOTE, "remote", 3},  {LP_EMISSING, "missing", 3}, {LP_ESHORT, "short", 1},
		{LP_EFORMAT, "format", 1},  {LP_EDIGEST, "digest", 1},   {LP_EUNSUP, "unsupported", 1},
		{LP_ELIMIT, "limit", 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK(!strcmp(lp_code_name(rows[i].code), rows[i].name) &&
		      lp_exit_status(rows[i].code) == rows[i].status, "%s exits with %d",
		      rows[i].name, rows[i].status);
}

int main(void)
{
	test_fail();
	test_codes();
	return test_done();
}
