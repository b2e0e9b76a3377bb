// SPDX-License-Identifier: MIT
/* push - what clients write: blobs in one request or in chunks, blobs of other repositories,
 * manifests. */
#include "registry/handler.h"

#include "oci/manifest.h"
#include "oci/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum lp_code created(struct lb_request *r, const char *kind, const struct lp_digest *d,
			    struct lp_err *err)
{
	struct lb_answer a = lb_answer_empty(MHD_HTTP_CREATED);
	char text[LP_DIGEST_TEXT];

	lp_digest_text(d, text);
	lb_answer_header(&a, "Location", "/v2/%s/%s/%s", r->route.name, kind, text);
	lb_answer_header(&a, "Docker-Content-Digest", "%s", text);
	return lb_answer_send(r, &a, err);
}

/* Tell the client how far its upload is, and put it back for the next request. */
static enum lp_code progress(struct lb_request *r, unsigned status, struct lp_err *err)
{
	struct lb_upload *u = r->upload;
	struct lb_answer a = lb_answer_empty(status);

	lb_answer_header(&a, "Location", "/v2/%s/blobs/uploads/%s", r->route.name, u->id);
	lb_answer_header(&a, "Docker-Upload-UUID", "%s", u->id);
	lb_answer_header(&a, "Range", "0-%" PRIu64, u->bytes ? u->bytes - 1 : 0);
	r->upload = NULL;
	lb_uploads_put(&r->server->uploads, u);
	return lb_answer_send(r, &a, err);
}

static void blob_path(const struct lp_digest *d, char *out, size_t n)
{
	char hex[LP_DIGEST_TEXT];

	lp_digest_hex(d, hex);
	snprintf(out, n, "blobs/%s/%s", lp_alg_name(d->alg), hex);
}

/* Link the blob of another repository into ours; false: there is none, or it cannot be linked. */
static bool mount_blob(struct lb_request *r, const char *from, const struct lp_digest *d)
{
	struct lp_layout *source;
	struct lp_err err;
	char path[200], directory[32];

	if (!lb_route_name_ok(from) ||
	    lb_repositories_find(&r->server->repositories, from, false, &source, &err))
		return false;
	blob_path(d, path, sizeof(path));
	snprintf(directory, sizeof(directory), "blobs/%s", lp_alg_name(d->alg));
	if (mkdirat(r->layout->dir, "blobs", 0777) && errno != EEXIST)
		return false;
	if (mkdirat(r->layout->dir, directory, 0777) && errno != EEXIST)
		return false;
	return !linkat(source->dir, path, r->layout->dir, path, 0) || errno == EEXIST;
}

enum lp_code lb_upload_begin(struct lb_request *r, struct lp_err *err)
{
	if (lb_request_layout(r, true, err))
		return err->code;
	return lb_upload_open(r->layout, r->route.name, &r->upload, err);
}

static enum lp_code digest_argument(struct lb_request *r, const char *text,
				    struct lp_digest *out, struct lp_err *err)
{
	if (!text || lp_digest_parse(text, strlen(text), out, err))
		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID",
				 "\"%s\" is no digest", text ? text : "");
	return LP_OK;
}

static enum lp_code commit(struct lb_request *r, const char *digest, struct lp_err *err)
{
	struct lp_digest want;
	enum lp_code code;

	if (digest_argument(r, digest, &want, err))
		return err->code;
	code = lb_upload_commit(r->upload, r->layout, &want, err);
	if (code == LP_EDIGEST) {
		struct lp_err why = *err;

		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID", "%.150s",
				 why.msg);
	}
	return code ? code : created(r, "blobs", &want, err);
}

enum lp_code lb_upload_started(struct lb_request *r, struct lp_err *err)
{
	const char *mount = lb_request_argument(r, "mount");
	const char *from = lb_request_argument(r, "from");
	const char *digest = lb_request_argument(r, "digest");
	struct lp_digest d;

