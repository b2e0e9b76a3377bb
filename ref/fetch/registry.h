/* SPDX-License-Identifier: MIT */
/*
 * registry - one repository of an OCI registry: manifests, blobs, ranges, pushes.
 *
 * One engine thread on curl_multi runs every transfer, HTTP/2 where offered, keep-alive else.
 * Ranges are asked for asynchronously, by priority; everything else waits.  What must work
 * is in design.md 5: tokens (also expiring), Basic, credential helpers, redirects without
 * leaking Authorization, signed URLs that expire, 200 for 206, 429, resets, short bodies,
 * TLS, mirrors, proxies.
 *
 * Nothing here is verified but manifests by digest: chunks have their own digests, whole
 * blobs are hashed by whoever reads them.
 *
 * Specification: OCI distribution-spec v1.1
 */
#ifndef LP_REGISTRY_H
#define LP_REGISTRY_H

#include "fetch/source.h"
#include "oci/descriptor.h"
#include "oci/reference.h"

struct lp_registry_options {
	bool plain_http;	/* also for hosts that are not loopback */
	const char *user, *password; /* NULL: ~/.docker/config.json and its helpers */
	const char *ca_file;	/* NULL: the system's */
	const char *mirror;	/* "http://HOST:PORT" tried first, or NULL */
	/*
	 * At a time for data of blobs, one of them for demand alone; at least 2, or 0: 4 for ranges
	 * and one more for each whole stream.  Documents and tokens, short ones, come beside them.
	 */
	unsigned connections;
	uint64_t rate;		/* bytes a second of all but demand and documents; 0: no limit */
	unsigned tries;		/* requests without progress before we give up; 0: 5 */
	unsigned stall_ms;	/* silence that ends a request; 0: 30,000 */
	unsigned retry_ms;	/* wait before the second try, doubled each time; 0: 100 */
	unsigned retry_max_ms;	/* longest Retry-After that is waited for; 0: 60,000 */
	unsigned helper_ms;	/* what a credential helper may take; 0: 10,000 */
};

struct lp_registry;

/*
 * lp_registry_open - prepare; nothing is sent yet.
 *
 * @r     docker transport; host and name are used
 * @out   freed by lp_registry_free()
 */
LP_MUST_CHECK enum lp_code lp_registry_open(struct lp_registry **out,
					    const struct lp_reference *r,
					    const struct lp_registry_options *o,
					    struct lp_err *err);
void lp_registry_free(struct lp_registry **r);

/*
 * lp_registry_manifest - GET a manifest or index by tag or digest, at most LP_MANIFEST_MAX.
 *
 * @want        LP_NO_DIGEST: by @tag; else by digest, and it must match
 * @digest      out: of the bytes
 * @media_type  out: Content-Type
 *
 * LP_EMISSING  404      LP_EREMOTE  any other failure, after the retries
 * LP_EDIGEST   oci.manifest.digest: not the bytes that were asked for, or that
 *              Docker-Content-Digest promised
 */
LP_MUST_CHECK enum lp_code lp_registry_manifest(struct lp_registry *r, const char *tag,
						const struct lp_digest *want,
						struct lp_buf *out, struct lp_digest *digest,
						char media_type[static LP_MEDIA_TYPE],
						struct lp_err *err);

/* A whole small blob (a configuration), at most @max bytes, its digest compared. */
LP_MUST_CHECK enum lp_code lp_registry_blob(struct lp_registry *r,
					    const struct lp_descriptor *d, size_t max,
					    struct lp_buf *out, struct lp_err *err);

/*
 * lp_registry_source - the blob @d as a source: reads are one range request each, the
 * stream is one GET that resumes where it broke.  @r must outlive it.
 */
LP_MUST_CHECK enum lp_code lp_registry_source(struct lp_registry *r,
					      const struct lp_descriptor *d,
					      struct lp_source *out, struct lp_err *err);

enum lp_priority { LP_DEMAND, LP_PREFETCH, LP_BACKGROUND };

/* A range of a blob on its way; embedded in the caller's struct, which keeps it alive. */
struct lp_fetch {
	struct lp_digest blob;
	uint64_t off;
	size_t bytes;
	uint64_t total;		/* of the blob, 0: not known: an answer must not say another */
	/*
	 * Background: how far from off on the request may go, if more than bytes.  Later fetches
	 * that begin where this one ends get the next bytes of its answer, which waits for them,
	 * and while anything more urgent runs.
	 */
	uint64_t reach;
	enum lp_priority priority;
	bool origin_only;	/* what the mirror has is wrong: do not ask it */
	uint8_t *p;		/* [bytes]: where they go */
	size_t have;		/* bytes of p that are there; grows while it runs */
	/* Engine thread: more bytes have come (NULL: do not care).  Must not block. */
	void (*progress)(struct lp_fetch *f);
	/* Engine thread: over.  code 0: all bytes are there.  Must not block. */
	void (*done)(struct lp_fetch *f, enum lp_code code, const struct lp_err *err);
	struct lp_fetch *next;	/* the engine's */
	struct lp_range *running; /* likewise: what brings it */
};

/* Queue @f; done() is called once, whatever happens, also by lp_registry_free(). */
void lp_registry_fetch(struct lp_registry *r, struct lp_fetch *f);

/* Raise a queued fetch to @p; one that runs waits for nothing any more. */
void lp_registry_hurry(struct lp_registry *r, struct lp_fetch *f, enum lp_priority p);

/* No fetch will go on where the last one with a reach has ended. */
void lp_registry_leave(struct lp_registry *r, const struct lp_digest *blob);

/* False once it has answered a range with the whole blob: better read whole blobs then. */
bool lp_registry_ranges(const struct lp_registry *r);

/* What has been received and asked so far. */
struct lp_registry_count {
	uint64_t requests, body_bytes, retries;
};

void lp_registry_count(struct lp_registry *r, struct lp_registry_count *out);

/*
 * lp_registry_push_blob - HEAD, else mount from @from (NULL: do not), else POST and PUT.
 *
 * @fd   positioned reads of d->bytes bytes from offset 0; borrowed
 * @had  out: the registry had it or mounted it
 */
LP_MUST_CHECK enum lp_code lp_registry_push_blob(struct lp_registry *r,
						 const struct lp_descriptor *d, int fd,
						 const char *from, bool *had,
						 struct lp_err *err);

/*
 * lp_registry_blob_bytes - how long is the blob?  HEAD; where that is refused or does not say,
 * one byte of it.
 *
 * LP_EMISSING  it is not there        LP_EREMOTE  the registry does not say
 */
LP_MUST_CHECK enum lp_code lp_registry_blob_bytes(struct lp_registry *r,
						  const struct lp_digest *d, uint64_t *bytes,
						  struct lp_err *err);

/* HEAD: is the blob there? */
LP_MUST_CHECK enum lp_code lp_registry_has(struct lp_registry *r, const struct lp_digest *d,
					   bool *had, struct lp_err *err);

/*
 * lp_registry_push_manifest - PUT a manifest under @tag, or under its digest when @tag is "".
 *
 * @linked  out, or NULL: the registry has noted its subject itself (OCI-Subject)
 */
LP_MUST_CHECK enum lp_code lp_registry_push_manifest(struct lp_registry *r, const char *tag,
						     const char *media_type,
						     const struct lp_buf *text, bool *linked,
						     struct lp_err *err);

/* PUT an index under @tag if @condition, a header field or "", holds; err->sys 412: not. */
LP_MUST_CHECK enum lp_code lp_registry_replace(struct lp_registry *r, const char *tag,
					       const char *condition, const struct lp_buf *text,
					       struct lp_err *err);

#endif
