// SPDX-License-Identifier: MIT
#include "fetch/exchange.h"

#include "base/json.h"
#include "base/log.h"
#include "fetch/answer.h"
#include "fetch/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOPS_MAX 5		/* ours: storage behind a registry is one hop, sometimes two */
#define WAIT_MAX_MS 5000u	/* ours: back off no longer than that, unless Retry-After says so */
#define PROGRESS_BYTES 4096	/* ours: an attempt that brought as much was no failure */
#define MIRROR_REST_NS 30000000000u /* ours: how long a mirror that failed is not asked */

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT"};

void lp_exchange_name(const struct lp_exchange *x, char out[static LP_EXCHANGE_NAME])
{
	char name[LP_URL_NAME];

	lp_url_name(x->url ? x->url : x->path, name);
	snprintf(out, LP_EXCHANGE_NAME, "%s %s", methods[x->method], name);
}

void lp_exchange_free(struct lp_exchange *x)
{
	lp_text_free(&x->path);
	lp_text_free(&x->secret);
	lp_text_free(&x->url);
	lp_text_free(&x->hop);
	lp_text_free(&x->reply.location);
	lp_text_free(&x->reply.link);
	curl_slist_free_all(x->headers);
	x->headers = NULL;
}

/* The place of @x's blob in the cache of resolved URLs; *place is NULL if it has none. */
static struct lp_resolved **find_resolved(struct lp_exchange *x)
{
	struct lp_resolved **place = &x->r->resolved;

	while (*place && !lp_digest_equal(&(*place)->blob, &x->blob))
		place = &(*place)->next;
	return place;
}

static bool cachable(const struct lp_exchange *x)
{
	return x->blob.alg && x->method == LP_GET && x->endpoint == &x->r->origin;
}

static void forget_resolved(struct lp_exchange *x)
{
	struct lp_resolved **place = find_resolved(x), *old = *place;

	if (!old || !x->hop || strcmp(old->url, x->hop))
		return;
	*place = old->next;
	free(old->url);
	free(old);
}

/* Best effort: without memory the next range is redirected again. */
static void keep_resolved(struct lp_exchange *x)
{
	struct lp_resolved **place = find_resolved(x);
	char *url = strdup(x->hop);

	if (url && !*place) {
		*place = calloc(1, sizeof(**place));
		if (*place)
			(*place)->blob = x->blob;
	}
	if (!url || !*place) {
		free(url);
		return;
	}
	free((*place)->url);
	(*place)->url = url;
}

/* Ask the endpoint again, not where it had redirected us. */
static void leave_hop(struct lp_exchange *x)
{
	if (cachable(x))
		forget_resolved(x);
	lp_text_free(&x->hop);
	x->cached = false;
	x->hops = 0;
}

static void choose_endpoint(struct lp_exchange *x)
{
	struct lp_registry *r = x->r;

	if (x->path[0] != '/' && !x->origin_only)
		x->endpoint = NULL;
	else if (x->origin_only || !r->mirror.base || r->mirror.rests_until_ns > lp_now_ns())
		x->endpoint = &r->origin;
	else
		x->endpoint = &r->mirror;
}

static enum lp_code set_url(struct lp_exchange *x, struct lp_err *err)
{
	struct lp_resolved *known = cachable(x) && !x->hop ? *find_resolved(x) : NULL;
	const char *ns = x->endpoint ? x->endpoint->ns : NULL;
	int rc = 0;

	if (known) {
		x->hop = strdup(known->url);
		x->cached = x->hop != NULL;
	}
	lp_text_free(&x->url);
	if (x->hop || x->path[0] != '/')
		x->url = strdup(x->hop ? x->hop : x->path);
	else
		rc = asprintf(&x->url, "%s%s%s%s", x->endpoint->base, x->path, ns ? "?ns=" : "",
			      ns ? ns : "");
	if (rc < 0)
		x->url = NULL;
	return x->url ? LP_OK : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
}

