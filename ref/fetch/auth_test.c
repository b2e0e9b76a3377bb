// SPDX-License-Identifier: MIT
/* 401 and what follows: who is told which secret, and how often. */
#include "fetch/auth.h"

#include "base/log.h"
#include "testing/server.h"
#include "testing/test.h"

#include <sys/stat.h>

#define BLOB_BYTES 5000u
#define USER_PASSWORD "Basic dXNlcjpwYXNz"	/* user:pass */
#define OTHER_PASSWORD "Basic b3RoZXI6c2VjcmV0"	/* other:secret */

static uint8_t blob[BLOB_BYTES];

/* A registry and its token endpoint, which may be another server. */
static struct world {
	struct test_server registry, tokens;
	char challenge[600];		/* field; "" makes the default one */
	const char *want;		/* Authorization that is accepted */
	const char *token;		/* the answer of the token endpoint */
	_Atomic unsigned asked;		/* tokens */
	unsigned good_for;		/* ranges before the token expires; 0: for ever */
	_Atomic unsigned served;
	char seen[8][200];		/* Authorization at the token endpoint; "" none */
	char target[300];		/* the latest token request */
	char form[500];
} w;

static void answer_token(struct test_request *q)
{
	unsigned n = w.asked++ % 8;

	if (!test_field(q, "Authorization", w.seen[n], sizeof(w.seen[n])))
		w.seen[n][0] = '\0';
	snprintf(w.target, sizeof(w.target), "%s %.250s", q->method, q->target);
	snprintf(w.form, sizeof(w.form), "%.*s", (int)q->body_bytes, q->body);
	w.served = 0;
	test_reply(q, "200 OK", "Content-Type: application/json\r\n", w.token, strlen(w.token));
}

static void answer_registry(struct test_request *q)
{
	char value[300];
	bool ok = test_field(q, "Authorization", value, sizeof(value)) && w.want &&
		  !strcmp(value, w.want);

	if (!strncmp(q->target, "/token", 6)) {
		answer_token(q);
		return;
	}
	if (ok && (!w.good_for || w.served++ < w.good_for))
		test_serve(q, blob, BLOB_BYTES);
	else
		test_reply(q, "401 Unauthorized", w.challenge, "{}", 2);
}

static void start_world(const char *challenge, const char *want, const char *token)
{
	unsigned port;

	w = (struct world){.want = want, .token = token};
	test_server_start(&w.registry, answer_registry, NULL);
	test_server_start(&w.tokens, answer_token, NULL);
	port = w.registry.port;
	if (strstr(challenge, "ELSEWHERE"))
		port = w.tokens.port;
	if (challenge[0])
		snprintf(w.challenge, sizeof(w.challenge), "WWW-Authenticate: %s\r\n", challenge);
	else
		snprintf(w.challenge, sizeof(w.challenge), "X: y\r\n");
	if (strstr(challenge, "THERE") || strstr(challenge, "ELSEWHERE"))
		snprintf(w.challenge, sizeof(w.challenge),
			 "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%u/token\","
			 "service=\"the service\",scope=\"repository:n:pull repository:m:pull\"\r\n",
			 port);
}

static void stop_world(void)
{
	test_server_stop(&w.registry);
	test_server_stop(&w.tokens);
}

static struct lp_registry *open_registry(const char *user, const char *password)
{
	struct lp_registry_options o = {
		.user = user, .password = password, .tries = 2, .retry_ms = 1, .connections = 4,
	};
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", w.registry.port);
	return lp_registry_open(&r, &ref, &o, &err) ? NULL : r;
}

static enum lp_code read_some(struct lp_registry *r, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	struct lp_descriptor d = {.bytes = BLOB_BYTES};
	uint8_t p[100];

	lp_digest_of(LP_SHA256, blob, BLOB_BYTES, &d.digest);
	if (lp_registry_source(r, &d, &s, err) || lp_source_read(&s, 1000, p, sizeof(p), err))
		return err->code;
	return memcmp(p, blob + 1000, sizeof(p)) ? LP_EDIGEST : LP_OK;
}

