// SPDX-License-Identifier: MIT
#include "registry/server.h"

#include "registry/handler.h"

#include "base/log.h"
#include "oci/manifest.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX ((size_t)128 << 10)	/* bytes a connection may need: long Range headers */
#define IDLE_SECONDS 300u

static const struct row {
	enum lb_route_kind kind;
	const char *method;		/* "GET" is HEAD too */
	lb_handler *open, *run;		/* open may be NULL */
} table[] = {
	{LB_ROUTE_BASE, "GET", NULL, lb_serve_base},
	{LB_ROUTE_TOKEN, "GET", NULL, lb_serve_token},
	{LB_ROUTE_MANIFEST, "GET", NULL, lb_serve_manifest},
	{LB_ROUTE_MANIFEST, "PUT", lb_manifest_begin, lb_manifest_end},
	{LB_ROUTE_BLOB, "GET", NULL, lb_serve_blob},
	{LB_ROUTE_STORAGE, "GET", NULL, lb_serve_storage},
	{LB_ROUTE_UPLOADS, "POST", lb_upload_begin, lb_upload_started},
	{LB_ROUTE_UPLOAD, "PATCH", lb_upload_go_on, lb_upload_chunk},
	{LB_ROUTE_UPLOAD, "PUT", lb_upload_go_on, lb_upload_end},
	{LB_ROUTE_UPLOAD, "GET", NULL, lb_upload_status},
	{LB_ROUTE_UPLOAD, "DELETE", NULL, lb_upload_cancel},
	{LB_ROUTE_TAGS, "GET", NULL, lb_serve_tags},
	{LB_ROUTE_REFERRERS, "GET", NULL, lb_serve_referrers},
};

static const struct row *find_row(const struct lb_request *r)
{
	const char *method = strcmp(r->method, "HEAD") != 0 ? r->method : "GET";
	bool storage = r->route.kind == LB_ROUTE_STORAGE;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].kind == r->route.kind && !strcmp(table[i].method, method) &&
		    storage == r->storage)
			return &table[i];
	return NULL;
}

static enum lp_code refuse_route(struct lb_request *r, struct lp_err *err)
{
	if (r->route.kind == LB_ROUTE_OTHER || r->storage)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "NAME_INVALID", "nothing is here");
	return lb_refuse(r, err, MHD_HTTP_METHOD_NOT_ALLOWED, "UNSUPPORTED", "no %s here",
			 r->method);
}

static struct lb_request *begin(struct lb_server *s, bool storage, const char *uri,
				struct MHD_Connection *connection)
{
	struct lb_request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->begin_ns = lp_now_ns();
	r->server = s;
	r->storage = storage;
	r->connection = connection;
	r->uri = strdup(uri);
	r->sent_before = lb_request_sent(r);
	return r;
}

static void *begin_registry(void *cls, const char *uri, struct MHD_Connection *connection)
{
	return begin(cls, false, uri, connection);
}

static void *begin_storage(void *cls, const char *uri, struct MHD_Connection *connection)
{
	return begin(cls, true, uri, connection);
}

/* The headers have come. */
static enum lp_code open_request(struct lb_request *r, const char *path, const char *method,
				 struct lp_err *err)
{
	const struct row *row;

	snprintf(r->method, sizeof(r->method), "%s", method);
	lb_route_parse(path, &r->route);
	r->range = lb_request_header(r, "Range");
	row = find_row(r);
	if (lb_admit(r, err))
		return err->code;
	if (!row)
		return refuse_route(r, err);
	return row->open ? row->open(r, err) : LP_OK;
}

static enum lp_code take_bytes(struct lb_request *r, const char *p, size_t n,
			       struct lp_err *err)
{
	r->received_bytes += n;
	if (r->upload)
		return lb_upload_write(r->upload, p, n, err);
	if (lp_buf_add(&r->body, p, n, LP_MANIFEST_MAX, err))
		return lb_refuse(r, err, MHD_HTTP_CONTENT_TOO_LARGE, "SIZE_INVALID",
				 "more than a manifest may have");
	return LP_OK;
}

static enum MHD_Result answer(struct lb_request *r)
{
	struct lp_err bad;

	if (!r->code)
		r->code = find_row(r)->run(r, &r->err);
	if (!r->code)
		return MHD_YES;
	return lb_answer_error(r, &r->err, &bad) ? MHD_NO : MHD_YES;
}

/* Does the client wait for our word before it sends its body?  Then no is said at once. */
static bool waits(const struct lb_request *r)
{
	return lb_request_header(r, "Expect") != NULL;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *data,
			      size_t *n, void **own)
{
	struct lb_request *r = *own;

	(void)cls, (void)connection, (void)version;
	if (!r || !r->uri)
		return MHD_NO;
	if (!r->method[0]) {
		r->code = open_request(r, path, method, &r->err);
		return r->code && waits(r) ? answer(r) : MHD_YES;
	}
	if (*n) {
		if (!r->code)
			r->code = take_bytes(r, data, *n, &r->err);
		*n = 0;
		return MHD_YES;
	}
	return answer(r);
}

