// SPDX-License-Identifier: MIT
/* Redirects, mirrors and proxies: where requests go, and what goes with them. */
#include "fetch/engine.h"

#include "testing/server.h"
#include "testing/test.h"

#define BLOB_BYTES 5000u

static uint8_t blob[BLOB_BYTES];

/* A registry that redirects, and storage on another port. */
static struct world {
	struct test_server registry, storage;
	const char *location;		/* "%u" stands for the storage's port */
	const char *status;
	unsigned expires;		/* ranges that a signed URL is good for; 0: for ever */
	_Atomic unsigned signature, served, leaks, hits;
} w;

static bool is_authorized(struct test_request *q)
{
	char v[300];

	return test_field(q, "Authorization", v, sizeof(v)) && !strncmp(v, "Basic ", 6);
}

static void redirect(struct test_request *q)
{
	char location[600], fields[700];

	if (!is_authorized(q)) {
		test_reply(q, "401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", "", 0);
		return;
	}
	if (strstr(q->target, "/here")) {
		w.hits++;
		test_serve(q, blob, BLOB_BYTES);
		return;
	}
	w.served = 0;
	if (strstr(w.location, "%u"))
		snprintf(location, sizeof(location), "http://127.0.0.1:%u/data?sig=%u&x=a%%2fb",
			 w.storage.port, ++w.signature);
	else
		snprintf(location, sizeof(location), "%s", w.location);
	snprintf(fields, sizeof(fields), "Location: %s\r\n", location);
	test_reply(q, w.status, fields, "moved", 5);
}

static void serve_signed(struct test_request *q)
{
	char want[100];

	w.hits++;
	w.leaks += is_authorized(q);
	snprintf(want, sizeof(want), "/data?sig=%u&x=a%%2fb", w.signature);
	if (strcmp(q->target, want) || (w.expires && w.served++ >= w.expires))
		test_reply(q, "403 Forbidden", "", "<Error/>", 8);
	else
		test_serve(q, blob, BLOB_BYTES);
}

static void always_403(struct test_request *q)
{
	test_reply(q, "403 Forbidden", "", "<Error/>", 8);
}

/* An answer that asks for credentials, from a host that must not get any. */
static void ask_for_password(struct test_request *q)
{
	w.leaks += is_authorized(q);
	test_reply(q, "401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", "", 0);
}

static void start_world(const char *location, test_handler *storage)
{
	w = (struct world){.location = location, .status = "307 Temporary Redirect"};
	test_server_start(&w.registry, redirect, NULL);
	test_server_start(&w.storage, storage, NULL);
}

static void stop_world(void)
{
	test_server_stop(&w.registry);
	test_server_stop(&w.storage);
}

static struct lp_registry *open_at(const char *host, unsigned port,
				   const struct lp_registry_options *o)
{
	struct lp_reference ref = {.transport = LP_DOCKER, .name = "n", .tag = "t"};
	struct lp_registry *r;
	struct lp_err err;

	snprintf(ref.host, sizeof(ref.host), "%s:%u", host, port);
	return lp_registry_open(&r, &ref, o, &err) ? NULL : r;
}

static enum lp_code read_some(struct lp_registry *r, struct lp_err *err)
{
	LP_AUTO(lp_source_free) struct lp_source s = {0};
	struct lp_descriptor d = {.bytes = BLOB_BYTES};
	uint8_t p[100];

	lp_digest_of(LP_SHA256, blob, BLOB_BYTES, &d.digest);
	if (lp_registry_source(r, &d, &s, err) || lp_source_read(&s, 1000, p, sizeof(p), err))
		return err->code;
	return memcmp(p, blob + 1000, sizeof(p)) ? LP_EDIGEST : LP_OK;
}

static const struct lp_registry_options user = {
	.user = "user", .password = "pass", .tries = 2, .retry_ms = 1,
};

static void test_storage(void)
{
	static const char *const statuses[] = {"301 a", "302 b", "303 c", "307 d", "308 e"};
	struct lp_registry *r;
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		start_world("%u", serve_signed);
		w.status = statuses[i];
		r = open_at("127.0.0.1", w.registry.port, &user);
		for (unsigned k = 0; k < 3 && r; k++)
			CHECK(!read_some(r, &err), "%s: range %u: %s", statuses[i], k, err.msg);
		if (r)
			CHECK(w.registry.requests == 2 && w.storage.requests == 3 && !w.leaks,
			      "the URL is kept, Authorization does not leak");
		lp_registry_free(&r);
		stop_world();
	}
}

static void test_signed_url(void)
{
	struct lp_registry *r;
	struct lp_err err = {0};

	start_world("%u", serve_signed);
	w.expires = 2;
	r = open_at("127.0.0.1", w.registry.port, &user);
	for (unsigned k = 0; k < 6 && r; k++)
		CHECK(!read_some(r, &err), "range %u of a URL that expires: %s", k, err.msg);
	if (r)
		CHECK(w.registry.requests == 1 + 3 && w.storage.requests == 6 + 2,
		      "it is resolved again: %u and %u requests", w.registry.requests,
		      w.storage.requests);
	lp_registry_free(&r);
	stop_world();
}