static const struct scenario {
	const char *name, *challenge, *want, *token, *user, *password;
	enum lp_code code;
	const char *rule;
	unsigned requests;	/* at the registry, tokens there too */
	unsigned asked;		/* tokens, wherever */
	const char *seen;	/* Authorization of the first token request */
} scenarios[] = {
	{"an anonymous token", "THERE", "Bearer abc", "{\"token\":\"abc\"}", NULL, NULL, LP_OK,
	 NULL, 3, 1, ""},
	{"access_token", "THERE", "Bearer abc",
	 "{\"access_token\":\"abc\",\"expires_in\":0,\"issued_at\":\"x\"}", NULL, NULL, LP_OK, NULL,
	 3, 1, ""},
	{"a token for a user", "THERE", "Bearer abc", "{\"token\":\"abc\",\"expires_in\":300}",
	 "user", "pass", LP_OK, NULL, 3, 1, USER_PASSWORD},
	{"a token endpoint elsewhere", "ELSEWHERE", "Bearer abc", "{\"token\":\"abc\"}", "user",
	 "pass", LP_OK, NULL, 2, 1, ""},
	{"Basic", "Basic realm=\"x\"", USER_PASSWORD, "", "user", "pass", LP_OK, NULL, 2, 0, ""},
	{"Basic, wrong password", "Basic realm=\"x\"", USER_PASSWORD, "", "user", "word", LP_EREMOTE,
	 "registry.auth.refused", 2, 0, ""},
	{"Basic, no credentials", "Basic realm=\"x\"", USER_PASSWORD, "", NULL, NULL, LP_EREMOTE,
	 "registry.auth.refused", 1, 0, ""},
	{"a token that does not help", "THERE", "Bearer abc", "{\"token\":\"x\"}", NULL, NULL,
	 LP_EREMOTE, "registry.auth.refused", 5, 2, ""},
	{"no challenge", "", NULL, "", NULL, NULL, LP_EREMOTE, "registry.auth.refused", 1, 0, ""},
	{"Digest only", "Digest realm=\"x\"", NULL, "", "user", "pass", LP_EREMOTE,
	 "registry.auth.refused", 1, 0, ""},
	{"a malformed challenge", "Bearer realm=\"x", NULL, "", NULL, NULL, LP_EFORMAT,
	 "registry.auth.challenge", 1, 0, ""},
	{"no token in the answer", "THERE", NULL, "{\"tokens\":\"x\"}", NULL, NULL, LP_EREMOTE,
	 "registry.auth.token", 2, 1, ""},
	{"no JSON", "THERE", NULL, "<html>", NULL, NULL, LP_EREMOTE, "registry.auth.token", 2, 1, ""},
	{"a token with a line break", "THERE", NULL, "{\"token\":\"a\\r\\nX: y\"}", NULL, NULL,
	 LP_EREMOTE, "registry.auth.token", 2, 1, ""},
	{"a realm that is no URL", "Bearer realm=\"nowhere\"", NULL, "", "user", "pass", LP_EREMOTE,
	 "registry.auth.token", 1, 0, ""},
	{"a realm with another scheme", "Bearer realm=\"file:///etc/shadow\"", NULL, "", "user",
	 "pass", LP_EREMOTE, "registry.auth.token", 1, 0, ""},
	{"a realm in plain HTTP elsewhere", "Bearer realm=\"http://192.0.2.1/token\"", NULL, "",
	 "user", "pass", LP_EREMOTE, "registry.transport.plain-http", 1, 0, ""},
};

static void run_scenario(const struct scenario *c)
{
	struct lp_registry *r;
	struct lp_err err = {0};
	enum lp_code code;

	start_world(c->challenge, c->want, c->token);
	r = open_registry(c->user, c->password);
	if (r) {
		code = read_some(r, &err);
		CHECK(code == c->code, "%s: %s %s", c->name, lp_code_name(code), err.msg);
		if (code && code == c->code)
			CHECK(err.rule && !strcmp(err.rule, c->rule), "rule %s, %s",
			      err.rule ? err.rule : "none", c->name);
		CHECK(w.registry.requests == c->requests && w.asked == c->asked,
		      "%u requests, %u tokens, %s", w.registry.requests, w.asked, c->name);
		CHECK(!strcmp(w.seen[0], c->seen), "the token endpoint sees \"%s\", %s", w.seen[0],
		      c->name);
		CHECK(!strstr(err.msg, "pass"), "no secret in the message");
	}
	lp_registry_free(&r);
	stop_world();
}

static void test_expiry(void)
{
	struct lp_registry *r;
	struct lp_err err = {0};

	start_world("THERE", "Bearer abc", "{\"token\":\"abc\"}");
	w.good_for = 2;
	r = open_registry(NULL, NULL);
	if (r) {
		for (unsigned i = 0; i < 6; i++)
			CHECK(!read_some(r, &err), "range %u is read: %s", i, err.msg);
		CHECK(w.asked == 3 && w.registry.requests == 6 + 3 + 3,
		      "a token that expires in the middle is renewed: %u", w.asked);
		CHECK(!strcmp(w.target, "GET /token?service=the%20service&"
					"scope=repository%3An%3Apull&scope=repository%3Am%3Apull"),
		      "the question: %s", w.target);
	}
	lp_registry_free(&r);
	stop_world();
}

struct many {
	struct lp_fetch f;
	uint8_t p[10];
};

static pthread_mutex_t many_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t many_change = PTHREAD_COND_INITIALIZER;
static unsigned many_over, many_failed;

static void count_over(struct lp_fetch *f, enum lp_code code, const struct lp_err *err)
{
	(void)f;
	(void)err;
	pthread_mutex_lock(&many_lock);
	many_over++;
	many_failed += code != LP_OK;
	pthread_cond_signal(&many_change);
	pthread_mutex_unlock(&many_lock);
}

