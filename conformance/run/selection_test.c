// SPDX-License-Identifier: MIT
#include "run/selection.h"
#include "testing/test.h"

#include <string.h>

static char *borrow(const char *text)
{
	return (char *)(uintptr_t)text;
}

static const struct {
	const char *word, *profile, *want;	/* '1' for each that is chosen, or NULL: an error */
} rows[] = {
	{NULL, NULL, "111"},
	{"estargz", NULL, "110"},
	{"estargz/footer", NULL, "100"},
	{"estargz/", NULL, "110"},
	{"estargz/foot", NULL, NULL},
	{"estargz.footer", NULL, "100"},
	{"estargz.footer.length", NULL, "100"},
	{"estargz.foot", NULL, NULL},
	{"ESGZ-*", NULL, "110"},
	{"ESGZ-FTR-1", NULL, "100"},
	{"oci", NULL, "001"},
	{NULL, "hostile", "101"},
	{"estargz", "hostile", "100"},
	{NULL, "host", NULL},
	{"oci", "verify", NULL},
};

int main(void)
{
	char *footer[] = {borrow("estargz.footer.length")}, *toc[] = {borrow("estargz.toc.name")};
	struct gen_vector v[] = {
		{.id = borrow("ESGZ-FTR-1"), .format = borrow("estargz"), .clause = footer,
		 .nclause = 1, .file = borrow("estargz/footer.rcp"), .profile = borrow("a hostile")},
		{.id = borrow("ESGZ-TOC-1"), .format = borrow("estargz"), .clause = toc,
		 .nclause = 1, .file = borrow("estargz/toc.rcp"), .profile = borrow("verify")},
		{.id = borrow("TAR-1"), .format = borrow("oci"), .file = borrow("oci/tar.rcp"),
		 .profile = borrow("hostile")},
	};
	struct gen_set set = {.v = v, .n = 3};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lc_selection what = {&rows[i].word, rows[i].word != NULL, rows[i].profile};
		struct lp_err err = {0};
		bool chosen[3], ok;
		char got[4] = "";
		size_t n;

		ok = !lc_choose(&set, &what, chosen, &n, &err);
		for (size_t k = 0; ok && k < 3; k++)
			got[k] = chosen[k] ? '1' : '0';
		CHECK(ok ? rows[i].want && !strcmp(got, rows[i].want) :
			   !rows[i].want && err.code == LP_EUSAGE,
		      "%s, profile %s: %s%s", rows[i].word ? rows[i].word : "all",
		      rows[i].profile ? rows[i].profile : "any", got, err.msg);
	}
	return test_done();
}
