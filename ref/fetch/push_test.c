// SPDX-License-Identifier: MIT
/* Manifests in both directions, small blobs, uploads. */
#include "fetch/registry.h"

#include "testing/server.h"
#include "testing/test.h"

#include <fcntl.h>
#include <sys/mman.h>

#define BLOB_BYTES 30000u

static uint8_t blob[BLOB_BYTES];
static struct lp_descriptor blob_descriptor;
static char blob_digest[LP_DIGEST_TEXT];

/* What a registry that takes uploads should do differently. */
static struct manner {
	bool has, mounts, relative, query, no_location, late_401;
	const char *post_status, *put_status;
	unsigned bad_puts;		/* PUTs that fail before one succeeds */
} how;

static struct world {
	struct test_server s;
	_Atomic unsigned posts, puts;
	bool right;			/* the bytes that came last */
	char target[500], type[100];	/* of the latest PUT */
	char mount[300];
} w;

static void take_post(struct test_request *q)
{
	char fields[400], base[100] = "";

	snprintf(w.mount, sizeof(w.mount), "%.290s", q->target);
	if (how.mounts && strstr(q->target, "?mount=")) {
		test_reply(q, "201 Created", "Location: /v2/n/blobs/x\r\n", "", 0);
		return;
	}
	if (!how.relative)
		snprintf(base, sizeof(base), "http://127.0.0.1:%u", w.s.port);
	snprintf(fields, sizeof(fields), "Location: %s/v2/n/blobs/uploads/%u%s\r\n", base, ++w.posts,
		 how.query ? "?_state=a%2Bb" : "");
	test_reply(q, how.post_status ? how.post_status : "202 Accepted",
		   how.no_location ? "" : fields, "", 0);
}

static void take_put(struct test_request *q)
{
	char v[100];

	w.right = q->body_bytes == BLOB_BYTES && !memcmp(q->body, blob, BLOB_BYTES);
	snprintf(w.target, sizeof(w.target), "%.490s", q->target);
	if (!test_field(q, "Content-Type", w.type, sizeof(w.type)))
		w.type[0] = '\0';
	CHECK(!test_field(q, "Expect", v, sizeof(v)), "no Expect");
	if (how.late_401 && !test_field(q, "Authorization", v, sizeof(v)))
		test_reply(q, "401 No", "WWW-Authenticate: Basic\r\n", "", 0);
	else if (++w.puts <= how.bad_puts)
		test_reply(q, "500 Oops", "", "", 0);
	else
		test_reply(q, how.put_status ? how.put_status : "201 Created", "", "", 0);
}

static void take(struct test_request *q)
{
	if (!strcmp(q->method, "HEAD"))
		test_reply(q, how.has ? "200 OK" : "404 No", "", blob, BLOB_BYTES);
	else if (!strcmp(q->method, "POST"))
		take_post(q);
	else
		take_put(q);
}

static struct lp_registry *open_registry(const struct test_server *s)
{
	struct lp_registry_options o = {
		.tries = 3, .retry_ms = 1, .user = "user", .password = "pass",
	};
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "127.0.0.1:%u", s->port);
	return lp_registry_open(&r, &ref, &o, &err) ? NULL : r;
}

static enum lp_code push(const struct manner *m, const char *from, bool *had, struct lp_err *err)
{
	int fd = memfd_create("blob", MFD_CLOEXEC);
	struct lp_registry *r;
	enum lp_code code = LP_ESYSTEM;

	how = *m;
	w = (struct world){0};
	test_server_start(&w.s, take, NULL);
	r = open_registry(&w.s);
	if (r && write(fd, blob, BLOB_BYTES) == (ssize_t)BLOB_BYTES)
		code = lp_registry_push_blob(r, &blob_descriptor, fd, from, had, err);
	lp_registry_free(&r);
	test_server_stop(&w.s);
	close(fd);
	return code;
}

