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
	{"linux(+a)/amd64", "linux(+a)/amd64"},
	{"linux(+a.b+c)/arm64", "linux(+a.b+c)/arm64"},
	{"linux()/amd64", NULL},
	{"linux(a)/amd64", NULL},
	{"linux(+)/amd64", NULL},
	{"linux(+a/amd64", NULL},
	{"linux(+a)amd64", NULL},
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
	{"linux/amd64", "linux(+a)/amd64", "linux/arm64", '-'},
	{"linux/amd64", "linux(+nydus.remoteimage.v1)/amd64", "linux(+nydus.remoteimage.v2)/amd64",
	 'a'},
	{"linux(+a)/amd64", "linux/amd64", "linux(+a)/amd64", 'b'},
	{"linux(+a)/amd64", "linux/amd64", "linux(+a+b)/amd64", 'a'},
	{"linux(+a+b)/amd64", "linux(+b)/amd64", "linux(+b+a)/amd64", 'b'},
	{"linux(+a)/amd64", "linux(+a)/arm64", "linux(+ab)/amd64", '-'},
};

/* Fields as they stand in a document, which parse() would have normalised. */
static struct lp_platform split(const char *text)
{
	struct lp_platform p = {0};

	CHECK(sscanf(text, "%31[^(/](%95[^)])/%31s", p.os, p.features, p.arch) == 3 ||
	      sscanf(text, "%31[^/]/%31[^/]/%31s", p.os, p.arch, p.variant) >= 2, "split %s", text);
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

static const struct {
	const char *features;
	enum lp_code want;
	const char *text;
} documents[] = {
	{"null", LP_OK, "linux/amd64"},
	{"[]", LP_OK, "linux/amd64"},
	{"[\"a\",\"b.c\"]", LP_OK, "linux(+a+b.c)/amd64"},
	{"\"a\"", LP_EFORMAT, NULL},
	{"[1]", LP_EFORMAT, NULL},
	{"[\"\"]", LP_EFORMAT, NULL},
	{"[\"a+b\"]", LP_EFORMAT, NULL},
	{"[\"0123456789012345678901234567890123456789012345\","
	 "\"01234567890123456789012345678901234567890123456\"]", LP_OK, NULL},
	{"[\"0123456789012345678901234567890123456789012345\","
	 "\"012345678901234567890123456789012345678901234567\"]", LP_ELIMIT, NULL},
};

static void test_documents(void)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		LP_AUTO(lp_json_free) json_t *o = NULL;
		char json[300], text[LP_PLATFORM_TEXT];
		struct lp_platform p = {0};
		struct lp_err err = {0};
		int n = snprintf(json, sizeof(json),
				 "{\"os\":\"linux\",\"architecture\":\"amd64\",\"os.features\":%s}",
				 documents[i].features);

		if (lp_json_parse(json, (size_t)n, NULL, &o, &err))
			continue;
		CHECK(lp_platform_read(o, "a.b.c", &p, &err) == documents[i].want, "features %s: %s",
		      documents[i].features, err.msg);
		lp_platform_text(&p, text);
		if (documents[i].text)
			CHECK(!strcmp(text, documents[i].text), "are %s", text);
	}
}

int main(void)
{
	test_documents();
	test_words();
	test_ranks();
	return test_done();
}