/* May a request go there?  @from is where a redirect came from, or NULL. */
static enum lp_code check_transport(const struct lp_exchange *x, const struct lp_origin *to,
				    const struct lp_origin *from, struct lp_err *err)
{
	if (to->tls || (x->endpoint && lp_origin_equal(to, &x->endpoint->origin)))
		return LP_OK;
	if (from && from->tls)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, "registry.redirect.downgrade",
			       "a redirect from https to http://%s is not followed", to->host);
	if (x->r->o.plain_http || lp_reference_loopback(to->host))
		return LP_OK;
	return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, "registry.transport.plain-http",
		       "http://%s is not this machine, and plain HTTP is not allowed", to->host);
}

static bool add_header(struct lp_exchange *x, const char *text)
{
	struct curl_slist *longer = curl_slist_append(x->headers, text);

	if (longer)
		x->headers = longer;
	return longer != NULL;
}

__attribute__((format(printf, 2, 3)))
static bool add_field(struct lp_exchange *x, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return n < (int)sizeof(text) && add_header(x, text);
}

/* The secret for the server the request goes to, if there is one. */
static enum lp_code find_secret(struct lp_exchange *x, const char **secret, struct lp_err *err)
{
	struct lp_origin to, ours;

	*secret = NULL;
	if (lp_url_origin(x->url, &to, err) || check_transport(x, &to, NULL, err))
		return err->code;
	if (x->endpoint) {
		ours = x->endpoint->origin;
	} else if (lp_url_origin(x->path, &ours, err)) {
		return err->code;
	}
	/* distribution-spec: Authorization is never forwarded across hosts */
	if (lp_origin_equal(&to, &ours))
		*secret = x->endpoint ? x->endpoint->auth.header : x->secret;
	return LP_OK;
}

static enum lp_code set_headers(struct lp_exchange *x, const char *secret, struct lp_err *err)
{
	uint64_t first = x->off + x->have, last = x->off + x->bytes - 1;
	bool ok;

	curl_slist_free_all(x->headers);
	x->headers = NULL;
	ok = add_header(x, "Accept-Encoding: identity");
	if (secret)
		ok = ok && add_header(x, secret);
	if (x->accept)
		ok = ok && add_field(x, "Accept: %s", x->accept);
	if (x->type || x->method == LP_POST) /* else curl names one of its own */
		ok = ok && add_field(x, "Content-Type:%s", x->type ? x->type : "");
	if (*x->condition)
		ok = ok && add_header(x, x->condition);
	if (x->shape == LP_RANGE || (x->shape == LP_STREAM && x->have))
		ok = ok && add_field(x, "Range: bytes=%llu-%llu", (unsigned long long)first,
				     (unsigned long long)last);
	if (x->method == LP_PUT || x->method == LP_POST)
		ok = ok && add_header(x, "Expect:"); /* no round trip before the body */
	return ok ? LP_OK : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "headers");
}

void lp_exchange_attempt(struct lp_exchange *x)
{
	const char *secret = NULL;
	struct lp_err err;

	if (x->state == LP_X_NEW)
		choose_endpoint(x);
	if (!x->stall_ms)
		x->stall_ms = x->r->o.stall_ms;
	x->have_before = x->have;
	x->sent = 0;
	x->answer = (struct lp_answer){0};
	if (set_url(x, &err) || find_secret(x, &secret, &err)) {
		lp_exchange_fail(x, &err);
		return;
	}
	if (x->endpoint) {
		if (secret && lp_auth_expired(&x->endpoint->auth)) {
			lp_auth_renew(x);
			return;
		}
		x->generation = x->endpoint->auth.generation;
	}
	if (set_headers(x, secret, &err)) {
		lp_exchange_fail(x, &err);
		return;
	}
	x->state = LP_X_RUNS;
	lp_engine_send(x);
}

