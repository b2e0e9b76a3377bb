// SPDX-License-Identifier: MIT
#include "base/json.h"
#include "fetch/engine.h"
#include "oci/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_DIGEST "oci.manifest.digest"

/* Docker's names of schema 2 too, else old registries convert or hide the image. */
#define ACCEPT                                                                                     \
	"application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "    \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                              \
	"application/vnd.docker.distribution.manifest.v2+json"

/* @got must be what was asked for and what the registry says it is. */
static enum lp_code check(const struct lp_reply *reply, const struct lp_digest *want,
			  const struct lp_buf *got, struct lp_digest *digest, struct lp_err *err)
{
	struct lp_digest promised;

	lp_digest_of(want->alg ? want->alg : LP_SHA256, got->p, got->len, digest);
	if (want->alg)
		return lp_digest_check(digest, want, LP_NO_OFFSET, RULE_DIGEST, "the manifest",
				       err);
	if (!reply->digest[0])
		return LP_OK;
	if (lp_digest_parse(reply->digest, strlen(reply->digest), &promised, err))
		return lp_within(err, "Docker-Content-Digest");
	lp_digest_of(promised.alg, got->p, got->len, digest);
	return lp_digest_check(digest, &promised, LP_NO_OFFSET, RULE_DIGEST, "the manifest", err);
}

enum lp_code lp_engine_document(struct lp_registry *r, const char *what, bool origin_only,
				struct lp_exchange *x, struct lp_buf *out, struct lp_err *err)
{
	*x = (struct lp_exchange){
		.origin_only = origin_only, .accept = ACCEPT, .bytes = LP_MANIFEST_MAX,
	};
	out->len = 0;
	if (asprintf(&x->path, "/v2/%s/manifests/%s", r->name, what) < 0) {
		x->path = NULL;
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
	}
	return lp_exchange_wait(r, x, out, err);
}

enum lp_code lp_registry_manifest(struct lp_registry *r, const char *tag,
				  const struct lp_digest *want, struct lp_buf *out,
				  struct lp_digest *digest,
				  char media_type[static LP_MEDIA_TYPE], struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {0};
	char text[LP_DIGEST_TEXT];
	const char *what = tag;
	enum lp_code code;

	if (want->alg) {
		lp_digest_text(want, text);
		what = text;
	}
	code = lp_engine_document(r, what, false, &x, out, err);
	if (!code)
		code = check(&x.reply, want, out, digest, err);
	/* a mirror that has something else says nothing about the registry */
	if (code == LP_EDIGEST && r->mirror.base) {
		lp_exchange_free(&x);
		code = lp_engine_document(r, what, true, &x, out, err);
		if (!code)
			code = check(&x.reply, want, out, digest, err);
	}
	if (code)
		return lp_within(err, "%s/%s", r->origin.host, r->name);
	snprintf(media_type, LP_MEDIA_TYPE, "%s", x.reply.type);
	return LP_OK;
}

enum lp_code lp_registry_blob(struct lp_registry *r, const struct lp_descriptor *d, size_t max,
			      struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {.blob = d->digest};
	struct lp_digest got;

	out->len = 0;
	if (d->bytes > max)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, NULL,
			       "the blob has %llu bytes, the limit is %zu",
			       (unsigned long long)d->bytes, max);
	x.bytes = d->bytes;
	if (lp_exchange_blob(&x, r, &d->digest, err) || lp_exchange_wait(r, &x, out, err))
		return err->code;
	if (out->len != d->bytes)
		return lp_fail(err, LP_ESHORT, out->len, "registry.blob.bytes",
			       "the blob has %zu bytes there, want %llu", out->len,
			       (unsigned long long)d->bytes);
	lp_digest_of(d->digest.alg, out->p, out->len, &got);
	return lp_digest_check(&got, &d->digest, LP_NO_OFFSET, "registry.blob.digest", "the blob",
			       err);
}
