// SPDX-License-Identifier: MIT
#include "image/agree.h"

#include "testing/test.h"

#include <string.h>

#define ROOT "{\"p\":\"\",\"t\":\"dir\",\"m\":493,\"mt\":5}\n"
#define A "{\"p\":\"a\",\"t\":\"reg\",\"m\":420,\"mt\":1000000000,\"d\":\"sha256:00\"}\n"
#define B "{\"p\":\"b\",\"t\":\"whiteout\"}\n"

static const struct row {
	const char *lazy, *plain;
	bool agree;
} rows[] = {
	{"", "", true},
	{ROOT A B, ROOT A B, true},
	{"{\"p\":\"\",\"t\":\"dir\",\"m\":448,\"mt\":9}\n" A, ROOT A, true},
	{A, "{\"p\":\".no.prefetch.landmark\",\"t\":\"reg\"}\n" A
	    "{\"p\":\"stargz.index.json\",\"t\":\"reg\"}\n", true},
	{A, "{\"p\":\"a\",\"t\":\"reg\",\"m\":420,\"mt\":1999999999,\"d\":\"sha256:00\"}\n", true},
	{A, "{\"p\":\"a\",\"t\":\"reg\",\"m\":420,\"mt\":2000000000,\"d\":\"sha256:00\"}\n", false},
	{A, "{\"p\":\"a\",\"t\":\"reg\",\"m\":420,\"mt\":-1,\"d\":\"sha256:00\"}\n", false},
	{A, "{\"p\":\"a\",\"t\":\"reg\",\"m\":421,\"mt\":1000000000,\"d\":\"sha256:00\"}\n", false},
	{A, "{\"p\":\"a\",\"t\":\"reg\",\"m\":420,\"mt\":1000000000,\"d\":\"sha256:01\"}\n", false},
	{A, "{\"p\":\"a\",\"t\":\"reg\",\"m\":420,\"mt\":1000000000}\n", false},
	{A B, A, false},
	{A, A B, false},
	{B, A, false},
	{"", B, false},
	{B, "{\"p\":\"a/stargz.index.json\",\"t\":\"reg\"}\n" B, false},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct lp_err err = {0};
		enum lp_code code = lp_agree_text(r->lazy, strlen(r->lazy), r->plain,
						  strlen(r->plain), &err);

		CHECK(r->agree ? !code : code == LP_EFORMAT && !strcmp(err.rule, "estargz.toc.tar"),
		      "row %zu: %s", i, code ? err.msg : "they agree");
	}
	return test_done();
}