static void end(struct lp_exchange *x, enum lp_code code, const struct lp_err *err)
{
	lp_engine_drop(x);
	lp_engine_forget(x);
	x->state = LP_X_OVER;
	x->ops->over(x, code, err);
}

/* Begin again at the registry itself, keeping the bytes that are right so far. */
static void leave_mirror(struct lp_exchange *x)
{
	if (!x->answer.status || x->answer.status >= 500)
		x->r->mirror.rests_until_ns = lp_now_ns() + MIRROR_REST_NS;
	lp_engine_drop(x);
	lp_text_free(&x->hop);
	x->cached = x->resolved_again = false;
	x->hops = x->tries = x->auths = 0;
	if (x->shape == LP_DOCUMENT) {
		x->have = 0;
		x->ops->restart(x);
	}
	x->endpoint = &x->r->origin;
	lp_exchange_attempt(x);
}

void lp_exchange_fail(struct lp_exchange *x, const struct lp_err *err)
{
	struct lp_err mine = *err;	/* it may lie in the answer, which is wiped */

	if (x->endpoint == &x->r->mirror && !x->cancelled && !x->r->ending)
		leave_mirror(x);
	else
		end(x, mine.code, &mine);
}

/* "CODE: message" of the OCI error document in the answer's body, or "". */
static void error_words(const struct lp_answer *a, char *out, size_t max)
{
	LP_AUTO(lp_json_free) json_t *j = NULL;
	const char *code = NULL, *message = NULL;
	struct lp_err ignored;
	const json_t *first;

	out[0] = '\0';
	if (lp_json_parse(a->text, a->ntext, NULL, &j, &ignored))
		return;
	first = json_array_get(json_object_get(j, "errors"), 0);
	code = json_string_value(json_object_get(first, "code"));
	message = json_string_value(json_object_get(first, "message"));
	snprintf(out, max, " (%s%s%s)", code ? code : "", code && message ? ": " : "",
		 message ? message : "");
	if (!code && !message)
		out[0] = '\0';
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* The clause that a status other than of success means. */
static const char *status_rule(const struct lp_exchange *x)
{
	bool blob = strstr(x->path, "/blobs/") != NULL;
	long status = x->answer.status;

	if (x->method != LP_GET && x->method != LP_HEAD)
		return NULL;
	if (x->path[0] != '/')
		return "registry.auth.token";
	if (status == 404)
		return blob ? "registry.pull.blob-missing" : "registry.pull.missing";
	if (status == 429 || status == 503)
		return "registry.pull.too-many";
	if (status / 100 == 3)
		return "registry.redirect.location";
	return blob ? "registry.pull.blob-status" : "registry.pull.status";
}

/* The clause that a failure of the connection means. */
static const char *connection_rule(const struct lp_exchange *x, CURLcode rc)
{
	if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CONNECT_ERROR)
		return "registry.transport.tls";
	return x->answer.bytes ? "registry.body.short" : "registry.transport.reset";
}

/* The error that the latest attempt stands for. */
static void describe(struct lp_exchange *x, CURLcode rc, struct lp_err *err)
{
	const struct lp_answer *a = &x->answer;
	char name[LP_EXCHANGE_NAME], words[120];
	const char *what;

	lp_exchange_name(x, name);
	if (a->fail.code) {
		*err = a->fail;
		lp_within(err, "%s", name);
	} else if (x->stalled) {
		lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, "registry.transport.stall",
			"%s: nothing came for %u ms", name, x->stall_ms);
	} else if (a->status && a->status / 100 != 2) {
		error_words(a, words, sizeof(words));
		lp_fail(err, a->status == 404 ? LP_EMISSING : LP_EREMOTE, LP_NO_OFFSET,
			status_rule(x), "%s: status %ld%s", name, a->status, words);
		err->sys = (int)a->status;
	} else if (rc) {
		what = a->detail[0] ? a->detail : curl_easy_strerror(rc);
		lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, connection_rule(x, rc), "%s: %s", name,
			what);
	} else {
		lp_fail(err, LP_ESHORT, x->off + x->have, "registry.blob.bytes",
			"%s: the answer ends %llu bytes early", name,
			(unsigned long long)(x->bytes - x->have));
	}
}

