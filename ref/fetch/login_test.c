// SPDX-License-Identifier: MIT
#include "fetch/login.h"

#include "base/file.h"
#include "base/log.h"
#include "fetch/helper.h"
#include "testing/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "dXNlcjpwYXNz" is user:pass */
static const struct {
	const char *name, *text, *host;
	const char *user, *password, *identity;
} good[] = {
	{"an auth", "{\"auths\":{\"h:5\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h:5", "user", "pass", NULL},
	{"another port", "{\"auths\":{\"h:5\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h:6", NULL, NULL, NULL},
	{"no port", "{\"auths\":{\"h:5\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h", NULL, NULL, NULL},
	{"a longer host", "{\"auths\":{\"h\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h.evil", NULL, NULL,
	 NULL},
	{"a URL", "{\"auths\":{\"https://H/v1/\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h", "user", "pass",
	 NULL},
	{"docker.io", "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dXNlcjpwYXNz\"}}}",
	 "docker.io", "user", "pass", NULL},
	{"the exact one", "{\"auths\":{\"https://h\":{\"auth\":\"dTpw\"},\"h\":{\"auth\":"
			  "\"dXNlcjpwYXNz\"}}}", "h", "user", "pass", NULL},
	{"two members", "{\"auths\":{\"h\":{\"username\":\"u\",\"password\":\"p\"}}}", "h", "u", "p",
	 NULL},
	{"a colon in the password", "{\"auths\":{\"h\":{\"auth\":\"dTpwOnE=\"}}}", "h", "u", "p:q",
	 NULL},
	{"an identity token", "{\"auths\":{\"h\":{\"auth\":\"dTo=\",\"identitytoken\":\"t\"}}}", "h",
	 NULL, NULL, "t"},
	{"an empty entry", "{\"auths\":{\"h\":{}}}", "h", NULL, NULL, NULL},
	{"an empty file", "{}", "h", NULL, NULL, NULL},
	{"a helper", "{\"credHelpers\":{\"h\":\"lptest\"}}", "h", "hu", "hs", NULL},
	{"a store", "{\"credsStore\":\"lptest\"}", "h", "hu", "hs", NULL},
	{"a helper's refresh token", "{\"credsStore\":\"lptoken\"}", "h", NULL, NULL, "hs"},
	{"a helper for another", "{\"credHelpers\":{\"i\":\"lptest\"}}", "h", NULL, NULL, NULL},
	{"the helper before the store", "{\"credHelpers\":{\"h\":\"lptest\"},\"credsStore\":\"none\"}",
	 "h", "hu", "hs", NULL},
	{"a store that has none", "{\"credsStore\":\"lpnone\"}", "h", NULL, NULL, NULL},
	{"the file when the store has none",
	 "{\"credsStore\":\"lpnone\",\"auths\":{\"h\":{\"auth\":\"dXNlcjpwYXNz\"}}}", "h", "user",
	 "pass", NULL},
	{"a helper that echoes the host", "{\"credsStore\":\"lpecho\"}", "docker.io",
	 "https://index.docker.io/v1/", "x", NULL},
};

static const struct {
	const char *name, *text;
	enum lp_code code;
} bad[] = {
	{"no JSON", "{", LP_EFORMAT},
	{"no object", "[]", LP_EFORMAT},
	{"auths of another type", "{\"auths\":[]}", LP_EFORMAT},
	{"an entry of another type", "{\"auths\":{\"h\":\"x\"}}", LP_EFORMAT},
	{"no base64", "{\"auths\":{\"h\":{\"auth\":\"*\"}}}", LP_EFORMAT},
	{"no colon", "{\"auths\":{\"h\":{\"auth\":\"dXNlcg==\"}}}", LP_EFORMAT},
	{"a line break", "{\"auths\":{\"h\":{\"auth\":\"dTpwCg==\"}}}", LP_EFORMAT},
	{"a helper with a path", "{\"credsStore\":\"../x\"}", LP_EFORMAT},
	{"a helper of another type", "{\"credHelpers\":{\"h\":1}}", LP_EFORMAT},
	{"a helper that is not there", "{\"credsStore\":\"lpabsent\"}", LP_ESYSTEM},
	{"a helper that fails", "{\"credsStore\":\"lpfail\"}", LP_ESYSTEM},
	{"a helper that says nothing", "{\"credsStore\":\"lpquiet\"}", LP_EFORMAT},
	{"a helper that says too little", "{\"credsStore\":\"lphalf\"}", LP_EFORMAT},
	{"a helper that hangs", "{\"credsStore\":\"lphang\"}", LP_ESYSTEM},
	{"a helper that never stops", "{\"credsStore\":\"lpendless\"}", LP_ELIMIT},
	{"a helper that is killed", "{\"credsStore\":\"lpkilled\"}", LP_ESYSTEM},
};

