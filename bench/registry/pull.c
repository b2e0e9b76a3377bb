// SPDX-License-Identifier: MIT
/* pull - what clients read: manifests, blobs, lists. */
#include "registry/body.h"
#include "registry/handler.h"

#include "base/log.h"
#include "oci/manifest.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define BOUNDARY "lazybench-7c1f0e5a93d24b68"

enum lp_code lb_serve_base(struct lb_request *r, struct lp_err *err)
{
	struct lb_answer a = lb_answer_bytes(MHD_HTTP_OK, "application/json", "{}", 2);

	return lb_answer_send(r, &a, err);
}

static bool strikes(_Atomic uint64_t *turn, uint64_t every)
{
	return every && ++*turn % every == 0;
}

static struct lb_faults faults_of(struct lb_request *r, const struct lp_digest *d)
{
	const struct lb_knobs *k = &r->server->knobs;
	struct lb_turns *t = &r->server->turns;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct lb_faults f = {.socket = info ? info->connect_fd : -1, .digest = *d};

	f.reset = strikes(&t->reset, k->reset);
	f.cut = strikes(&t->short_body, k->short_body) || f.reset;
	f.stall_ms = strikes(&t->stall, k->stall) ? k->stall_ms : 0;
	f.corrupt = k->corrupt;
	for (size_t i = 0; i < k->ncorrupt; i++)
		if (lp_digest_equal(&k->corrupt[i].digest, d))
			f.ncorrupt = k->ncorrupt;
	return f;
}

/* One run of the blob, without anything that goes wrong: the kernel sends it. */
static struct lb_answer plain_answer(unsigned status, int *fd, const struct lb_range *part)
{
	struct lb_answer a = {.status = status, .bytes = part->bytes};

	a.response = MHD_create_response_from_fd_at_offset64(part->bytes, *fd, part->off);
	a.bad = !a.response;
	if (a.response)
		*fd = -1;
	return a;
}

static enum lp_code add_parts(struct lb_body *b, const struct lb_ranges *parts, uint64_t size,
			      struct lp_err *err)
{
	if (parts->n == 1)
		return lb_body_add_file(b, &parts->r[0], err);
	for (size_t i = 0; i < parts->n; i++) {
		const struct lb_range *p = &parts->r[i];

		if (lb_body_add_text(b, err, "%s--" BOUNDARY "\r\n"
				     "Content-Type: application/octet-stream\r\n"
				     "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64
				     "\r\n\r\n", i ? "\r\n" : "", p->off,
				     p->off + p->bytes - 1, size) ||
		    lb_body_add_file(b, p, err))
			return err->code;
	}
	return lb_body_add_text(b, err, "\r\n--" BOUNDARY "--\r\n");
}

static enum lp_code body_answer(struct lb_answer *a, int *fd, const struct lb_faults *f,
				const struct lb_ranges *parts, uint64_t size, struct lp_err *err)
{
	struct lb_body *b;
	int own = *fd;

	*fd = -1;
	if (lb_body_open(&b, own, f, err))
		return err->code;
	if (add_parts(b, parts, size, err)) {
		lb_body_free(b);
		return err->code;
	}
	a->bytes = lb_body_bytes(b);
	a->response = lb_body_response(b);
	a->bad = !a->response;
	if (a->bad)
		lb_body_free(b);
	return LP_OK;
}

/* The parts that this request gets; none: the whole blob. */
static enum lp_code choose_parts(struct lb_request *r, const char *etag, uint64_t size,
				 struct lb_ranges *parts, struct lp_err *err)
{
	const struct lb_knobs *k = &r->server->knobs;
	const char *same = lb_request_header(r, "If-Range");
	enum lb_range_answer answer;

	parts->n = 0;
	/* RFC 9110, 14.2: Range concerns GET only; 13.1.5: If-Range compares strongly */
	if (k->whole || strcmp(r->method, "GET") != 0 || (same && strcmp(same, etag) != 0))
		return LP_OK;
	answer = lb_range_parse(r->range, size, parts);
	if (answer == LB_RANGE_OUTSIDE) {
		snprintf(r->extra, sizeof(r->extra), "Content-Range: bytes */%" PRIu64, size);
		return lb_refuse(r, err, MHD_HTTP_RANGE_NOT_SATISFIABLE, "RANGE_INVALID",
				 "the blob has %" PRIu64 " bytes", size);
	}
	if (parts->n > 1 && k->multirange == LB_MULTI_400)
		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED",
				 "several ranges in one request");
	if (parts->n > 1 && k->multirange == LB_MULTI_WHOLE)
		parts->n = 0;
	if (parts->n == 1 && k->shifted_range && size > 1) {
		struct lb_range *p = &parts->r[0];

		p->off += p->off + 1 < size;
		p->bytes = p->bytes < size - p->off ? p->bytes : size - p->off;
	}
	return LP_OK;
}