static void give_up(struct lp_exchange *x, CURLcode rc)
{
	struct lp_err err;

	describe(x, rc, &err);
	lp_engine_drop(x);
	lp_exchange_fail(x, &err);
}

/* Failures of the network, not of the question. */
static bool passes(CURLcode rc)
{
	static const CURLcode lasting[] = {
		CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
		CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_OUT_OF_MEMORY,
		CURLE_BAD_FUNCTION_ARGUMENT, CURLE_READ_ERROR,
	};

	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		if (rc == lasting[i])
			return false;
	return true;
}

/* RFC 9110, 15: statuses that another attempt may change. */
static bool status_passes(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 ||
	       status == 503 || status == 504;
}

static uint64_t wait_ms(const struct lp_exchange *x)
{
	uint64_t ms = (uint64_t)x->r->o.retry_ms << (x->tries < 10 ? x->tries : 10);

	ms = ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
	/* spread those that failed together: between half of it and all of it */
	return ms / 2 + (lp_now_ns() ^ (uintptr_t)x >> 4) % (ms / 2 + 1);
}

/* Try again after a while, or give up. */
static void try_again(struct lp_exchange *x, CURLcode rc)
{
	bool progress = x->shape != LP_DOCUMENT && x->have - x->have_before >= PROGRESS_BYTES;
	curl_off_t after = 0;
	uint64_t ms;

	if (x->easy)
		curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &after);
	if (progress) { /* a long transfer may outlive many tokens and signed URLs */
		x->tries = x->auths = 0;
		x->resolved_again = false;
	}
	ms = progress ? 0 : wait_ms(x);
	if (after > 0 && (uint64_t)after > ms / 1000)
		ms = (uint64_t)after * 1000;
	if (x->once || ++x->tries >= x->r->o.tries || x->endpoint == &x->r->mirror ||
	    (after > 0 && (uint64_t)after > x->r->o.retry_max_ms / 1000)) {
		give_up(x, rc);
		return;
	}
	lp_engine_drop(x);
	leave_hop(x);
	if (x->shape == LP_DOCUMENT) {
		x->have = 0;
		x->ops->restart(x);
	}
	x->r->retries++;
	x->state = LP_X_WAITS;
	x->due_ns = lp_now_ns() + ms * 1000000;
}

/* Where @location leads, if we may go there. */
static enum lp_code find_hop(struct lp_exchange *x, const char *location, char **to,
			     struct lp_err *err)
{
	struct lp_origin there, here;

	if (++x->hops > HOPS_MAX)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, "registry.redirect.limit",
			       "more than %d redirects", HOPS_MAX);
	if (lp_url_join(x->url, location, to, err) || lp_url_origin(x->url, &here, err) ||
	    lp_url_origin(*to, &there, err))
		return err->code;
	return check_transport(x, &there, &here, err);
}

/* Status 3xx. */
static void follow(struct lp_exchange *x)
{
	const char *location = lp_answer_field(x, "Location", 0);
	LP_AUTO(lp_text_free) char *to = NULL;
	long status = x->answer.status;

	if (!location || (x->method != LP_GET && x->method != LP_HEAD) || status == 300 ||
	    (status > 303 && status < 307) || find_hop(x, location, &to, &x->answer.fail)) {
		give_up(x, CURLE_OK);
		return;
	}
	lp_engine_drop(x);
	free(x->hop);
	x->hop = to;
	to = NULL;
	if (cachable(x))
		keep_resolved(x);
	lp_exchange_attempt(x);
}

/* A signed URL we kept has expired: ask for a new one, once. */
static void resolve_again(struct lp_exchange *x)
{
	x->resolved_again = true;
	lp_engine_drop(x);
	leave_hop(x);
	x->r->retries++;
	lp_exchange_attempt(x);
}