static void test_forbidden(void)
{
	struct lp_registry *r;
	struct lp_err err = {0};

	start_world("%u", always_403);
	r = open_at("127.0.0.1", w.registry.port, &user);
	if (r) {
		CHECK(read_some(r, &err) == LP_EREMOTE && err.sys == 403, "403 from a fresh URL");
		CHECK(read_some(r, &err) == LP_EREMOTE && w.storage.requests == 3,
		      "and from one that is resolved again, once: %u", w.storage.requests);
		CHECK(!strstr(err.msg, "sig="), "signatures stay out of messages: %s", err.msg);
	}
	lp_registry_free(&r);
	stop_world();

	start_world("%u", ask_for_password);
	r = open_at("127.0.0.1", w.registry.port, &user);
	if (r)
		CHECK(read_some(r, &err) == LP_EREMOTE && !w.leaks && err.sys == 401,
		      "storage that asks for a password gets none");
	lp_registry_free(&r);
	stop_world();
}

static void test_locations(void)
{
	static const struct {
		const char *location, *rule;
	} bad[] = {
		{"file:///etc/shadow", "registry.redirect.location"},
		{"ftp://127.0.0.1/x", "registry.redirect.location"},
		{"http://user@127.0.0.1:1/x", "registry.redirect.location"},
		{"http://127.0.0.1:1/\x01", "registry.redirect.location"},
		{"http://127.0.0.1:99999/", "registry.redirect.location"},
		{"http://192.0.2.1/x", "registry.transport.plain-http"},
		{"/again", "registry.redirect.limit"},
		{"?again", "registry.redirect.limit"},
	};
	static const char *const good[] = {"/here", "here/x?y=z", "//127.0.0.1:%p/here",
					   "./x/../here"};
	struct lp_registry *r;
	struct lp_err err = {0};
	char text[100];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start_world(bad[i].location, serve_signed);
		r = open_at("127.0.0.1", w.registry.port, &user);
		if (r)
			CHECK(read_some(r, &err) == LP_EREMOTE && err.rule &&
				      !strcmp(err.rule, bad[i].rule),
			      "refuse Location %zu: %s", i, err.msg);
		CHECK(!r || w.registry.requests < 10, "and not for ever");
		lp_registry_free(&r);
		stop_world();
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		start_world("", serve_signed);
		snprintf(text, sizeof(text), "//127.0.0.1:%u/here", w.registry.port);
		w.location = strstr(good[i], "%p") ? text : good[i];
		r = open_at("127.0.0.1", w.registry.port, &user);
		if (r)
			CHECK(!read_some(r, &err) && w.hits == 1,
			      "the same server keeps its Authorization: %s %s", good[i], err.msg);
		lp_registry_free(&r);
		stop_world();
	}
}

/* Mirrors. */

static struct mirrors {
	struct test_server origin, mirror;
	const char *status;	/* of the mirror; NULL: it is good */
	bool cut;		/* the mirror breaks off */
	char target[200];
} m;

static void serve_origin(struct test_request *q)
{
	if (strstr(q->target, "/manifests/"))
		test_reply(q, "200 OK", "Content-Type: text/x\r\n", "good", 4);
	else
		test_serve(q, blob, BLOB_BYTES);
}

static void serve_mirror(struct test_request *q)
{
	snprintf(m.target, sizeof(m.target), "%.190s", q->target);
	if (m.status)
		test_reply(q, m.status, "", "", 0);
	else if (m.cut) {
		test_say(q, "206 Part\r\nContent-Length: 100\r\n"
			    "Content-Range: bytes 1000-1099/5000\r\n\r\n");
		test_send(q, blob + 1000, 50);
		q->close = true;
	} else if (strstr(q->target, "/manifests/")) {
		test_reply(q, "200 OK", "Content-Type: text/x\r\n", "evil", 4);
	} else {
		test_serve(q, blob, BLOB_BYTES);
	}
}

static struct lp_registry *start_mirror(const char *status, bool dead)
{
	struct lp_registry_options o = {.tries = 3, .retry_ms = 1};
	char url[100];