/* The blob @fd of @size bytes: whole, a part of it, or several. */
static enum lp_code send_blob(struct lb_request *r, const struct lp_digest *d, int *fd,
			      uint64_t size, struct lp_err *err)
{
	char text[LP_DIGEST_TEXT], etag[LP_DIGEST_TEXT + 2];
	struct lb_faults f;
	struct lb_ranges parts;
	struct lb_answer a = {.status = MHD_HTTP_OK};

	lp_digest_text(d, text);
	snprintf(etag, sizeof(etag), "\"%s\"", text);
	if (choose_parts(r, etag, size, &parts, err))
		return err->code;
	if (parts.n)
		a.status = MHD_HTTP_PARTIAL_CONTENT;
	else
		parts.r[parts.n++] = (struct lb_range){0, size};
	f = faults_of(r, d);
	if (r->server->knobs.wrong_once) {
		f.sent = &r->server->sent;
		if (lb_sent_find(f.sent, d, size, &f.blob, err))
			return err->code;
	}
	if (parts.n == 1 && !f.cut && !f.stall_ms && !f.ncorrupt && !f.sent)
		a = plain_answer(a.status, fd, &parts.r[0]);
	else if (body_answer(&a, fd, &f, &parts, size, err))
		return err->code;
	if (parts.n > 1)
		lb_answer_header(&a, "Content-Type", "multipart/byteranges; boundary=" BOUNDARY);
	else
		lb_answer_header(&a, "Content-Type", "application/octet-stream");
	if (parts.n == 1 && a.status == MHD_HTTP_PARTIAL_CONTENT)
		lb_answer_header(&a, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
				 parts.r[0].off, parts.r[0].off + parts.r[0].bytes - 1, size);
	lb_answer_header(&a, "Accept-Ranges", "bytes");
	lb_answer_header(&a, "Docker-Content-Digest", "%s", text);
	lb_answer_header(&a, "ETag", "%s", etag);
	return lb_answer_send(r, &a, err);
}

/* Open the blob of the route; refuses with BLOB_UNKNOWN. */
static enum lp_code open_blob(struct lb_request *r, struct lp_digest *d, int *fd,
			      uint64_t *size, struct lp_err *err)
{
	enum lp_code code;

	if (lb_request_layout(r, false, err) || lb_request_digest(r, d, err))
		return err->code;
	code = lp_layout_blob(r->layout, d, fd, err);
	if (code == LP_EMISSING)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "BLOB_UNKNOWN", "no blob %s",
				 r->route.reference);
	return code ? code : lp_file_bytes(*fd, size, err);
}

static enum lp_code serve_blob(struct lb_request *r, struct lp_err *err)
{
	uint64_t head_status = r->server->knobs.head_status, size;
	LP_AUTO(lp_fd_close) int fd = -1;
	struct lp_digest d;

	if (open_blob(r, &d, &fd, &size, err))
		return err->code;
	if (head_status && !strcmp(r->method, "HEAD"))
		return lb_refuse(r, err, (unsigned)head_status, "DENIED", "no HEAD here");
	return send_blob(r, &d, &fd, size, err);
}

static enum lp_code redirect(struct lb_request *r, struct lp_err *err)
{
	uint64_t seconds = r->server->knobs.url_seconds, size;
	uint64_t end_ns = seconds ? lp_now_ns() + seconds * 1000000000u : 0;
	LP_AUTO(lp_fd_close) int fd = -1;
	char path[500], sign[LP_DIGEST_TEXT];
	struct lb_answer a;
	struct lp_digest d;

	if (open_blob(r, &d, &fd, &size, err))
		return err->code;
	snprintf(path, sizeof(path), "/storage/%s/%s", r->route.name, r->route.reference);
	lb_ticket_sign(&r->server->tickets, path, end_ns, sign);
	a = lb_answer_empty(MHD_HTTP_TEMPORARY_REDIRECT);
	lb_answer_header(&a, "Location", "%s%s?until=%" PRIu64 "&sign=%s", r->server->storage_url,
			 path, end_ns, sign);
	return lb_answer_send(r, &a, err);
}

