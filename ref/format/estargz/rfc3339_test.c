// SPDX-License-Identifier: MIT
#include "format/estargz/rfc3339.h"

#include "testing/test.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	const char *text;
	int64_t seconds;
	uint32_t ns;
	bool canonical;		/* print() gives the same text */
} good[] = {
	{"1970-01-01T00:00:00Z", 0, 0, true},
	{"2020-09-13T12:26:41Z", 1600000001, 0, true},
	{"2020-09-13T12:26:40.5Z", 1600000000, 500000000, true},
	{"2020-09-13T12:26:40.000000001Z", 1600000000, 1, true},
	{"2020-09-13T12:26:40.500Z", 1600000000, 500000000, false},
	{"2020-09-13T14:26:40+02:00", 1600000000, 0, false},
	{"2020-09-13T04:56:40-07:30", 1600000000, 0, false},
	{"2020-09-13t12:26:40z", 1600000000, 0, false},
	{"2020-09-13T12:26:40.1234567899Z", 1600000000, 123456789, false},
	{"2016-12-31T23:59:60Z", 1483228800, 0, false},
	{"2000-02-29T00:00:00Z", 951782400, 0, true},
	{"1969-12-31T23:59:59Z", -1, 0, true},
	{"0001-01-01T00:00:00Z", -62135596800, 0, true},
	{"0000-01-01T00:00:00Z", -62167219200, 0, true},
	{"9999-12-31T23:59:59Z", 253402300799, 0, true},
};

static const char *const bad[] = {
	"", "2020", "2020-09-13", "2020-09-13T12:26:40", "2020-09-13 12:26:40Z",
	"2020-9-13T12:26:40Z", "2020-13-01T00:00:00Z", "2020-00-01T00:00:00Z",
	"2019-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2020-04-31T00:00:00Z",
	"2020-01-00T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:60:00Z",
	"2020-01-01T00:00:61Z", "2020-01-01T00:00:00.Z",
	"2020-01-01T00:00:00Zx", "2020-01-01T00:00:00+0200", "2020-01-01T00:00:00+24:00",
	"2020-01-01T00:00:00+02:00x", "-020-01-01T00:00:00Z", "20200101T000000Z",
	"2020\r01-01T00:00:00Z", "2020-01-01T00\x1a""00:00Z",
};

int main(void)
{
	char text[LP_RFC3339_BYTES];
	int64_t seconds;
	uint32_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(lp_rfc3339_parse(good[i].text, strlen(good[i].text), &seconds, &ns) &&
			      seconds == good[i].seconds && ns == good[i].ns,
		      "%s is %" PRId64, good[i].text, good[i].seconds);
		CHECK(lp_rfc3339_print(good[i].seconds, good[i].ns, text) &&
			      !strcmp(text, good[i].text) == good[i].canonical,
		      "%s prints as %s", good[i].text, text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!lp_rfc3339_parse(bad[i], strlen(bad[i]), &seconds, &ns), "refuses \"%s\"",
		      bad[i]);
	CHECK(!lp_rfc3339_print(253402300800, 0, text), "refuses the year 10000");
	CHECK(!lp_rfc3339_print(INT64_MIN, 0, text), "refuses a year that overflows");
	return test_done();
}
