// SPDX-License-Identifier: MIT
#include "fetch/auth.h"

#include "base/json.h"
#include "base/log.h"
#include "fetch/engine.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_TOKEN "registry.auth.token"
#define RULE_REFUSED "registry.auth.refused"
#define TOKEN_MAX 65536		/* bytes of a token endpoint's answer, ours */
#define TOKEN_SECONDS 60	/* token specification: the default, and the least there should be */
#define TOKEN_SECONDS_MAX 86400	/* ours: ask again after a day whatever it says */
#define ANSWERS_MAX 2		/* ours: one for a token, one for a wider scope */

static void wipe(char **text)
{
	if (*text)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void lp_auth_free(struct lp_auth *a)
{
	wipe(&a->header);
	lp_login_free(&a->login);
}

bool lp_auth_expired(const struct lp_auth *a)
{
	return a->header && lp_now_ns() >= a->expires_ns;
}

/* Some exchange that waits for @ep's header, or NULL. */
static struct lp_exchange *find_waiting(struct lp_registry *r, const struct lp_endpoint *ep)
{
	struct lp_exchange *x = r->first;

	while (x && !(x->state == LP_X_AUTH && x->endpoint == ep))
		x = x->next;
	return x;
}

static void fail_waiting(struct lp_registry *r, struct lp_endpoint *ep, const struct lp_err *err)
{
	struct lp_exchange *x;

	ep->auth.asking = false;
	while ((x = find_waiting(r, ep)))
		lp_exchange_fail(x, err);
}

/* Use @header (consumed) for @ep from now on. */
static void take_header(struct lp_registry *r, struct lp_endpoint *ep, char *header,
			uint64_t expires_ns)
{
	struct lp_exchange *x;

	wipe(&ep->auth.header);
	ep->auth.header = header;
	ep->auth.expires_ns = expires_ns;
	ep->auth.generation++;
	ep->auth.asking = false;
	while ((x = find_waiting(r, ep)))
		lp_exchange_attempt(x);
}

/* May secrets for @to travel there? */
static bool is_private(const struct lp_registry *r, const struct lp_origin *to)
{
	return to->tls || r->o.plain_http || lp_reference_loopback(to->host);
}

/*
 * The user's credentials for @ep, looked up once.  A helper that fails leaves us anonymous,
 * and its complaint for the message, should the registry insist.
 */
static const struct lp_login *find_login(struct lp_registry *r, struct lp_endpoint *ep)
{
	struct lp_auth *a = &ep->auth;
	struct lp_err err = {0};

	if (a->looked || !is_private(r, &ep->origin))
		return &a->login;
	a->looked = true;
	if (ep == &r->origin && r->user) {
		if (lp_login_set(&a->login, r->user, r->password ? r->password : "", &err))
			snprintf(a->note, sizeof(a->note), "; %.150s", err.msg);
	} else if (lp_login_find(ep->host, r->o.helper_ms, &a->login, &err)) {
		snprintf(a->note, sizeof(a->note), "; %.150s", err.msg);
	}
	return &a->login;
}

/* Token endpoints that are another host of the registry's own operator. */
static bool is_known_realm(const char *registry, const struct lp_origin *realm)
{
	static const char *const known[] = {	/* registry, a blank, realm */
		"docker.io auth.docker.io",
		"registry.gitlab.com gitlab.com",
		"registry.digitalocean.com api.digitalocean.com",
	};
	char pair[520];

	snprintf(pair, sizeof(pair), "%s %s", registry, realm->host);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (realm->tls && realm->port == 443 && !strcmp(known[i], pair))
			return true;
	return false;
}

/*
 * registry.auth.realm-host: the credentials that may be sent to the token endpoint @to.
 *
 * @own  {0}; for those that were looked up for it; the caller's
 */
static const struct lp_login *login_for_realm(struct lp_registry *r, struct lp_endpoint *ep,
					      const struct lp_origin *to, struct lp_login *own)
{
	bool usual = to->port == (to->tls ? 443 : 80);
	char host[300];
	struct lp_err err;

	if (lp_origin_equal(to, &ep->origin) || is_known_realm(ep->host, to))
		return find_login(r, ep);
	snprintf(host, sizeof(host), usual ? "%s" : "%s:%u", to->host, to->port);
	if (is_private(r, to) && lp_login_find(host, r->o.helper_ms, own, &err))
		lp_login_free(own);
	if (lp_login_empty(own) && !lp_login_empty(find_login(r, ep)))
		snprintf(ep->auth.note, sizeof(ep->auth.note),
			 "; its token endpoint is %.100s, for which there are no credentials",
			 host);
	return own;
}

/* A token on its way. */
struct asking {
	struct lp_exchange x;
	struct lp_endpoint *endpoint;
	struct lp_buf answer;
	char *form;
};

static void free_asking(struct asking *a)
{
	wipe(&a->x.secret);
	wipe(&a->form);
	lp_exchange_free(&a->x);
	if (a->answer.cap)
		OPENSSL_cleanse(a->answer.p, a->answer.cap);
	lp_buf_free(&a->answer);
	free(a);
}

static size_t take_answer(struct lp_exchange *x, const uint8_t *p, size_t n)
{
	struct asking *a = (struct asking *)x;

	if (lp_buf_add(&a->answer, p, n, TOKEN_MAX, &x->answer.fail))
		x->answer.stop = true;
	return n;
}

static void restart_answer(struct lp_exchange *x)
{
	((struct asking *)x)->answer.len = 0;
}

enum lp_code lp_auth_token_parse(const void *p, size_t n, char **header, uint64_t *seconds,
				 struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	const char *token = NULL;
	json_int_t lasts;

	*header = NULL;
	if (lp_json_parse(p, n, RULE_TOKEN, &j, err))
		return err->code = err->code == LP_EFORMAT ? LP_EREMOTE : err->code;
	token = json_string_value(json_object_get(j, "token"));
	if (!token || !token[0])
		token = json_string_value(json_object_get(j, "access_token"));
	if (!token || !token[0])
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_TOKEN,
			       "the token endpoint gave no token");
	for (const char *c = token; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_TOKEN,
				       "the token cannot stand in a header");
	lasts = json_integer_value(json_object_get(j, "expires_in"));
	lasts = lasts < TOKEN_SECONDS ? TOKEN_SECONDS : lasts;
	*seconds = (uint64_t)(lasts < TOKEN_SECONDS_MAX ? lasts : TOKEN_SECONDS_MAX);
	if (asprintf(header, "Authorization: Bearer %s", token) < 0) {
		*header = NULL;
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a token");
	}
	return LP_OK;
}

