// SPDX-License-Identifier: MIT
/* admit - what stands between a request and its handler: delay, faults, authorization. */
#include "registry/handler.h"

#include "base/base64.h"
#include "base/log.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CREDENTIALS_MAX 201	/* bytes of "user:pass", ours */

static bool strikes(_Atomic uint64_t *turn, uint64_t every)
{
	return every && ++*turn % every == 0;
}

static bool basic_ok(const char *header, const char *credentials)
{
	char want[CREDENTIALS_MAX / 3 * 4 + 4];
	size_t n = strlen(credentials), chars = lp_base64_chars(n);

	if (!header || n > CREDENTIALS_MAX || strncasecmp(header, "Basic ", 6) != 0)
		return false;
	lp_base64_encode(credentials, n, want);
	return strlen(header + 6) == chars && !memcmp(header + 6, want, chars);
}

/* distribution-spec leaves it to RFC 6750 and Docker's "Token Authentication Specification". */
static enum lp_code challenge_token(struct lb_request *r, struct lp_err *err)
{
	char base[300], scope[300] = "";
	bool push = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;

	lb_request_base(r, base, sizeof(base));
	if (r->route.name[0])
		snprintf(scope, sizeof(scope), ",scope=\"repository:%s:pull%s\"", r->route.name,
			 push ? ",push" : "");
	if ((size_t)snprintf(r->extra, sizeof(r->extra),
			     "WWW-Authenticate: Bearer realm=\"%s/token\",service=\"lazybench\"%s",
			     base, scope) >= sizeof(r->extra))
		r->extra[0] = '\0';
	return lb_refuse(r, err, MHD_HTTP_UNAUTHORIZED, "UNAUTHORIZED", "a token is needed");
}

static enum lp_code check_basic(struct lb_request *r, const char *header, struct lp_err *err)
{
	if (basic_ok(header, r->server->knobs.basic))
		return LP_OK;
	snprintf(r->extra, sizeof(r->extra), "WWW-Authenticate: Basic realm=\"lazybench\"");
	return lb_refuse(r, err, MHD_HTTP_UNAUTHORIZED, "UNAUTHORIZED", "credentials are needed");
}

static enum lp_code authorize(struct lb_request *r, struct lp_err *err)
{
	const struct lb_knobs *k = &r->server->knobs;
	const char *header = lb_request_header(r, "Authorization");

	if (r->storage) {
		/* What object storage does with a request that is authorized twice. */
		if (header)
			return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED",
					 "Authorization came to the storage host");
		return LP_OK;
	}
	if (k->token_seconds && r->route.kind != LB_ROUTE_TOKEN) {
		if (header && !strncmp(header, "Bearer ", 7) &&
		    lb_token_use(&r->server->tickets, header + 7))
			return LP_OK;
		return challenge_token(r, err);
	}
	return k->basic ? check_basic(r, header, err) : LP_OK;
}

static enum lp_code fail_on_purpose(struct lb_request *r, struct lp_err *err)
{
	const struct lb_knobs *k = &r->server->knobs;
	struct lb_turns *turns = &r->server->turns;
	enum lb_route_kind kind = r->route.kind;

	if (strcmp(r->method, "GET") != 0 || (kind != LB_ROUTE_MANIFEST &&
	    kind != LB_ROUTE_BLOB && kind != LB_ROUTE_STORAGE))
		return LP_OK;
	if (strikes(&turns->fail_500, k->fail_500))
		return lb_refuse(r, err, MHD_HTTP_INTERNAL_SERVER_ERROR, "UNKNOWN",
				 "a failure on purpose");
	if (strikes(&turns->fail_429, k->fail_429)) {
		snprintf(r->extra, sizeof(r->extra), "Retry-After: %" PRIu64, k->retry_seconds);
		return lb_refuse(r, err, MHD_HTTP_TOO_MANY_REQUESTS, "TOOMANYREQUESTS",
				 "too many requests, on purpose");
	}
	return LP_OK;
}

enum lp_code lb_admit(struct lb_request *r, struct lp_err *err)
{
	uint64_t ms = r->server->knobs.delay_ms;
	struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	if (ms)
		nanosleep(&t, NULL);
	if (authorize(r, err))
		return err->code;
	return fail_on_purpose(r, err);
}

enum lp_code lb_serve_token(struct lb_request *r, struct lp_err *err)
{
	const struct lb_knobs *k = &r->server->knobs;
	struct lb_answer a;
	char id[LB_ID_TEXT], text[200];

	if (!k->token_seconds)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "UNSUPPORTED", "no tokens here");
	lb_token_issue(&r->server->tickets, k->token_seconds, k->token_uses, id);
	snprintf(text, sizeof(text),
		 "{\"token\":\"%s\",\"access_token\":\"%s\",\"expires_in\":%" PRIu64 "}", id, id,
		 k->token_seconds);
	a = lb_answer_bytes(MHD_HTTP_OK, "application/json", text, strlen(text));
	return lb_answer_send(r, &a, err);
}
