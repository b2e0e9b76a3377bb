// SPDX-License-Identifier: MIT
#include "fetch/login.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "fetch/helper.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_CONFIG "registry.login.config"
#define DOCKER_HUB_KEY "https://index.docker.io/v1/"	/* Docker CLI: its name in config.json */

static void wipe(char **text)
{
	if (*text)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static void wipe_buf(struct lp_buf *b)
{
	if (b->cap)
		OPENSSL_cleanse(b->p, b->cap);
	lp_buf_free(b);
}

void lp_login_free(struct lp_login *l)
{
	wipe(&l->user);
	wipe(&l->password);
	wipe(&l->identity);
}

bool lp_login_empty(const struct lp_login *l)
{
	return !l->user && !l->identity;
}

enum lp_code lp_login_set(struct lp_login *l, const char *user, const char *password,
			  struct lp_err *err)
{
	lp_login_free(l);
	l->user = strdup(user);
	l->password = strdup(password);
	if (!l->user || !l->password) {
		lp_login_free(l);
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "credentials");
	}
	return LP_OK;
}

static enum lp_code set_identity(struct lp_login *l, const char *token, struct lp_err *err)
{
	lp_login_free(l);
	l->identity = strdup(token);
	return l->identity ? LP_OK
			   : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "credentials");
}

char *lp_login_basic(const struct lp_login *l)
{
	static const char start[] = "Authorization: Basic ";
	size_t user = strlen(l->user), password = strlen(l->password);
	size_t n = user + 1 + password, room = sizeof(start) + lp_base64_chars(n);
	char *pair = malloc(n + 1), *out = malloc(room);

	if (pair && out) {
		snprintf(pair, n + 1, "%s:%s", l->user, l->password);
		memcpy(out, start, sizeof(start) - 1);
		lp_base64_encode(pair, n, out + sizeof(start) - 1);
		out[room - 1] = '\0';
	} else {
		free(out);
		out = NULL;
	}
	if (pair)
		OPENSSL_cleanse(pair, n);
	free(pair);
	return out;
}

/* The host a key of auths or credHelpers means: without scheme and path. */
static bool key_is(const char *key, const char *host)
{
	const char *scheme = strstr(key, "://"), *start = scheme ? scheme + 3 : key;
	size_t n = strcspn(start, "/");

	if (!strcmp(host, "docker.io"))
		return (n == 9 && !memcmp(start, "docker.io", n)) ||
		       (n == 15 && !memcmp(start, "index.docker.io", n)) ||
		       (n == 20 && !memcmp(start, "registry-1.docker.io", n));
	return strlen(host) == n && !strncasecmp(start, host, n);
}

/* The member of @o whose key means @host: the exact one first, as Docker does. */
static const json_t *find_host(json_t *o, const char *host)
{
	const json_t *exact = json_object_get(o, host);
	const char *key;
	json_t *value;

	if (exact)
		return exact;
	json_object_foreach(o, key, value)
		if (key_is(key, host))
			return value;
	return NULL;
}

static enum lp_code bad(struct lp_err *err, const char *what)
{
	return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_CONFIG, "config.json: %s", what);
}

/* A NUL or line break in a secret would end up in a header. */
static bool is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return false;
	return true;
}

/* "auth": base64 of USER:PASSWORD */
static enum lp_code take_pair(const char *text, struct lp_login *out, struct lp_err *err)
{
	LP_AUTO(wipe_buf) struct lp_buf b = {0};
	size_t n = strlen(text), got = 0;
	char *colon;

	if (lp_buf_reserve(&b, n + 1, LP_LOGIN_CONFIG_MAX, err))
		return err->code;
	if (!lp_base64_decode(text, n, b.p, &got))
		return bad(err, "an auth is not base64");
	while (got && !b.p[got - 1])	/* Docker pads old ones with NULs */
		got--;
	b.p[got] = '\0';
	colon = memchr(b.p, ':', got);
	if (!colon || !is_plain((char *)b.p, got))
		return bad(err, "an auth is not USER:PASSWORD");
	*colon = '\0';
	return lp_login_set(out, (char *)b.p, colon + 1, err);
}

static enum lp_code take_auth(const json_t *entry, struct lp_login *out, struct lp_err *err)
{
	const char *auth, *user, *password, *identity;