static void token_came(struct lp_exchange *x, enum lp_code code, const struct lp_err *why)
{
	struct asking *a = (struct asking *)x;
	struct lp_endpoint *ep = a->endpoint;
	struct lp_registry *r = x->r;
	struct lp_err err = {0};
	uint64_t seconds = 0;
	char *header = NULL;

	if (code) {
		err = *why;
		lp_within(&err, "a token for %s", ep->host);
	} else if (lp_auth_token_parse(a->answer.p, a->answer.len, &header, &seconds, &err)) {
		lp_within(&err, "%s", ep->host);
	}
	free_asking(a);
	if (header)
		/* a little early, so that it does not expire on the way */
		take_header(r, ep, header, lp_now_ns() + (seconds - 2) * 1000000000);
	else
		fail_waiting(r, ep, &err);
}

/* "name=value" with escapes, behind a '&' unless @text ends in '?' or is empty. */
static bool append_query(char **text, const char *name, const char *value, size_t n)
{
	char *escaped = curl_easy_escape(NULL, value, (int)n), *longer = NULL;
	size_t len = strlen(*text);
	bool first = !len || (*text)[len - 1] == '?';

	if (!escaped || asprintf(&longer, "%s%s%s=%s", *text, first ? "" : "&", name, escaped) < 0)
		longer = NULL;
	curl_free(escaped);
	if (!longer)
		return false;
	wipe(text);
	*text = longer;
	return true;
}

/* service and scope; a challenge may name several scopes, a space apart. */
static bool append_wants(char **text, const struct lp_challenge *c)
{
	bool ok = !c->service[0] || append_query(text, "service", c->service, strlen(c->service));

	for (const char *p = c->scope; ok && *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		ok = !n || append_query(text, "scope", p, n);
		p += n;
	}
	return ok;
}