static void test_push(void)
{
	static const struct {
		const char *name;
		struct manner how;
		const char *from;
		enum lp_code code;
		bool had;
		unsigned posts, puts;
		const char *rule;
	} cases[] = {
		{"it is there", {.has = true}, NULL, LP_OK, true, 0, 0, NULL},
		{"it is sent", {0}, NULL, LP_OK, false, 1, 1, NULL},
		{"a relative Location", {.relative = true}, NULL, LP_OK, false, 1, 1, NULL},
		{"a Location with a query", {.query = true}, NULL, LP_OK, false, 1, 1, NULL},
		{"it is mounted", {.mounts = true}, "other/name", LP_OK, true, 0, 0, NULL},
		{"a mount becomes an upload", {0}, "other/name", LP_OK, false, 1, 1, NULL},
		{"an upload breaks", {.bad_puts = 2}, NULL, LP_OK, false, 3, 3, NULL},
		{"uploads break", {.bad_puts = 9}, NULL, LP_EREMOTE, false, 3, 3, NULL},
		{"credentials are asked for late", {.late_401 = true}, NULL, LP_OK, false, 1, 1,
		 NULL},
		{"no Location", {.no_location = true}, NULL, LP_EREMOTE, false, 1, 0,
		 "registry.push.location"},
		{"a strange status of POST", {.post_status = "200 OK"}, NULL, LP_EREMOTE, false, 1,
		 0, "registry.push.status"},
		{"a strange status of PUT", {.put_status = "202 OK"}, NULL, LP_EREMOTE, false, 1, 1,
		 "registry.push.status"},
		{"it is refused", {.put_status = "400 DIGEST"}, NULL, LP_EREMOTE, false, 1, 1, NULL},
		{"POST is refused", {.post_status = "403 no"}, NULL, LP_EREMOTE, false, 1, 0, NULL},
	};
	struct lp_err err = {0};
	enum lp_code code;
	bool had;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		code = push(&cases[i].how, cases[i].from, &had, &err);
		CHECK(code == cases[i].code && (code || had == cases[i].had), "%s: %s %s",
		      cases[i].name, lp_code_name(code), err.msg);
		CHECK(w.posts == cases[i].posts && w.puts == cases[i].puts, "%u POST, %u PUT, %s",
		      w.posts, w.puts, cases[i].name);
		if (!code && w.puts)
			CHECK(w.right && strstr(w.target, blob_digest) &&
				      !strcmp(w.type, "application/octet-stream"),
			      "the bytes came: %s", w.target);
		if (code && cases[i].rule)
			CHECK(err.rule && !strcmp(err.rule, cases[i].rule), "rule %s",
			      err.rule ? err.rule : "none");
	}
	if (!push(&cases[3].how, NULL, &had, &err))
		CHECK(strstr(w.target, "?_state=a%2Bb&digest=sha256:"), "a query stays: %s",
		      w.target);
	if (!push(&cases[4].how, "other/name", &had, &err))
		CHECK(strstr(w.mount, "?mount=sha256:") && strstr(w.mount, "&from=other/name"),
		      "the mount: %s", w.mount);
}

/* Manifests. */

static struct documents {
	struct test_server s;
	const char *fields, *body, *status;
	size_t bytes;
	char target[300], accept[500], type[100], got[100];
} d;

static void serve_document(struct test_request *q)
{
	snprintf(d.target, sizeof(d.target), "%s %.280s", q->method, q->target);
	if (!test_field(q, "Accept", d.accept, sizeof(d.accept)) ||
	    !test_field(q, "Content-Type", d.type, sizeof(d.type)))
		d.type[0] = '\0';
	snprintf(d.got, sizeof(d.got), "%.*s", (int)(q->body_bytes < 99 ? q->body_bytes : 99),
		 q->body);
	if (d.bytes) {
		test_say(q, "200 OK\r\nContent-Length: %zu\r\n\r\n", d.bytes);
		for (size_t i = 0; i < d.bytes && !q->close; i += BLOB_BYTES)
			test_send(q, blob, d.bytes - i < BLOB_BYTES ? d.bytes - i : BLOB_BYTES);
		return;
	}
	test_reply(q, d.status ? d.status : "200 OK", d.fields, d.body, strlen(d.body));
}