static uint64_t connection_id(const struct lb_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? (uint64_t)(uintptr_t)info->socket_context : 0;
}

static void write_line(struct lb_request *r, bool complete)
{
	struct lb_journal_line line = {
		.begin_ns = r->begin_ns, .end_ns = lp_now_ns(),
		.connection = connection_id(r), .method = r->method, .path = r->uri,
		.kind = lb_route_word(r->route.kind), .name = r->route.name, .range = r->range,
		.status = r->status, .body_bytes = r->body_bytes,
		.sent_bytes = lb_request_sent(r) - r->sent_before,
		.received_bytes = r->received_bytes, .complete = complete,
	};

	if (!complete && line.body_bytes > line.sent_bytes)
		line.body_bytes = line.sent_bytes;
	lb_journal_write(&r->server->journal, &line);
}

static void end(void *cls, struct MHD_Connection *connection, void **own,
		enum MHD_RequestTerminationCode why)
{
	struct lb_request *r = *own;

	(void)cls, (void)connection;
	*own = NULL;
	if (!r)
		return;
	write_line(r, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	lb_upload_free(r->upload);
	lp_buf_free(&r->body);
	free(r->uri);
	free(r);
}

static void count_connection(void *cls, struct MHD_Connection *connection, void **own,
			     enum MHD_ConnectionNotificationCode what)
{
	struct lb_server *s = cls;

	(void)connection;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*own = (void *)(uintptr_t)++s->connections;
}

/* Where a daemon listens; @url is what it is called. */
static enum lp_code listen_on(struct lb_server *s, const struct lb_server_options *o,
			      const char *address, uint16_t port, struct MHD_Daemon **out,
			      struct lp_err *err)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	bool waits_often = lb_knob_waits(&s->knobs), storage = out == &s->storage;
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD |
		(waits_often ? MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL : MHD_USE_EPOLL) |
		(o->cert ? MHD_USE_TLS : 0);
	struct MHD_OptionItem extra[] = {
		{MHD_OPTION_THREAD_POOL_SIZE, 2, NULL},
		{MHD_OPTION_HTTPS_MEM_CERT, 0, NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	union { const char *in; void *out; } cert = {o->cert}, key = {o->key};
	struct MHD_OptionItem *some = waits_often ? extra + 1 : extra;

	extra[1].ptr_value = cert.out;
	extra[2].ptr_value = key.out;
	if (!o->cert)
		extra[1].option = MHD_OPTION_END;
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s is no IPv4 address",
			       address);
	*out = MHD_start_daemon(flags, 0, NULL, NULL, handle, s,
				MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
				MHD_OPTION_URI_LOG_CALLBACK,
				storage ? begin_storage : begin_registry, s,
				MHD_OPTION_NOTIFY_COMPLETED, end, s,
				MHD_OPTION_NOTIFY_CONNECTION, count_connection, s,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADERS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
				MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
				MHD_OPTION_ARRAY, some, MHD_OPTION_END);
	if (!*out)
		return lp_fail_errno(err, "listen on %s:%u", address, port);
	return LP_OK;
}

static void name_daemon(struct MHD_Daemon *d, const struct lb_server_options *o,
			const char *address, char *out, size_t n)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);

	snprintf(out, n, "%s://%s:%u", o->cert ? "https" : "http", address,
		 info ? info->port : 0);
}

enum lp_code lb_server_start(struct lb_server *s, const struct lb_server_options *o,
			     struct lp_err *err)
{
	const char *storage = o->storage_listen ? o->storage_listen : o->listen;

	lb_uploads_start(&s->uploads);
	lb_sent_start(&s->sent);
	if (lb_tickets_start(&s->tickets, err))
		return err->code;
	if (s->knobs.redirect) {
		if (listen_on(s, o, storage, 0, &s->storage, err))
			return err->code;
		name_daemon(s->storage, o, storage, s->storage_at, sizeof(s->storage_at));
	}
	if (listen_on(s, o, o->listen, o->port, &s->registry, err))
		return err->code;
	name_daemon(s->registry, o, o->listen, s->url, sizeof(s->url));
	return LP_OK;
}

void lb_server_free(struct lb_server *s)
{
	if (s->registry)
		MHD_stop_daemon(s->registry);
	if (s->storage)
		MHD_stop_daemon(s->storage);
	s->registry = s->storage = NULL;
	lb_uploads_free(&s->uploads);
	lb_tickets_free(&s->tickets);
	lb_sent_free(&s->sent);
	lb_repositories_free(&s->repositories);
	lp_fd_close(&s->journal.fd);
}