	m.status = status;
	m.cut = false;
	test_server_start(&m.origin, serve_origin, NULL);
	test_server_start(&m.mirror, serve_mirror, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", m.mirror.port);
	o.mirror = url;
	if (dead)
		test_server_stop(&m.mirror);
	return open_at("127.0.0.1", m.origin.port, &o);
}

static void test_mirror(void)
{
	static const char *const statuses[] = {"404 a", "403 b", "401 c", "416 d", "302 e"};
	struct lp_registry *r = start_mirror(NULL, false);
	struct lp_err err = {0};
	char want[100];

	snprintf(want, sizeof(want), "?ns=127.0.0.1:%u", m.origin.port);
	if (r)
		CHECK(!read_some(r, &err) && m.mirror.requests == 1 && !m.origin.requests &&
			      strstr(m.target, want),
		      "the mirror is asked, and told for whom: %s", m.target);
	m.cut = true;
	if (r)
		CHECK(!read_some(r, &err) && m.mirror.requests == 2 && m.origin.requests == 1,
		      "what the mirror breaks off, the registry goes on with: %s", err.msg);
	lp_registry_free(&r);
	test_server_stop(&m.origin);
	test_server_stop(&m.mirror);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		r = start_mirror(statuses[i], false);
		if (r)
			CHECK(!read_some(r, &err) && m.mirror.requests == 1 &&
				      m.origin.requests == 1,
			      "%s: the registry is asked", statuses[i]);
		lp_registry_free(&r);
		test_server_stop(&m.origin);
		test_server_stop(&m.mirror);
	}
}

static void test_failing_mirror(void)
{
	struct lp_registry *r = start_mirror("500 x", false);
	struct lp_err err = {0};

	if (r) {
		CHECK(!read_some(r, &err) && !read_some(r, &err), "a mirror that fails: %s", err.msg);
		CHECK(m.mirror.requests == 1 && m.origin.requests == 2, "has a rest");
	}
	lp_registry_free(&r);
	test_server_stop(&m.origin);
	test_server_stop(&m.mirror);
	r = start_mirror(NULL, true);
	if (r)
		CHECK(!read_some(r, &err) && !read_some(r, &err) && m.origin.requests == 2,
		      "a mirror that is not there: %s", err.msg);
	lp_registry_free(&r);
	test_server_stop(&m.origin);
}

static void test_lying_mirror(void)
{
	struct lp_registry *r = start_mirror(NULL, false);
	LP_AUTO(lp_buf_free) struct lp_buf out = {0};
	struct lp_digest want, got;
	char type[LP_MEDIA_TYPE];
	struct lp_err err = {0};

	lp_digest_of(LP_SHA256, "good", 4, &want);
	if (r)
		CHECK(!lp_registry_manifest(r, "", &want, &out, &got, type, &err) &&
			      out.len == 4 && !memcmp(out.p, "good", 4),
		      "a mirror with other bytes is passed by: %s", err.msg);
	lp_registry_free(&r);
	test_server_stop(&m.origin);
	test_server_stop(&m.mirror);
}

/* A proxy gets whole URLs. */
static void serve_proxy(struct test_request *q)
{
	if (!strncmp(q->target, "http://registry.test:80/v2/n/blobs/", 35) ||
	    !strncmp(q->target, "http://registry.test/v2/n/blobs/", 32))
		test_serve(q, blob, BLOB_BYTES);
	else
		test_reply(q, "500 What", "", "", 0);
}

static void test_proxy(void)
{
	struct lp_registry_options o = {.tries = 1, .plain_http = true};
	struct test_server proxy, local;
	struct lp_registry *r;
	struct lp_err err = {0};
	char url[100];

	test_server_start(&proxy, serve_proxy, NULL);
	test_server_start(&local, serve_origin, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", proxy.port);
	setenv("http_proxy", url, 1);
	r = open_at("registry.test", 80, &o);
	if (r)
		CHECK(!read_some(r, &err) && proxy.requests == 1, "through a proxy: %s", err.msg);
	lp_registry_free(&r);
	r = open_at("127.0.0.1", local.port, &o);
	if (r)
		CHECK(!read_some(r, &err) && proxy.requests == 1,
		      "this machine is reached without it: %s", err.msg);
	lp_registry_free(&r);
	unsetenv("http_proxy");
	test_server_stop(&proxy);
	test_server_stop(&local);
}

static void test_refused_mirrors(void)
{
	static const char *const bad[] = {"", "127.0.0.1:5000", "ftp://x", "http://x?y", "http://a b"};
	struct lp_reference ref = {.transport = LP_DOCKER, .host = "127.0.0.1:1", .name = "n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lp_registry_options o = {.mirror = bad[i]};
		struct lp_registry *r;
		struct lp_err err;

		CHECK(lp_registry_open(&r, &ref, &o, &err) == LP_EUSAGE || err.code == LP_ESYSTEM,
		      "refuse the mirror \"%s\"", bad[i]);
		lp_registry_free(&r);
	}
}

int main(void)
{
	for (size_t i = 0; i < BLOB_BYTES; i++)
		blob[i] = (uint8_t)(i / 3);
	setenv("DOCKER_CONFIG", "/nonexistent", 1);
	test_storage();
	test_signed_url();
	test_forbidden();
	test_locations();
	test_mirror();
	test_failing_mirror();
	test_lying_mirror();
	test_proxy();
	test_refused_mirrors();
	return test_done();
}
