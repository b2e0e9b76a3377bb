// SPDX-License-Identifier: MIT
#include "oci/platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* The kernel's names, and what Go, thus the image specification, calls them. */
static const struct {
	const char *kernel, *arch, *variant;
} machines[] = {
	{"x86_64", "amd64", ""},     {"i686", "386", ""},	   {"i386", "386", ""},
	{"aarch64", "arm64", "v8"},  {"armv8l", "arm", "v8"},	   {"armv7l", "arm", "v7"},
	{"armv6l", "arm", "v6"},     {"armv5tel", "arm", "v5"},	   {"loongarch64", "loong64", ""},
	{"ppc64le", "ppc64le", ""},  {"riscv64", "riscv64", ""},   {"s390x", "s390x", ""},
};

#define NMACHINES (sizeof(machines) / sizeof(machines[0]))

static void set_machine(const char *kernel, struct lp_platform *p)
{
	snprintf(p->arch, sizeof(p->arch), "%.31s", kernel);
	for (size_t i = 0; i < NMACHINES; i++) {
		if (strcmp(machines[i].kernel, kernel))
			continue;
		snprintf(p->arch, sizeof(p->arch), "%s", machines[i].arch);
		if (!*p->variant)
			snprintf(p->variant, sizeof(p->variant), "%s", machines[i].variant);
	}
}

static bool take_word(const char **text, char out[static 32])
{
	size_t n = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

	if (!n || n > 31)
		return false;
	snprintf(out, 32, "%.*s", (int)n, *text);
	*text += n;
	return true;
}

/* "(+one+two)" behind the system's name, if there is any. */
static bool take_features(const char **text, char out[static LP_FEATURES])
{
	size_t used = 0;
	char word[32];

	if (**text != '(')
		return true;
	for (++*text; **text == '+'; used = strlen(out)) {
		++*text;
		if (!take_word(text, word) || used + strlen(word) + 2 > LP_FEATURES)
			return false;
		snprintf(out + used, LP_FEATURES - used, "+%s", word);
	}
	return used && *(*text)++ == ')';
}

enum lp_code lp_platform_parse(const char *text, struct lp_platform *out, struct lp_err *err)
{
	struct lp_platform p = {.os = "linux"};
	char arch[sizeof(p.arch)];
	const char *at = text;
	struct utsname u;
	bool ok;

	if (!text) {
		if (uname(&u))
			return lp_fail_errno(err, "uname");
		set_machine(u.machine, &p);
		*out = p;
		return LP_OK;
	}
	ok = take_word(&at, p.os) && take_features(&at, p.features) && *at++ == '/' &&
	     take_word(&at, arch);
	if (ok && *at == '/') {
		at++;
		ok = take_word(&at, p.variant);
	}
	if (!ok || *at)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "platform \"%.60s\": want OS[(+FEATURE)]/ARCHITECTURE[/VARIANT]", text);
	set_machine(arch, &p);
	*out = p;
	return LP_OK;
}

static enum lp_code read_word(const json_t *o, const char *key, enum lp_json_need need,
			      const char *rule, char out[static 32], struct lp_err *err)
{
	const char *word;

	if (lp_json_string(o, key, need, rule, &word, err))
		return err->code;
	if (word && strlen(word) > 31)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule,
			       "\"%s\" has %zu characters, the limit is 31", key, strlen(word));
	snprintf(out, 32, "%s", word ? word : "");
	return LP_OK;
}

static enum lp_code read_features(const json_t *o, const char *rule,
				  char out[static LP_FEATURES], struct lp_err *err)
{
	json_t *list;
	size_t used = 0;

	if (lp_json_child(o, "os.features", JSON_ARRAY, LP_JSON_OPTIONAL, rule, &list, err))
		return err->code;
	for (size_t i = 0; i < json_array_size(list); i++, used = strlen(out)) {
		const char *word = json_string_value(json_array_get(list, i));

		if (!word || !*word || strchr(word, '+'))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule,
				       "os.features has what is not the name of a feature");
		if (strlen(word) > LP_FEATURES - 2 - used)
			return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, rule,
				       "os.features has more than %d characters",
				       LP_FEATURES - 1);
		snprintf(out + used, LP_FEATURES - used, "+%s", word);
	}
	return LP_OK;
}

enum lp_code lp_platform_read(const json_t *o, const char *rule, struct lp_platform *out,
			      struct lp_err *err)
{
	struct lp_platform p = {.os = ""};

	if (read_word(o, "os", LP_JSON_REQUIRED, rule, p.os, err) ||
	    read_word(o, "architecture", LP_JSON_REQUIRED, rule, p.arch, err) ||
	    read_word(o, "variant", LP_JSON_OPTIONAL, rule, p.variant, err) ||
	    read_features(o, rule, p.features, err))
		return err->code;
	*out = p;
	return LP_OK;
}

void lp_platform_text(const struct lp_platform *p, char out[static LP_PLATFORM_TEXT])
{
	bool more = *p->features;

	snprintf(out, LP_PLATFORM_TEXT, "%s%s%s%s/%s%s%s", p->os, more ? "(" : "", p->features,
		 more ? ")" : "", p->arch, *p->variant ? "/" : "", p->variant);
}

bool lp_platform_has(const struct lp_platform *p, const char *word, size_t n)
{
	for (const char *at = p->features; *at; at += 1 + strcspn(at + 1, "+"))
		if (strcspn(at + 1, "+") == n && !memcmp(at + 1, word, n))
			return true;
	return false;
}

/* The number of an arm variant, 5 to 8; 0 for another word. */
static unsigned arm_variant(const char *v)
{
	if (!*v)
		return 7; /* what Go and containerd take it for */
	return v[0] == 'v' && v[1] >= '5' && v[1] <= '8' && !v[2] ? (unsigned)(v[1] - '0') : 0;
}

static unsigned machine_rank(const struct lp_platform *have, const struct lp_platform *want)
{
	unsigned h = arm_variant(have->variant), w = arm_variant(want->variant);

	if ((*want->os && strcmp(have->os, want->os)) ||
	    (*want->arch && strcmp(have->arch, want->arch)))
		return 0;
	if (!strcmp(want->arch, "arm") && h && w)
		return h <= w ? h : 0;
	if (!*want->variant || !strcmp(have->variant, want->variant))
		return 1;
	return !strcmp(want->arch, "arm64") && !*have->variant && !strcmp(want->variant, "v8");
}

#define ASKED_MAX 7u	/* ours: more features that were asked for count no further */

unsigned lp_platform_rank(const struct lp_platform *have, const struct lp_platform *want)
{
	unsigned asked = 0;

	for (const char *at = have->features; *at; at += 1 + strcspn(at + 1, "+")) {
		size_t n = strcspn(at + 1, "+");

		if (lp_platform_has(want, at + 1, n))
			asked += asked < ASKED_MAX;
		else if (n != strlen(LP_FEATURE_NYDUS) || memcmp(at + 1, LP_FEATURE_NYDUS, n))
			return 0;
	}
	return machine_rank(have, want) * (ASKED_MAX + 1) + (machine_rank(have, want) ? asked : 0);
}
