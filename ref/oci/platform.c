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
	ok = take_word(&at, p.os) && *at++ == '/' && take_word(&at, arch);
	if (ok && *at == '/') {
		at++;
		ok = take_word(&at, p.variant);
	}
	if (!ok || *at)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "platform \"%.60s\": want OS/ARCHITECTURE[/VARIANT]", text);
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

enum lp_code lp_platform_read(const json_t *o, const char *rule, struct lp_platform *out,
			      struct lp_err *err)
{
	struct lp_platform p = {.os = ""};

	if (read_word(o, "os", LP_JSON_REQUIRED, rule, p.os, err) ||
	    read_word(o, "architecture", LP_JSON_REQUIRED, rule, p.arch, err) ||
	    read_word(o, "variant", LP_JSON_OPTIONAL, rule, p.variant, err))
		return err->code;
	*out = p;
	return LP_OK;
}

void lp_platform_text(const struct lp_platform *p, char out[static LP_PLATFORM_TEXT])
{
	snprintf(out, LP_PLATFORM_TEXT, "%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "",
		 p->variant);
}

/* The number of an arm variant, 5 to 8; 0 for another word. */
static unsigned arm_variant(const char *v)
{
	if (!*v)
		return 7; /* what Go and containerd take it for */
	return v[0] == 'v' && v[1] >= '5' && v[1] <= '8' && !v[2] ? (unsigned)(v[1] - '0') : 0;
}

unsigned lp_platform_rank(const struct lp_platform *have, const struct lp_platform *want)
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