	/* "Mounting a blob from another repository": what fails goes on as an upload. */
	if (mount && from && !lp_digest_parse(mount, strlen(mount), &d, err) &&
	    mount_blob(r, from, &d))
		return created(r, "blobs", &d, err);
	return digest ? commit(r, digest, err) : progress(r, MHD_HTTP_ACCEPTED, err);
}

/* "Pushing a blob in chunks": a chunk out of order must get 416. */
static enum lp_code check_chunk(struct lb_request *r, const char *range, struct lp_err *err)
{
	char *end;
	uint64_t first = strtoull(range, &end, 10);

	if (end == range || *end != '-' || first != r->upload->bytes) {
		snprintf(r->extra, sizeof(r->extra), "Range: 0-%" PRIu64,
			 r->upload->bytes ? r->upload->bytes - 1 : 0);
		return lb_refuse(r, err, MHD_HTTP_RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID",
				 "the next byte is %" PRIu64, r->upload->bytes);
	}
	return LP_OK;
}

static enum lp_code take_upload(struct lb_request *r, struct lp_err *err)
{
	if (lb_request_layout(r, false, err))
		return err->code;
	r->upload = lb_uploads_take(&r->server->uploads, r->route.name, r->route.reference);
	if (!r->upload)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "BLOB_UPLOAD_UNKNOWN",
				 "no upload %s", r->route.reference);
	return LP_OK;
}

enum lp_code lb_upload_go_on(struct lb_request *r, struct lp_err *err)
{
	const char *range = lb_request_header(r, "Content-Range");

	if (take_upload(r, err) || (range && check_chunk(r, range, err)))
		return err->code;
	return LP_OK;
}

enum lp_code lb_upload_chunk(struct lb_request *r, struct lp_err *err)
{
	return progress(r, MHD_HTTP_ACCEPTED, err);
}

enum lp_code lb_upload_end(struct lb_request *r, struct lp_err *err)
{
	return commit(r, lb_request_argument(r, "digest"), err);
}

enum lp_code lb_upload_status(struct lb_request *r, struct lp_err *err)
{
	return take_upload(r, err) ? err->code : progress(r, MHD_HTTP_NO_CONTENT, err);
}

enum lp_code lb_upload_cancel(struct lb_request *r, struct lp_err *err)
{
	struct lb_answer a;

	if (take_upload(r, err))
		return err->code;
	a = lb_answer_empty(MHD_HTTP_NO_CONTENT);
	return lb_answer_send(r, &a, err);
}

enum lp_code lb_manifest_begin(struct lb_request *r, struct lp_err *err)
{
	return lb_request_layout(r, true, err);
}

static bool has_blob(struct lb_request *r, const struct lp_digest *d)
{
	char path[200];

	blob_path(d, path, sizeof(path));
	return !faccessat(r->layout->dir, path, F_OK, 0);
}

/* "Pushing Manifests": a registry may refuse one whose blobs it has not; ours does. */
static enum lp_code check_references(struct lb_request *r, const struct lp_manifest *m,
				     struct lp_err *err)
{
	bool all = has_blob(r, &m->config.digest);

	for (size_t i = 0; i < m->nlayer && all; i++)
		all = has_blob(r, &m->layer[i].digest);
	if (!all)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "MANIFEST_BLOB_UNKNOWN",
				 "the manifest names a blob that was not pushed");
	return LP_OK;
}

/* A manifest of OCI's that is no image's: "Guidelines for Artifact Usage".  It is kept unread. */
static bool is_artifact(const struct lp_err *why)
{
	return why->code == LP_EUNSUP && why->rule && !strcmp(why->rule, "oci.manifest.config");
}

static enum lp_code check_manifest(struct lb_request *r, const char *media_type,
				   struct lp_err *err)
{
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {0};
	struct lp_err why;
	bool index;

	if (lp_manifest_is_index(r->body.p, r->body.len, media_type, &index, &why) ||
	    (!index && lp_manifest_parse(r->body.p, r->body.len, media_type, &m, &why) &&
	     !is_artifact(&why)))
		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "MANIFEST_INVALID", "%.150s",
				 why.msg);
	return index || !m.media_type[0] ? LP_OK : check_references(r, &m, err);
}