/* Four at once that all meet a 401 wait for one token. */
static void test_many(void)
{
	struct many m[4];
	struct lp_registry *r;

	many_over = many_failed = 0;
	start_world("THERE", "Bearer abc", "{\"token\":\"abc\"}");
	r = open_registry(NULL, NULL);
	for (size_t i = 0; i < 4 && r; i++) {
		m[i] = (struct many){.f = {.bytes = 10, .p = m[i].p, .done = count_over}};
		lp_digest_of(LP_SHA256, blob, BLOB_BYTES, &m[i].f.blob);
		lp_registry_fetch(r, &m[i].f);
	}
	pthread_mutex_lock(&many_lock);
	while (r && many_over < 4)
		pthread_cond_wait(&many_change, &many_lock);
	pthread_mutex_unlock(&many_lock);
	if (r)
		CHECK(!many_failed && w.asked == 1, "%u tokens for four ranges", w.asked);
	lp_registry_free(&r);
	stop_world();
}

static void write_config(const char *dir, const char *fmt, unsigned a, unsigned b)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/config.json", dir);
	f = fopen(path, "w");
	if (!f)
		return;
	if (strstr(fmt, "identitytoken"))
		fprintf(f, "{\"auths\":{\"127.0.0.1:%u\":{\"identitytoken\":\"re fresh\"}}}", a);
	else
		fprintf(f, "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"dXNlcjpwYXNz\"},"
			   "\"http://127.0.0.1:%u/v1/\":{\"auth\":\"b3RoZXI6c2VjcmV0\"}}}", a, b);
	fclose(f);
}

/* Credentials from config.json: the registry's, and those for the token endpoint's host. */
static void test_config(const char *dir)
{
	struct lp_registry *r;
	struct lp_err err = {0};

	start_world("ELSEWHERE", "Bearer abc", "{\"token\":\"abc\"}");
	write_config(dir, "auths", w.registry.port, w.tokens.port);
	r = open_registry(NULL, NULL);
	if (r) {
		CHECK(!read_some(r, &err), "a token endpoint with credentials of its own: %s",
		      err.msg);
		CHECK(!strcmp(w.seen[0], OTHER_PASSWORD), "it gets its own: %s", w.seen[0]);
	}
	lp_registry_free(&r);
	stop_world();

	start_world("ELSEWHERE", "Bearer xyz", "{\"token\":\"abc\"}");
	write_config(dir, "auths", w.registry.port, 1);
	r = open_registry(NULL, NULL);
	if (r) {
		CHECK(read_some(r, &err) == LP_EREMOTE && strstr(err.msg, "no credentials"),
		      "the message says which credentials are missing: %s", err.msg);
		CHECK(!w.seen[0][0] && !w.seen[1][0], "and the registry's were not sent there");
	}
	lp_registry_free(&r);
	stop_world();
}

static void test_identity(const char *dir)
{
	struct lp_registry *r;
	struct lp_err err = {0};

	start_world("THERE", "Bearer abc", "{\"access_token\":\"abc\"}");
	write_config(dir, "identitytoken", w.registry.port, 0);
	r = open_registry(NULL, NULL);
	if (r) {
		CHECK(!read_some(r, &err), "a refresh token: %s", err.msg);
		CHECK(!strncmp(w.target, "POST /token", 11) &&
			      strstr(w.form, "grant_type=refresh_token") &&
			      strstr(w.form, "&refresh_token=re%20fresh") &&
			      strstr(w.form, "&scope=repository%3An%3Apull"),
		      "%s: %s", w.target, w.form);
	}
	lp_registry_free(&r);
	stop_world();
}

static void test_tokens(void)
{
	static const char long_lived[] = "{\"token\":\"t\",\"expires_in\":99999999999}";
	static const char backwards[] = "{\"token\":\"t\",\"expires_in\":-5}";
	struct lp_auth a = {0};
	struct lp_err err;
	uint64_t seconds = 0;
	char *header;

	if (!lp_auth_token_parse(long_lived, sizeof(long_lived) - 1, &header, &seconds, &err))
		CHECK(seconds == 86400, "a token is good for a day at most");
	free(header);
	if (!lp_auth_token_parse(backwards, sizeof(backwards) - 1, &header, &seconds, &err))
		CHECK(seconds == 60, "and for a minute at least");
	a.header = header;
	a.expires_ns = lp_now_ns();
	CHECK(!header || lp_auth_expired(&a), "then it has expired");
	lp_auth_free(&a);
	CHECK(!lp_auth_expired(&a), "nothing does not expire");
}

int main(void)
{
	char dir[] = "/tmp/lp-auth-XXXXXX", path[200];

	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)(i / 3);
	if (!mkdtemp(dir))
		return 1;
	setenv("DOCKER_CONFIG", dir, 1);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		run_scenario(&scenarios[i]);
	test_expiry();
	test_many();
	test_tokens();
	test_config(dir);
	test_identity(dir);
	snprintf(path, sizeof(path), "%s/config.json", dir);
	unlink(path);
	rmdir(dir);
	return test_done();
}