static const struct {
	const char *name, *script;
} helpers[] = {
	{"lptest", "[ \"$1\" = get ] && printf '{\"ServerURL\":\"h\",\"Username\":\"hu\","
		   "\"Secret\":\"hs\"}'"},
	{"lptoken", "printf '{\"Username\":\"<token>\",\"Secret\":\"hs\"}'"},
	{"lpnone", "echo 'credentials not found in native keychain'; exit 1"},
	{"lpecho", "printf '{\"Username\":\"%s\",\"Secret\":\"x\"}' \"$(cat)\""},
	{"lpfail", "exit 3"},
	{"lpquiet", "exit 0"},
	{"lphalf", "echo '{\"Username\":\"u\"}'"},
	{"lphang", "exec 2>&-; exec tail -f /dev/null"},
	{"lpendless", "exec yes"},
	{"lpkilled", "kill -9 $$"},
};

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool write_helpers(const char *dir)
{
	char path[200];
	FILE *f;

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		snprintf(path, sizeof(path), "%s/docker-credential-%s", dir, helpers[i].name);
		f = fopen(path, "w");
		if (!f)
			return false;
		fprintf(f, "#!/bin/sh\n%s\n", helpers[i].script);
		fclose(f);
		chmod(path, 0700);
	}
	return true;
}

static void remove_helpers(const char *dir)
{
	char path[200];

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		snprintf(path, sizeof(path), "%s/docker-credential-%s", dir, helpers[i].name);
		unlink(path);
	}
	rmdir(dir);
}

static void test_good(void)
{
	struct lp_login l;
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		enum lp_code code = lp_login_parse(good[i].text, strlen(good[i].text), good[i].host,
						   20000, &l, &err);

		CHECK(!code && same(l.user, good[i].user) &&
			      same(l.password, good[i].password) &&
			      same(l.identity, good[i].identity),
		      "%s: %s %s", good[i].name, l.user ? l.user : "-", err.msg);
		CHECK(code || lp_login_empty(&l) == (!good[i].user && !good[i].identity),
		      "empty or not");
		lp_login_free(&l);
		lp_login_free(&l);
	}
}

static void test_bad(void)
{
	struct lp_login l;
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned ms = strstr(bad[i].name, "hangs") ? 50 : 20000;

		CHECK(lp_login_parse(bad[i].text, strlen(bad[i].text), "h", ms, &l, &err) ==
			      bad[i].code,
		      "refuse %s: %s", bad[i].name, err.msg);
		CHECK(lp_login_empty(&l), "and nothing is left");
		lp_login_free(&l);
	}
	CHECK(!lp_login_parse("{\"credsStore\":\"lpfail\"}", 23, "h", 0, &l, &err) &&
		      lp_login_empty(&l),
	      "without time no helper is asked");
	lp_login_free(&l);
}

static void test_find(const char *dir)
{
	static const char text[] = "{\"auths\":{\"h\":{\"auth\":\"dXNlcjpwYXNz\"}}}";
	struct lp_login l;
	struct lp_err err = {0};
	char path[200];
	char *header;

	setenv("DOCKER_CONFIG", dir, 1);
	CHECK(!lp_login_find("h", 100, &l, &err) && lp_login_empty(&l), "no config.json");
	snprintf(path, sizeof(path), "%s/config.json", dir);
	if (lp_file_save(AT_FDCWD, path, text, sizeof(text) - 1, &err))
		return;
	CHECK(!lp_login_find("h", 100, &l, &err) && same(l.user, "user"), "config.json: %s", err.msg);
	header = l.user ? lp_login_basic(&l) : NULL;
	CHECK(!header || !strcmp(header, "Authorization: Basic dXNlcjpwYXNz"), "as a header");
	free(header);
	lp_login_free(&l);
	unsetenv("DOCKER_CONFIG");
	setenv("HOME", dir, 1);
	CHECK(!lp_login_find("h", 100, &l, &err) && lp_login_empty(&l), "not ~/config.json");
	unlink(path);
}

int main(void)
{
	char dir[] = "/tmp/lp-login-XXXXXX", path[1000];
	const char *before = getenv("PATH");

	if (!mkdtemp(dir) || !write_helpers(dir))
		return 1;
	snprintf(path, sizeof(path), "%s:%s", dir, before ? before : "/usr/bin:/bin");
	setenv("PATH", path, 1);
	test_good();
	test_bad();
	test_find(dir);
	remove_helpers(dir);
	return test_done();
}