/* RFC 9110, 13.1: does what has the tag fit the request's If-Match or If-None-Match? */
static enum lp_code check_condition(struct lb_request *r, struct lp_err *err)
{
	const char *match = lb_request_header(r, "If-Match");
	const char *none = lb_request_header(r, "If-None-Match");
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	char text[LP_DIGEST_TEXT], etag[LP_DIGEST_TEXT + 2] = "";
	enum lp_code code;

	if (!match && !none)
		return LP_OK;
	code = lp_layout_find(r->layout, r->route.reference, &d, err);
	if (code && code != LP_EMISSING)
		return code;
	if (!code) {
		lp_digest_text(&d.digest, text);
		snprintf(etag, sizeof(etag), "\"%s\"", text);
	}
	if ((match && (!*etag || (strcmp(match, "*") && strcmp(match, etag)))) ||
	    (none && *etag && (!strcmp(none, "*") || !strcmp(none, etag))))
		return lb_refuse(r, err, MHD_HTTP_PRECONDITION_FAILED, "DENIED",
				 "the tag names something else by now");
	return LP_OK;
}

/* Under the reference's tag, if the request's condition holds. */
static enum lp_code tag(struct lb_request *r, const struct lp_descriptor *d, struct lp_err *err)
{
	enum lp_code code;

	if (!lb_route_tag_ok(r->route.reference))
		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "TAG_INVALID",
				 "\"%s\" cannot be a tag", r->route.reference);
	/* one at a time: what a condition compares must not change before it is replaced */
	pthread_mutex_lock(&r->server->repositories.lock);
	code = check_condition(r, err);
	code = code ? code : lp_layout_tag(r->layout, r->route.reference, d, err);
	pthread_mutex_unlock(&r->server->repositories.lock);
	return code;
}

/* 201; what refers to another manifest must be found again, also without a tag. */
static enum lp_code stored(struct lb_request *r, const struct lp_descriptor *d, struct lp_err *err)
{
	struct lb_answer a = lb_answer_empty(MHD_HTTP_CREATED);
	LP_AUTO(lp_json_free) json_t *entry = NULL;
	char text[LP_DIGEST_TEXT];
	struct lp_digest subject;

	if (lp_subject_entry(&r->body, d, &entry, &subject, err) ||
	    (entry && lp_layout_add(r->layout, entry, err))) {
		a.bad = true;
		return lb_answer_send(r, &a, err);
	}
	lp_digest_text(&d->digest, text);
	lb_answer_header(&a, "Location", "/v2/%s/manifests/%s", r->route.name, text);
	lb_answer_header(&a, "Docker-Content-Digest", "%s", text);
	lp_digest_text(&subject, text);
	if (entry && !r->server->knobs.no_referrers)
		lb_answer_header(&a, "OCI-Subject", "%s", text);
	return lb_answer_send(r, &a, err);
}

enum lp_code lb_manifest_end(struct lb_request *r, struct lp_err *err)
{
	LP_AUTO(lp_descriptor_free) struct lp_descriptor d = {0};
	const char *media_type = lb_request_header(r, "Content-Type");
	bool by_digest = strchr(r->route.reference, ':');
	struct lp_digest want = {0};

	if (check_manifest(r, media_type, err) ||
	    (by_digest && lb_request_digest(r, &want, err)))
		return err->code;
	snprintf(d.media_type, sizeof(d.media_type), "%s", media_type ? media_type :
		 "application/vnd.oci.image.manifest.v1+json");
	if (lp_layout_put(r->layout, r->body.p, r->body.len, &d, err))
		return err->code;
	if (by_digest && !lp_digest_equal(&d.digest, &want))
		return lb_refuse(r, err, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID",
				 "the manifest is not %s", r->route.reference);
	if (!by_digest && tag(r, &d, err))
		return err->code;
	return stored(r, &d, err);
}