#define CHALLENGES_MAX 8	/* ours: fields of one answer that are read */

static void refused(struct lp_exchange *x)
{
	const char *values[CHALLENGES_MAX];
	size_t n = 0;

	while (n < CHALLENGES_MAX) {
		values[n] = lp_answer_field(x, "WWW-Authenticate", n);
		if (!values[n])
			break;
		n++;
	}
	lp_auth_answer(x, values, n);
}

/* Is the request's server the endpoint itself, not one it redirects to? */
static bool at_endpoint(const struct lp_exchange *x)
{
	struct lp_origin to;
	struct lp_err err;

	return x->endpoint && !lp_url_origin(x->url, &to, &err) &&
	       lp_origin_equal(&to, &x->endpoint->origin);
}

/* The field @name, or "" where there is none, or it has no room. */
static void take_field(const struct lp_exchange *x, const char *name, char *out, size_t max)
{
	const char *value = lp_answer_field(x, name, 0);

	snprintf(out, max, "%s", value && strlen(value) < max ? value : "");
}

static void take_reply(struct lp_exchange *x)
{
	const char *type = lp_answer_field(x, "Content-Type", 0);
	const char *digest = lp_answer_field(x, "Docker-Content-Digest", 0);
	const char *location = lp_answer_field(x, "Location", 0);
	const char *link = lp_answer_field(x, "Link", 0);
	struct lp_err ignored;

	lp_text_free(&x->reply.location);
	lp_text_free(&x->reply.link);
	x->reply.status = x->answer.status;
	x->reply.bytes = lp_answer_whole(x);
	if (type)
		snprintf(x->reply.type, sizeof(x->reply.type), "%.*s",
			 (int)strcspn(type, "; \t"), type);
	if (digest)
		snprintf(x->reply.digest, sizeof(x->reply.digest), "%s", digest);
	take_field(x, "OCI-Subject", x->reply.subject, sizeof(x->reply.subject));
	take_field(x, "ETag", x->reply.etag, sizeof(x->reply.etag));
	if (link)
		x->reply.link = strdup(link); /* whoever needs it will miss it */
	if (location && lp_url_join(x->url, location, &x->reply.location, &ignored))
		x->reply.location = NULL; /* likewise */
}

void lp_exchange_settle(struct lp_exchange *x, CURLcode rc)
{
	const struct lp_answer *a = &x->answer;
	bool whole;

	lp_answer_check(x);
	whole = a->status / 100 == 2 && (!rc || a->stop);
	if (lp_answer_complete(x) || (x->shape == LP_DOCUMENT && whole && !a->fail.code)) {
		take_reply(x);
		end(x, LP_OK, NULL);
	} else if (a->fail.code) {
		if (a->again)
			try_again(x, rc);
		else
			give_up(x, rc);
	} else if (x->stalled || (rc && !(a->stop && a->status / 100 != 2))) {
		if (passes(rc))
			try_again(x, rc);
		else
			give_up(x, rc);
	} else if (a->status == 401 && at_endpoint(x)) {
		refused(x);
	} else if (a->status / 100 == 3) {
		follow(x);
	} else if (x->cached && !x->resolved_again && a->status / 100 == 4) {
		resolve_again(x);
	} else if (status_passes(a->status) || a->status / 100 == 2) {
		try_again(x, rc);
	} else {
		give_up(x, rc);
	}
}

enum lp_code lp_exchange_blob(struct lp_exchange *x, const struct lp_registry *r,
			      const struct lp_digest *d, struct lp_err *err)
{
	char digest[LP_DIGEST_TEXT];

	lp_digest_text(d, digest);
	if (asprintf(&x->path, "/v2/%s/blobs/%s", r->name, digest) >= 0)
		return LP_OK;
	x->path = NULL;
	return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
}