enum lp_code lb_serve_blob(struct lb_request *r, struct lp_err *err)
{
	return r->server->storage ? redirect(r, err) : serve_blob(r, err);
}

enum lp_code lb_serve_storage(struct lb_request *r, struct lp_err *err)
{
	const char *until = lb_request_argument(r, "until");
	const char *sign = lb_request_argument(r, "sign");
	char path[500], want[LP_DIGEST_TEXT];
	uint64_t end_ns = until ? strtoull(until, NULL, 10) : 0;

	snprintf(path, sizeof(path), "/storage/%s/%s", r->route.name, r->route.reference);
	lb_ticket_sign(&r->server->tickets, path, end_ns, want);
	if (!sign || strcmp(sign, want) != 0)
		return lb_refuse(r, err, MHD_HTTP_FORBIDDEN, "DENIED", "not our signature");
	if (end_ns && lp_now_ns() >= end_ns)
		return lb_refuse(r, err, MHD_HTTP_FORBIDDEN, "DENIED", "the URL has expired");
	return serve_blob(r, err);
}

/* What the document says it is; Docker's always say, OCI's may leave it out. */
static enum lp_code media_type_of(const void *p, size_t n, char out[static LP_MEDIA_TYPE],
				  struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	const char *said;
	bool index;

	if (lp_json_parse(p, n, "oci.manifest.json", &o, err) ||
	    lp_json_string(o, "mediaType", LP_JSON_OPTIONAL, "oci.manifest.media-type", &said,
			   err) ||
	    lp_manifest_is_index(p, n, NULL, &index, err))
		return err->code;
	snprintf(out, LP_MEDIA_TYPE, "%s", said ? said :
		 index ? "application/vnd.oci.image.index.v1+json" :
		 "application/vnd.oci.image.manifest.v1+json");
	return LP_OK;
}

static enum lp_code find_manifest(struct lb_request *r, struct lp_digest *digest,
				  struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	enum lp_code code;

	if (strchr(r->route.reference, ':'))
		return lb_request_digest(r, digest, err);
	if (!lb_route_tag_ok(r->route.reference))
		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "TAG_INVALID",
				 "\"%s\" cannot be a tag", r->route.reference);
	code = lp_layout_find(r->layout, r->route.reference, &d, err);
	if (code == LP_EMISSING)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "MANIFEST_UNKNOWN", "no tag %s",
				 r->route.reference);
	*digest = d.digest;
	return code;
}

static enum lp_code load_manifest(struct lb_request *r, const struct lp_digest *d,
				  struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_fd_close) int fd = -1;
	uint64_t size;
	enum lp_code code = lp_layout_blob(r->layout, d, &fd, err);

	if (code == LP_EMISSING)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "MANIFEST_UNKNOWN", "no manifest %s",
				 r->route.reference);
	if (code || lp_file_bytes(fd, &size, err))
		return err->code;
	if (size > LP_MANIFEST_MAX)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "MANIFEST_UNKNOWN",
				 "%s is too large for a manifest", r->route.reference);
	if (lp_buf_reserve(out, (size_t)size, LP_MANIFEST_MAX, err) ||
	    lp_file_pread(fd, 0, out->p, (size_t)size, err))
		return err->code;
	out->len = (size_t)size;
	return LP_OK;
}

enum lp_code lb_serve_manifest(struct lb_request *r, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf document = {0};
	char media_type[LP_MEDIA_TYPE], text[LP_DIGEST_TEXT];
	struct lp_digest d = {0};
	struct lb_faults f;
	struct lb_answer a;

	if (lb_request_layout(r, false, err) || find_manifest(r, &d, err) ||
	    load_manifest(r, &d, &document, err))
		return err->code;
	if (media_type_of(document.p, document.len, media_type, err))
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "MANIFEST_UNKNOWN",
				 "%s is no manifest", r->route.reference);
	f = (struct lb_faults){.digest = d, .corrupt = r->server->knobs.corrupt,
			       .ncorrupt = r->server->knobs.ncorrupt};
	lb_faults_corrupt(&f, 0, document.p, document.len);
	lp_digest_text(&d, text);
	a = lb_answer_bytes(MHD_HTTP_OK, media_type, document.p, document.len);
	lb_answer_header(&a, "Docker-Content-Digest", "%s", text);
	lb_answer_header(&a, "ETag", "\"%s\"", text);
	return lb_answer_send(r, &a, err);
}
