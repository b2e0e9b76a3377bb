// SPDX-License-Identifier: MIT
#include "oci/platform.h"
#include "testing/test.h"

#include <string.h>

static const struct {
	const char *text, *want;
} words[] = {
	{"linux/amd64", "linux/amd64"},
	{"linux/x86_64", "linux/amd64"},
	{"linux/aarch64", "linux/arm64/v8"},
	{"linux/arm64/v8", "linux/arm64/v8"},
	{"linux/arm/v6", "linux/arm/v6"},
	{"windows/amd64", "windows/amd64"},
	{"linux", NULL},
	{"", NULL},
	{"linux/", NULL},
	{"/amd64", NULL},
	{"linux/arm/", NULL},
	{"linux/arm/v7/x", NULL},
	{"Linux/amd64", NULL},
	{"linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
};

static void test_words(void)
{
	struct lp_platform p;
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char text[LP_PLATFORM_TEXT] = "";
		enum lp_code got = lp_platform_parse(words[i].text, &p, &err);

		if (!got)
			lp_platform_text(&p, text);
		CHECK(words[i].want ? !got && !strcmp(text, words[i].want) : got == LP_EUSAGE,
		      "platform \"%s\" is %s", words[i].text, got ? err.msg : text);
	}
	CHECK(!lp_platform_parse(NULL, &p, &err) && !strcmp(p.os, "linux") && *p.arch,
	      "the machine that runs us: %s", p.arch);
}

/* The better of two, as letters; '-': neither serves. */
static const struct {
	const char *want, *a, *b;
	char best;
} ranks[] = {
	{"linux/amd64", "linux/amd64", "linux/arm64", 'a'},
	{"linux/amd64", "windows/amd64", "linux/386", '-'},
	{"linux/arm64", "linux/arm64/v8", "linux/amd64", 'a'},
	{"linux/arm64/v8", "linux/amd64", "linux/arm64", 'b'},
	{"linux/arm64/v8", "linux/arm64/v9", "linux/arm64", 'b'},
	{"linux/arm/v7", "linux/arm/v5", "linux/arm/v7", 'b'},
	{"linux/arm/v7", "linux/arm/v6", "linux/arm/v8", 'a'},
	{"linux/arm", "linux/arm/v6", "linux/arm/v7", 'b'},
	{"linux/arm/v6", "linux/arm/v7", "linux/arm", '-'},
	{"linux/amd64/v1", "linux/amd64/v3", "linux/amd64/v2", '-'},
};

/* Fields as they stand in a document, which parse() would have normalised. */
static struct lp_platform split(const char *text)
{
	struct lp_platform p = {0};

	CHECK(sscanf(text, "%31[^/]/%31[^/]/%31s", p.os, p.arch, p.variant) >= 2, "split %s", text);
	return p;
}

static void test_ranks(void)
{
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		struct lp_platform want = split(ranks[i].want);
		struct lp_platform a = split(ranks[i].a), b = split(ranks[i].b);
		unsigned ra = lp_platform_rank(&a, &want), rb = lp_platform_rank(&b, &want);

		CHECK((!ra && !rb ? '-' : ra > rb ? 'a' : 'b') == ranks[i].best, "%s: %s or %s",
		      ranks[i].want, ranks[i].a, ranks[i].b);
	}
}

int main(void)
{
	test_words();
	test_ranks();
	return test_done();
}