/* GET with Basic; POST of a refresh token in OAuth 2's way. */
static bool fill_question(struct asking *a, const struct lp_challenge *c,
			  const struct lp_login *login)
{
	bool ok;

	if (login->identity) {
		a->x.method = LP_POST;
		a->x.path = strdup(c->realm);
		a->form = strdup("grant_type=refresh_token&client_id=lazypull");
		ok = a->x.path && a->form && append_wants(&a->form, c) &&
		     append_query(&a->form, "refresh_token", login->identity,
				  strlen(login->identity));
		a->x.type = "application/x-www-form-urlencoded";
		a->x.body = a->form;
		a->x.body_bytes = ok ? strlen(a->form) : 0;
		return ok;
	}
	if (asprintf(&a->x.path, "%s%s", c->realm, strchr(c->realm, '?') ? "" : "?") < 0)
		a->x.path = NULL;
	if (!a->x.path || !append_wants(&a->x.path, c))
		return false;
	if (login->user)
		a->x.secret = lp_login_basic(login);
	return !login->user || a->x.secret;
}

static void ask_token(struct lp_registry *r, struct lp_endpoint *ep)
{
	static const struct lp_exchange_ops ops = {take_answer, restart_answer, token_came};
	const struct lp_challenge *c = &ep->auth.challenge;
	struct asking *a = calloc(1, sizeof(*a));
	LP_AUTO(lp_login_free) struct lp_login own = {0};
	struct lp_origin realm;
	struct lp_err err;

	if (lp_url_origin(c->realm, &realm, &err)) {
		err.rule = RULE_TOKEN;
		lp_within(&err, "the realm that %s names", ep->host);
	} else if (!a || !fill_question(a, c, login_for_realm(r, ep, &realm, &own))) {
		lp_fail(&err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "ask for a token");
	} else {
		a->x.ops = &ops;
		a->x.bytes = TOKEN_MAX;
		a->endpoint = ep;
		lp_engine_begin(r, &a->x);
		return;
	}
	if (a)
		free_asking(a);
	fail_waiting(r, ep, &err);
}

void lp_auth_renew(struct lp_exchange *x)
{
	struct lp_endpoint *ep = x->endpoint;
	struct lp_registry *r = x->r;
	const struct lp_login *login;
	char *header;
	struct lp_err err;

	x->state = LP_X_AUTH;
	if (ep->auth.asking)
		return;
	ep->auth.asking = true;
	if (ep->auth.challenge.scheme == LP_AUTH_BEARER) {
		ask_token(r, ep);
		return;
	}
	login = find_login(r, ep);
	header = login->user ? lp_login_basic(login) : NULL;
	if (header) {
		take_header(r, ep, header, UINT64_MAX);
		return;
	}
	lp_fail(&err, LP_EREMOTE, LP_NO_OFFSET, RULE_REFUSED, "%s wants credentials%s", ep->host,
		ep->auth.note);
	err.sys = 401;
	fail_waiting(r, ep, &err);
}

static void refuse(struct lp_exchange *x, const char *why)
{
	char name[LP_EXCHANGE_NAME];
	struct lp_err err;

	lp_exchange_name(x, name);
	lp_fail(&err, LP_EREMOTE, LP_NO_OFFSET, RULE_REFUSED, "%s: status 401: %s%s", name, why,
		x->endpoint->auth.note);
	err.sys = 401;
	lp_engine_drop(x);
	lp_exchange_fail(x, &err);
}

void lp_auth_answer(struct lp_exchange *x, const char *const values[], size_t n)
{
	struct lp_auth *a = &x->endpoint->auth;
	struct lp_challenge c = {0};
	struct lp_err err;

	for (size_t i = 0; i < n; i++)
		if (lp_challenge_parse(values[i], &c, &err)) {
			lp_engine_drop(x);
			lp_exchange_fail(x, &err);
			return;
		}
	if (c.scheme == LP_AUTH_NONE) {
		refuse(x, "no challenge that we can answer");
		return;
	}
	if (a->header && x->generation != a->generation) { /* another exchange was faster */
		lp_engine_drop(x);
		lp_exchange_attempt(x);
		return;
	}
	if (x->auths++ >= ANSWERS_MAX || (c.scheme == LP_AUTH_BASIC && a->header)) {
		refuse(x, a->header ? "not what we may do" : "it insists");
		return;
	}
	lp_engine_drop(x);
	a->challenge = c;
	lp_auth_renew(x);
}
