// SPDX-License-Identifier: MIT
/*
 * push - a blob: is it there (HEAD)?  mount it, or open an upload (POST) and send it (PUT).
 *
 * Specification: distribution-spec v1.1, "Pushing blobs", "Pushing manifests"
 */
#include "fetch/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_MS 300000u	/* ours: a registry hashes the blob before it answers a PUT */
#define RULE_LOCATION "registry.push.location"
#define RULE_STATUS "registry.push.status"

static enum lp_code set_path(struct lp_exchange *x, int rc, struct lp_err *err)
{
	if (rc >= 0)
		return LP_OK;
	x->path = NULL;
	return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
}

/* What the registry says to an exchange whose answer has no body that counts. */
static enum lp_code ask(struct lp_registry *r, struct lp_exchange *x, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf body = {0};

	x->origin_only = true;
	x->bytes = 65536;
	return lp_exchange_wait(r, x, &body, err);
}

static enum lp_code bad_status(const struct lp_exchange *x, const char *want, struct lp_err *err)
{
	char name[LP_EXCHANGE_NAME];

	lp_exchange_name(x, name);
	lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_STATUS, "%s: status %ld, want %s", name,
		x->reply.status, want);
	err->sys = (int)x->reply.status;
	return err->code;
}

enum lp_code lp_registry_has(struct lp_registry *r, const struct lp_digest *d, bool *had,
			     struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {.method = LP_HEAD};
	enum lp_code code = lp_exchange_blob(&x, r, d, err);

	code = code ? code : ask(r, &x, err);
	*had = !code;
	return code == LP_EMISSING ? LP_OK : code;
}

/* POST; *url: where to upload to, NULL: the blob was mounted. */
static enum lp_code open_upload(struct lp_registry *r, const char *digest, const char *from,
				char **url, struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {.method = LP_POST};
	int rc;

	*url = NULL;
	if (from)
		rc = asprintf(&x.path, "/v2/%s/blobs/uploads/?mount=%s&from=%s", r->name, digest,
			      from);
	else
		rc = asprintf(&x.path, "/v2/%s/blobs/uploads/", r->name);
	if (set_path(&x, rc, err) || ask(r, &x, err))
		return err->code;
	if (from && x.reply.status == 201)
		return LP_OK;
	if (x.reply.status != 202)
		return bad_status(&x, "202", err);
	if (!x.reply.location)
		return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_LOCATION,
			       "the registry does not say where to upload to");
	*url = x.reply.location;
	x.reply.location = NULL;
	return LP_OK;
}

static enum lp_code upload(struct lp_registry *r, const char *url, const char *digest, int fd,
			   uint64_t bytes, struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {
		.method = LP_PUT, .type = "application/octet-stream", .fd = fd,
		.body_bytes = bytes, .once = true, .stall_ms = COMMIT_MS,
	};
	/* distribution-spec: the Location may have a query of its own, which stays */
	const char *and = strchr(url, '?') ? "&" : "?";

	if (set_path(&x, asprintf(&x.path, "%s%sdigest=%s", url, and, digest), err) ||
	    ask(r, &x, err))
		return err->code;
	return x.reply.status == 201 || x.reply.status == 204 ? LP_OK
							      : bad_status(&x, "201", err);
}

/* Worth a new upload session? */
static bool may_pass(const struct lp_err *err)
{
	return err->code == LP_EREMOTE && (!err->sys || err->sys == 404 || err->sys == 416 ||
					   err->sys == 429 || err->sys >= 500);
}

enum lp_code lp_registry_push_blob(struct lp_registry *r, const struct lp_descriptor *d, int fd,
				   const char *from, bool *had, struct lp_err *err)
{
	char digest[LP_DIGEST_TEXT];
	enum lp_code code;

	*had = false;
	lp_digest_text(&d->digest, digest);
	if (lp_registry_has(r, &d->digest, had, err))
		return err->code;
	if (*had)
		return LP_OK;
	for (unsigned i = 0;; i++) {
		LP_AUTO(lp_text_free) char *url = NULL;

		if (open_upload(r, digest, from, &url, err))
			return err->code;
		*had = !url;
		if (!url)
			return LP_OK;
		code = upload(r, url, digest, fd, d->bytes, err);
		if (!code)
			return LP_OK;
		if (i + 1 >= r->o.tries || !may_pass(err))
			return code;
		r->retries++;
		from = NULL;
	}
}

/* PUT; @condition: a header field, or "". */
static enum lp_code put_manifest(struct lp_registry *r, const char *tag, const char *condition,
				 struct lp_exchange *x, struct lp_err *err)
{
	char text[LP_DIGEST_TEXT];
	struct lp_digest digest;

	lp_digest_of(LP_SHA256, x->body, x->body_bytes, &digest);
	lp_digest_text(&digest, text);
	snprintf(x->condition, sizeof(x->condition), "%s", condition);
	if (set_path(x, asprintf(&x->path, "/v2/%s/manifests/%s", r->name, tag[0] ? tag : text),
		     err) ||
	    ask(r, x, err))
		return err->code;
	if (x->reply.status != 201)
		return bad_status(x, "201", err);
	if (x->reply.digest[0] && strcmp(x->reply.digest, text))
		return lp_fail(err, LP_EDIGEST, LP_NO_OFFSET, "registry.push.digest",
			       "the registry stored %.80s, we sent %.80s", x->reply.digest, text);
	return LP_OK;
}

enum lp_code lp_registry_push_manifest(struct lp_registry *r, const char *tag,
				       const char *media_type, const struct lp_buf *text,
				       bool *linked, struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {
		.method = LP_PUT, .type = media_type, .body = text->p, .body_bytes = text->len,
	};

	if (put_manifest(r, tag, "", &x, err))
		return err->code;
	if (linked)
		*linked = x.reply.subject[0];
	return LP_OK;
}

enum lp_code lp_registry_replace(struct lp_registry *r, const char *tag, const char *condition,
				 const struct lp_buf *text, struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {
		.method = LP_PUT, .type = "application/vnd.oci.image.index.v1+json",
		.body = text->p, .body_bytes = text->len,
	};

	return put_manifest(r, tag, condition, &x, err);
}