	if (!json_is_object(entry))
		return bad(err, "an entry of auths is no object");
	if (lp_json_string(entry, "auth", LP_JSON_OPTIONAL, RULE_CONFIG, &auth, err) ||
	    lp_json_string(entry, "username", LP_JSON_OPTIONAL, RULE_CONFIG, &user, err) ||
	    lp_json_string(entry, "password", LP_JSON_OPTIONAL, RULE_CONFIG, &password, err) ||
	    lp_json_string(entry, "identitytoken", LP_JSON_OPTIONAL, RULE_CONFIG, &identity, err))
		return err->code;
	if (identity && identity[0])
		return set_identity(out, identity, err);
	if (auth && auth[0])
		return take_pair(auth, out, err);
	if (user && user[0])
		return lp_login_set(out, user, password ? password : "", err);
	return LP_OK;
}

/* What a helper prints: {"ServerURL": ..., "Username": ..., "Secret": ...} */
static enum lp_code take_answer(const struct lp_buf *text, struct lp_login *out,
				struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	const char *user, *secret;

	if (lp_json_parse(text->p, text->len, RULE_CONFIG, &j, err) ||
	    lp_json_string(j, "Username", LP_JSON_REQUIRED, RULE_CONFIG, &user, err) ||
	    lp_json_string(j, "Secret", LP_JSON_REQUIRED, RULE_CONFIG, &secret, err))
		return err->code;
	if (!is_plain(user, strlen(user)) || !is_plain(secret, strlen(secret)))
		return bad(err, "a helper's answer has control characters");
	/* docker-credential-helpers: this user name says that the secret is a refresh token */
	if (!strcmp(user, "<token>"))
		return set_identity(out, secret, err);
	return lp_login_set(out, user, secret, err);
}

static enum lp_code ask_helper(const char *name, const char *host, unsigned ms,
			       struct lp_login *out, struct lp_err *err)
{
	LP_AUTO(wipe_buf) struct lp_buf text = {0};
	char program[128], get[] = "get";
	char *argv[] = {program, get, NULL};
	int status = 0;

	/* a part of a file name, never a path */
	if (!name[0] || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._-") != strlen(name) || strlen(name) > 64)
		return bad(err, "the name of a credential helper is no word");
	snprintf(program, sizeof(program), "docker-credential-%s", name);
	if (!strcmp(host, "docker.io"))
		host = DOCKER_HUB_KEY;
	if (lp_helper_run(argv, host, ms, &text, &status, err))
		return err->code;
	if (status && memmem(text.p, text.len, "credentials not found", 21))
		return LP_OK;
	if (status)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "%s ended with status %d",
			       program, status);
	if (take_answer(&text, out, err))
		return lp_within(err, "%s", program);
	return LP_OK;
}

enum lp_code lp_login_parse(const void *p, size_t n, const char *host, unsigned helper_ms,
			    struct lp_login *out, struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	json_t *helpers, *auths;
	const json_t *helper, *entry;
	const char *store;

	*out = (struct lp_login){0};
	if (lp_json_parse(p, n, RULE_CONFIG, &j, err))
		return lp_within(err, "config.json");
	if (!json_is_object(j))
		return bad(err, "no object");
	if (lp_json_child(j, "credHelpers", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_CONFIG, &helpers,
			  err) ||
	    lp_json_child(j, "auths", JSON_OBJECT, LP_JSON_OPTIONAL, RULE_CONFIG, &auths, err) ||
	    lp_json_string(j, "credsStore", LP_JSON_OPTIONAL, RULE_CONFIG, &store, err))
		return err->code;
	helper = helpers ? find_host(helpers, host) : NULL;
	if (helper && !json_is_string(helper))
		return bad(err, "an entry of credHelpers is no string");
	if (helper)
		store = json_string_value(helper);
	if (store && store[0] && helper_ms && ask_helper(store, host, helper_ms, out, err))
		return err->code;
	entry = auths ? find_host(auths, host) : NULL;
	if (entry && lp_login_empty(out) && take_auth(entry, out, err)) {
		lp_login_free(out);
		return err->code;
	}
	return LP_OK;
}

enum lp_code lp_login_find(const char *host, unsigned helper_ms, struct lp_login *out,
			   struct lp_err *err)
{
	LP_AUTO(wipe_buf) struct lp_buf text = {0};
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	char path[PATH_MAX];
	int n;

	*out = (struct lp_login){0};
	if (dir && dir[0])
		n = snprintf(path, sizeof(path), "%s/config.json", dir);
	else
		n = snprintf(path, sizeof(path), "%s/.docker/config.json", home ? home : "");
	if (n >= (int)sizeof(path) || (!(dir && dir[0]) && !(home && home[0])))
		return LP_OK;
	if (lp_file_load(AT_FDCWD, path, LP_LOGIN_CONFIG_MAX, &text, err))
		return err->code == LP_EMISSING ? LP_OK : err->code;
	return lp_login_parse(text.p, text.len, host, helper_ms, out, err);
}
