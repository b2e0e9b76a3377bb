// SPDX-License-Identifier: MIT
#include "cmd/remote.h"

#include "oci/config.h"
#include "oci/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULE_SIZE "oci.layer.bytes"
#define RULE_DIGEST "registry.blob.digest"
#define STALL_MS 300		/* ours */
#define RETRY_MS 10		/* ours */
#define RETRY_MAX_MS 1500	/* ours */
#define TRIES 3			/* ours */

void lp_remote_free(struct lp_remote *r)
{
	lp_registry_free(&r->registry);
	free(r->p);
	r->p = NULL;
}

/* The decimal argument @name, or @otherwise. */
static enum lp_code number(const struct lp_ask *a, const char *name, uint64_t otherwise,
			   uint64_t *out, struct lp_err *err)
{
	const char *text = lp_ask_arg(a, name);
	char *end;

	*out = otherwise;
	if (!text)
		return LP_OK;
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "%s: \"%.40s\"", name, text);
	return LP_OK;
}

static enum lp_code connect_to(struct lp_remote *r, const struct lp_ask *a,
			       const struct lp_reference *ref, const char *ca, struct lp_err *err)
{
	struct lp_registry_options o = {
		.user = lp_ask_arg(a, "user"), .password = lp_ask_arg(a, "password"),
		.ca_file = ca, .tries = TRIES, .retry_ms = RETRY_MS, .retry_max_ms = RETRY_MAX_MS,
	};
	uint64_t ms;

	if (number(a, "read_timeout_ms", STALL_MS, &ms, err))
		return err->code;
	o.stall_ms = (unsigned)(ms < 60000 ? ms : 60000);
	return lp_registry_open(&r->registry, ref, &o, err);
}

/* http[s]://HOST/v2/NAME/blobs/DIGEST as HOST/NAME@DIGEST. */
static enum lp_code parse_url(const char *url, struct lp_reference *out, bool *tls,
			      struct lp_err *err)
{
	const char *host = strstr(url, "://"), *name = host ? strstr(host, "/v2/") : NULL;
	const char *digest = name ? strstr(name, "/blobs/") : NULL;
	char text[1024];

	*tls = !strncmp(url, "https:", 6);
	if (!digest || (!*tls && strncmp(url, "http:", 5) != 0))
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL,
			       "\"%.80s\" is not http://HOST/v2/NAME/blobs/DIGEST", url);
	host += 3;
	name += 4;
	snprintf(text, sizeof(text), "%.*s/%.*s@%.200s", (int)(name - 4 - host), host,
		 (int)(digest - name), name, digest + 7);
	return lp_reference_parse(text, out, err);
}

static enum lp_code find_blob(struct lp_remote *r, const struct lp_ask *a, const char *url,
			      struct lp_descriptor *d, struct lp_err *err)
{
	struct lp_reference ref;
	const char *ca = lp_ask_arg(a, "ca");
	bool tls;

	if (parse_url(url, &ref, &tls, err) || number(a, "size", UINT64_MAX, &d->bytes, err))
		return err->code;
	if (tls && !ca)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "https without ca");
	d->digest = ref.digest;
	if (connect_to(r, a, &ref, tls ? ca : NULL, err))
		return err->code;
	return d->bytes == UINT64_MAX
		       ? lp_registry_blob_bytes(r->registry, &d->digest, &d->bytes, err)
		       : LP_OK;
}

/* The first layer of the image, whose configuration must be there, too. */
static enum lp_code find_layer(struct lp_remote *r, const struct lp_ask *a, const char *image,
			       struct lp_descriptor *d, struct lp_err *err)
{
	LP_AUTO(lp_manifest_free) struct lp_manifest m = {.nlayer = 0};
	LP_AUTO(lp_config_free) struct lp_config config = {.ndiffid = 0};
	LP_AUTO(lp_buf_free) struct lp_buf text = {.p = NULL};
	char type[LP_MEDIA_TYPE];
	struct lp_reference ref;
	struct lp_digest got;

	if (lp_reference_parse(image, &ref, err) ||
	    connect_to(r, a, &ref, lp_ask_arg(a, "ca"), err) ||
	    lp_registry_manifest(r->registry, ref.tag, &ref.digest, &text, &got, type, err) ||
	    lp_manifest_parse(text.p, text.len, type, &m, err) ||
	    lp_registry_blob(r->registry, &m.config, LP_CONFIG_MAX, &text, err) ||
	    lp_config_parse(text.p, text.len, &config, err))
		return err->code;
	if (!m.nlayer)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "an image without layers");
	return lp_descriptor_copy(d, &m.layer[0], err);
}

enum lp_code lp_remote_open(struct lp_remote *r, const struct lp_ask *a,
			    struct lp_whole_blob *blob, struct lp_err *err)
{
	const char *url = lp_ask_arg(a, "url"), *image = lp_ask_arg(a, "image");

	if (!url == !image)
		return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "one of url and image");
	if (url ? find_blob(r, a, url, &blob->d, err) : find_layer(r, a, image, &blob->d, err))
		return err->code;
	if (blob->d.bytes > LP_REMOTE_MAX)
		return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_SIZE,
			       "a blob of %" PRIu64 " bytes", blob->d.bytes);
	blob->p = r->p = calloc(1, (size_t)blob->d.bytes + 1);
	if (!r->p)
		return lp_fail_errno(err, "a blob");
	return lp_registry_source(r->registry, &blob->d, &blob->source, err);
}

enum lp_code lp_remote_stream(struct lp_remote *r, struct lp_whole_blob *blob, struct lp_err *err)
{
	struct lp_reader *all;
	struct lp_digest got;

	if (lp_source_stream(&blob->source, &all, err) ||
	    lp_read_full(all, r->p, (size_t)blob->d.bytes, err) || lp_read_rest(all, NULL, err))
		return err->code;
	lp_digest_of(blob->d.digest.alg, r->p, (size_t)blob->d.bytes, &got);
	if (lp_digest_check(&got, &blob->d.digest, LP_NO_OFFSET, RULE_DIGEST, "the blob", err))
		return err->code;
	lp_source_free(&blob->source);
	return lp_source_mem(&blob->source, r->p, (size_t)blob->d.bytes, err);
}

enum lp_code lp_remote_frames(struct lp_remote *r, struct lp_whole *w, struct lp_err *err)
{
	for (size_t i = 0; i < w->ndevice; i++)
		for (uint32_t k = 0; k < w->table[i].layer.nframe; k++) {
			const struct lp_frame *f = &w->table[i].layer.frame[k];

			if (lp_source_read(w->source, f->off, r->p + f->off,
					   (size_t)f->stored_bytes, err))
				return err->code;
		}
	return LP_OK;
}

json_t *lp_remote_stats(const struct lp_remote *r)
{
	struct lp_registry_count n;

	if (!r->registry)
		return NULL;
	lp_registry_count(r->registry, &n);
	return json_pack("{s:I, s:I}", "requests", (json_int_t)n.requests, "bytes_fetched",
			 (json_int_t)n.body_bytes);
}
