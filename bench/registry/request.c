// SPDX-License-Identifier: MIT
#include "registry/request.h"

#include "base/log.h"

#include <linux/tcp.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#define ERROR_MAX 4096

struct lb_answer lb_answer_empty(unsigned status)
{
	return lb_answer_bytes(status, NULL, "", 0);
}

struct lb_answer lb_answer_bytes(unsigned status, const char *media_type, const void *p,
				 size_t n)
{
	struct lb_answer a = {.status = status, .bytes = n};
	/* The library wants a pointer to bytes that may change, and copies them. */
	union { const void *in; void *out; } bytes = {.in = p};

	a.response = MHD_create_response_from_buffer(n, bytes.out, MHD_RESPMEM_MUST_COPY);
	a.bad = !a.response;
	if (media_type)
		lb_answer_header(&a, "Content-Type", "%s", media_type);
	return a;
}

void lb_answer_header(struct lb_answer *a, const char *name, const char *fmt, ...)
{
	char value[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	a->bad = a->bad || n >= (int)sizeof(value) ||
		 MHD_add_response_header(a->response, name, value) != MHD_YES;
}

enum lp_code lb_answer_send(struct lb_request *r, struct lb_answer *a, struct lp_err *err)
{
	bool head = !strcmp(r->method, "HEAD");

	if (!a->bad)
		lb_answer_header(a, "Docker-Distribution-API-Version", "registry/2.0");
	if (!a->bad && MHD_queue_response(r->connection, a->status, a->response) != MHD_YES)
		a->bad = true;
	if (a->response)
		MHD_destroy_response(a->response);
	a->response = NULL;
	if (a->bad)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "cannot queue an answer");
	r->status = a->status;
	r->body_bytes = head ? 0 : a->bytes;
	return LP_OK;
}

enum lp_code lb_refuse(struct lb_request *r, struct lp_err *err, unsigned status,
		       const char *reason, const char *fmt, ...)
{
	char msg[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	r->refused = status;
	r->reason = reason;
	return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, NULL, "%s", msg);
}

enum lp_code lb_answer_error(struct lb_request *r, const struct lp_err *err, struct lp_err *bad)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lb_answer a;
	char *value;

	o = json_pack("{s:[{s:s, s:s, s:n}]}", "errors", "code",
		      r->refused ? r->reason : "UNKNOWN", "message", err->msg, "detail");
	if (!o)
		return lp_fail(bad, LP_ESYSTEM, LP_NO_OFFSET, NULL, "cannot make an answer");
	if (lp_json_print(o, &text, ERROR_MAX, bad))
		return bad->code;
	a = lb_answer_bytes(r->refused ? r->refused : MHD_HTTP_INTERNAL_SERVER_ERROR,
			    "application/json", text.p, text.len);
	value = strchr(r->extra, ':');
	if (value) {
		*value = '\0';
		lb_answer_header(&a, r->extra, "%s", value + 2);
	}
	return lb_answer_send(r, &a, bad);
}

const char *lb_request_header(const struct lb_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *lb_request_argument(const struct lb_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

void lb_request_base(const struct lb_request *r, char *out, size_t n)
{
	const char *own = r->server->url;
	const char *host = lb_request_header(r, "Host");
	const char *scheme = lb_request_header(r, "X-Forwarded-Proto");

	if (!host)
		snprintf(out, n, "%s", own);
	else if (scheme)
		snprintf(out, n, "%s://%s", scheme, host);
	else
		snprintf(out, n, "%.*s://%s", (int)strcspn(own, ":"), own, host);
}

uint64_t lb_request_sent(const struct lb_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct tcp_info t = {0};
	socklen_t n = sizeof(t);

	if (!info || getsockopt(info->connect_fd, IPPROTO_TCP, TCP_INFO, &t, &n))
		return 0;
	return t.tcpi_bytes_sent - t.tcpi_bytes_retrans + t.tcpi_notsent_bytes;
}

enum lp_code lb_request_digest(struct lb_request *r, struct lp_digest *out, struct lp_err *err)
{
	const char *text = r->route.reference;

	if (lp_digest_parse(text, strlen(text), out, err))
		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID",
				 "\"%s\" is no digest", text);
	return LP_OK;
}

enum lp_code lb_request_layout(struct lb_request *r, bool make, struct lp_err *err)
{
	enum lp_code code = lb_repositories_find(&r->server->repositories, r->route.name, make,
						 &r->layout, err);

	if (code == LP_EMISSING)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "NAME_UNKNOWN", "no repository %s",
				 r->route.name);
	return code;
}