#define DIGEST_OF_ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_manifests(void)
{
	static const struct {
		const char *name, *fields, *body, *status;
		size_t bytes;
		bool by_digest;
		enum lp_code code;
		const char *rule;
	} cases[] = {
		{"by tag", "Content-Type: a/b; charset=x\r\n", "abc", NULL, 0, false, LP_OK, NULL},
		{"by digest", "Content-Type: a/b\r\n", "abc", NULL, 0, true, LP_OK, NULL},
		{"with a digest", "Content-Type: a/b\r\nDocker-Content-Digest: " DIGEST_OF_ABC
				  "\r\n", "abc", NULL, 0, false, LP_OK, NULL},
		{"without a type", "", "abc", NULL, 0, false, LP_OK, NULL},
		{"with another digest", "Docker-Content-Digest: " DIGEST_OF_ABC "\r\n", "abd", NULL,
		 0, false, LP_EDIGEST, "oci.manifest.digest"},
		{"with a digest that is none", "Docker-Content-Digest: sha256:xyz\r\n", "abc", NULL,
		 0, false, LP_EFORMAT, "oci.descriptor.digest"},
		{"other bytes than asked for", "", "abd", NULL, 0, true, LP_EDIGEST,
		 "oci.manifest.digest"},
		{"too large", "", "", NULL, ((size_t)4 << 20) + 1, false, LP_ELIMIT,
		 "registry.document.limit"},
		{"missing", "", "{\"errors\":[]}", "404 No", 0, false, LP_EMISSING, NULL},
	};
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	char type[LP_MEDIA_TYPE], text[LP_DIGEST_TEXT];
	struct lp_digest want, none = {0}, got;
	struct lp_registry *r;
	struct lp_err err = {0};
	enum lp_code code;

	lp_digest_of(LP_SHA256, "abc", 3, &want);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d = (struct documents){.fields = cases[i].fields, .body = cases[i].body,
				       .status = cases[i].status, .bytes = cases[i].bytes};
		test_server_start(&d.s, serve_document, NULL);
		r = open_registry(&d.s);
		code = r ? lp_registry_manifest(r, "t", cases[i].by_digest ? &want : &none, &out,
						&got, type, &err)
			 : cases[i].code;
		CHECK(code == cases[i].code, "a manifest %s: %s %s", cases[i].name,
		      lp_code_name(code), err.msg);
		if (r && code)
			CHECK(!cases[i].rule || (err.rule && !strcmp(err.rule, cases[i].rule)),
			      "rule %s", err.rule ? err.rule : "none");
		if (r && !code)
			CHECK(out.len == 3 && !memcmp(out.p, "abc", 3) &&
				      lp_digest_equal(&got, &want) &&
				      !strcmp(type, cases[i].fields[0] ? "a/b" : ""),
			      "its bytes, digest and type %s", type);
		lp_registry_free(&r);
		test_server_stop(&d.s);
	}
	lp_digest_text(&want, text);
	CHECK(strstr(d.accept, "application/vnd.oci.image.index.v1+json") &&
		      strstr(d.accept, "application/vnd.docker.distribution.manifest.v2+json"),
	      "indexes and manifests are accepted: %s", d.accept);
}

static void test_small_blobs(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lp_descriptor want = {.bytes = 3};
	struct lp_registry *r;
	struct lp_err err = {0};

	lp_digest_of(LP_SHA256, "abc", 3, &want.digest);
	d = (struct documents){.fields = "", .body = "abc"};
	test_server_start(&d.s, serve_document, NULL);
	r = open_registry(&d.s);
	if (r) {
		CHECK(!lp_registry_blob(r, &want, 3, &out, &err) && out.len == 3 &&
			      !strcmp(d.target, "GET /v2/n/blobs/" DIGEST_OF_ABC),
		      "a small blob: %s %s", d.target, err.msg);
		d.body = "abd";
		CHECK(lp_registry_blob(r, &want, 3, &out, &err) == LP_EDIGEST, "other bytes");
		d.body = "ab";
		CHECK(lp_registry_blob(r, &want, 3, &out, &err) == LP_ESHORT, "fewer bytes");
		d.body = "abcd";
		CHECK(lp_registry_blob(r, &want, 3, &out, &err) == LP_ELIMIT, "more bytes");
		CHECK(lp_registry_blob(r, &want, 2, &out, &err) == LP_ELIMIT, "more than we want");
	}
	lp_registry_free(&r);
	test_server_stop(&d.s);
}

static enum lp_code put(struct lp_registry *r, const char *tag, struct lp_err *err)
{
	char abc[] = "abc";
	struct lp_buf text = {.p = (uint8_t *)abc, .len = 3};

	return lp_registry_push_manifest(r, tag, "x/y", &text, NULL, err);
}

static void test_push_manifest(void)
{
	struct lp_registry *r;
	struct lp_err err = {0};

	d = (struct documents){.fields = "", .body = "", .status = "201 Created"};
	test_server_start(&d.s, serve_document, NULL);
	r = open_registry(&d.s);
	if (r) {
		CHECK(!put(r, "tag", &err) &&
			      !strcmp(d.target, "PUT /v2/n/manifests/tag") &&
			      !strcmp(d.got, "abc") && !strcmp(d.type, "x/y"),
		      "a manifest is put: %s %s %s %s", d.target, d.got, d.type, err.msg);
		CHECK(!put(r, "", &err) &&
			      !strcmp(d.target, "PUT /v2/n/manifests/" DIGEST_OF_ABC),
		      "under its digest: %s", d.target);
		d.fields = "Docker-Content-Digest: sha256:00\r\n";
		CHECK(put(r, "t", &err) == LP_EDIGEST,
		      "a registry that stored something else");
		d.status = "200 OK";
		CHECK(put(r, "t", &err) == LP_EREMOTE,
		      "a strange status");
	}
	lp_registry_free(&r);
	test_server_stop(&d.s);
}

int main(void)
{
	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)(i / 3);
	blob_descriptor.bytes = BLOB_BYTES;
	lp_digest_of(LP_SHA256, blob, BLOB_BYTES, &blob_descriptor.digest);
	lp_digest_text(&blob_descriptor.digest, blob_digest);
	test_push();
	test_manifests();
	test_small_blobs();
	test_push_manifest();
	return test_done();
}
