// SPDX-License-Identifier: MIT
#include "oci/reference.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define HUB "docker.io"
#define LIBRARY "library/"
#define NAME_MAX_TEXT 255 /* distribution/reference: host, slash and name together */

static const char *const transports[] = {
	[LP_DOCKER] = "docker", [LP_OCI] = "oci", [LP_OCI_ARCHIVE] = "oci-archive",
	[LP_DIR] = "dir",       [LP_TAR] = "tar", [LP_BLOB] = "blob",
	[LP_RAFS] = "rafs",
};

#define NTRANSPORTS (sizeof(transports) / sizeof(transports[0]))

static enum lp_code refuse(struct lp_err *err, const char *what, const char *p, size_t n)
{
	return lp_fail(err, LP_EUSAGE, LP_NO_OFFSET, NULL, "image name: %s in \"%.*s\"", what,
		       (int)(n < 120 ? n : 120), p);
}

/* [a-z0-9]+ joined by ".", "_", "__" or any number of "-" */
static bool is_component(const char *p, size_t n)
{
	size_t at = 0;

	for (;;) {
		size_t word = 0, joint = 0;

		while (at < n && strchr(LOWER DIGIT, p[at]))
			at++, word++;
		if (!word || at == n)
			return word;
		if (p[at] == '-')
			while (at + joint < n && p[at + joint] == '-')
				joint++;
		else if (p[at] == '.')
			joint = 1;
		else if (p[at] == '_')
			joint = at + 1 < n && p[at + 1] == '_' ? 2 : 1;
		if (!joint)
			return false;
		at += joint;
	}
}

static bool is_name(const char *p, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && p[i] != '/')
			continue;
		if (!is_component(p + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

/* [A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])? joined by "." */
static bool is_domain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool edge = !i || i + 1 == n || p[i - 1] == '.' || p[i + 1] == '.';

		if (!strchr(LOWER UPPER DIGIT "-.", p[i]) || (edge && p[i] == '-') ||
		    ((!i || i + 1 == n || p[i - 1] == '.') && p[i] == '.'))
			return false;
	}
	return n;
}

static bool is_port(const char *p, size_t n)
{
	unsigned long port = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9' || i > 4)
			return false;
		port = port * 10 + (unsigned long)(p[i] - '0');
	}
	return n && port <= 65535;
}

/* DOMAIN[:PORT] or [IPV6][:PORT] */
static bool is_host(const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	size_t name = colon ? (size_t)(colon - p) : n;

	if (n && *p == '[') {
		const char *end = memchr(p, ']', n);
		struct in6_addr six;
		char text[64];

		name = end ? (size_t)(end - p) + 1 : 0;
		if (name < 3 || name - 2 >= sizeof(text))
			return false;
		snprintf(text, sizeof(text), "%.*s", (int)name - 2, p + 1);
		if (inet_pton(AF_INET6, text, &six) != 1)
			return false;
	} else if (!is_domain(p, name)) {
		return false;
	}
	return name == n || (p[name] == ':' && is_port(p + name + 1, n - name - 1));
}

/* [A-Za-z0-9_] and at most 127 of [A-Za-z0-9_.-] */
static bool is_tag(const char *s)
{
	return *s && strchr(LOWER UPPER DIGIT "_", *s) &&
	       strlen(s) == strspn(s, LOWER UPPER DIGIT "_.-") && strlen(s) <= 128;
}

/*
 * The first component is a host when it could not be a name in Docker's hub: it has a dot,
 * a colon or a capital, or is "localhost" (distribution/reference, splitDockerDomain).
 */
static size_t host_length(const char *p, size_t n)
{
	const char *slash = memchr(p, '/', n);
	size_t first = slash ? (size_t)(slash - p) : 0;

	for (size_t i = 0; i < first; i++)
		if (strchr(".:[" UPPER, p[i]))
			return first;
	return first == 9 && !memcmp(p, "localhost", 9) ? first : 0;
}

static enum lp_code parse_name(const char *p, size_t n, struct lp_reference *r,
			       struct lp_err *err)
{
	size_t host = host_length(p, n), name = host ? n - host - 1 : n;
	const char *at = p + n - name;
	bool hub;

	if (n > NAME_MAX_TEXT)
		return refuse(err, "more than 255 characters", p, n);
	if (host && !is_host(p, host))
		return refuse(err, "bad host", p, host);
	if (!is_name(at, name))
		return refuse(err, name ? "bad repository name" : "no repository name", p, n);
	hub = !host || (host == 9 && !memcmp(p, HUB, 9)) ||
	      (host == 15 && !memcmp(p, "index." HUB, 15));
	snprintf(r->host, sizeof(r->host), "%.*s", hub ? 9 : (int)host, hub ? HUB : p);
	snprintf(r->name, sizeof(r->name), "%s%.*s", hub && !memchr(at, '/', name) ? LIBRARY : "",
		 (int)name, at);
	if (strlen(r->host) + 1 + strlen(r->name) > NAME_MAX_TEXT)
		return refuse(err, "more than 255 characters in full", p, n);
	return LP_OK;
}

static enum lp_code parse_docker(const char *text, struct lp_reference *r, struct lp_err *err)
{
	const char *at = strchr(text, '@');
	size_t n = at ? (size_t)(at - text) : strlen(text), name = n;

	if (at && lp_digest_parse(at + 1, strlen(at + 1), &r->digest, err)) {
		err->code = LP_EUSAGE;
		return lp_within(err, "image name");
	}
	/* A colon behind the last slash starts the tag; before it, a port. */
	for (size_t i = n; i > 0 && text[i - 1] != '/'; i--)
		if (text[i - 1] == ':')
			name = i - 1;
	if (name < n) {
		snprintf(r->tag, sizeof(r->tag), "%.*s", (int)(n - name - 1 < 128 ? n - name - 1 : 128),
			 text + name + 1);
		if (!is_tag(r->tag) || strlen(r->tag) != n - name - 1)
			return refuse(err, "bad tag", text + name + 1, n - name - 1);
	} else if (!at) {
		snprintf(r->tag, sizeof(r->tag), "latest");
	}
	return parse_name(text, name, r, err);
}

static enum lp_code copy_path(char out[static 1024], const char *p, size_t n, struct lp_err *err)
{
	if (!n)
		return refuse(err, "empty path", p, n);
	if (n >= 1024)
		return refuse(err, "path of more than 1023 bytes", p, n);
	memcpy(out, p, n);
	out[n] = '\0';
	return LP_OK;
}

/* PATH[:TAG] for a layout, PATH[,DIR] for rafs; the first @mark divides. */
static enum lp_code parse_path(const char *text, char mark, struct lp_reference *r,
			       struct lp_err *err)
{
	const char *second = mark ? strchr(text, mark) : NULL;
	size_t n = second ? (size_t)(second - text) : strlen(text);

	if (copy_path(r->path, text, n, err))
		return err->code;
	if (!second)
		return LP_OK;
	second++;
	if (mark == ',')
		return copy_path(r->dir, second, strlen(second), err);
	/* image-spec, annotations.md: what org.opencontainers.image.ref.name may be */
	n = strlen(second);
	if (!n || n >= sizeof(r->tag) || !strchr(LOWER UPPER DIGIT, *second) ||
	    strspn(second, LOWER UPPER DIGIT "-._:@/+") != n)
		return refuse(err, "bad tag", second, n);
	memcpy(r->tag, second, n + 1);
	return LP_OK;
}

enum lp_code lp_reference_parse(const char *text, struct lp_reference *out, struct lp_err *err)
{
	struct lp_reference r = {.transport = LP_DOCKER};
	size_t prefix = strcspn(text, ":"), known = NTRANSPORTS;
	enum lp_code code;

	for (size_t i = 0; text[prefix] && i < NTRANSPORTS; i++)
		if (strlen(transports[i]) == prefix && !memcmp(text, transports[i], prefix))
			known = i;
	if (known < NTRANSPORTS) {
		r.transport = (enum lp_transport)known;
		text += prefix + 1;
	}
	if (known == LP_DOCKER) {
		if (strncmp(text, "//", 2))
			return refuse(err, "docker: without //", text, strlen(text));
		text += 2;
	}
	if (r.transport == LP_DOCKER)
		code = parse_docker(text, &r, err);
	else if (r.transport == LP_OCI || r.transport == LP_OCI_ARCHIVE)
		code = parse_path(text, ':', &r, err);
	else
		code = parse_path(text, r.transport == LP_RAFS ? ',' : '\0', &r, err);
	if (!code)
		*out = r;
	return code;
}

static enum lp_code make_absolute(char path[static 1024], struct lp_err *err)
{
	char here[1024], all[sizeof(here) + 1024];

	if (!*path || *path == '/')
		return LP_OK;
	if (!getcwd(here, sizeof(here)))
		return lp_fail_errno(err, "the working directory");
	snprintf(all, sizeof(all), "%s%s%s", here, here[1] ? "/" : "", path);
	return copy_path(path, all, strlen(all), err);
}

enum lp_code lp_reference_absolute(struct lp_reference *r, struct lp_err *err)
{
	if (make_absolute(r->path, err) || make_absolute(r->dir, err))
		return err->code;
	return LP_OK;
}

void lp_reference_blobs(const struct lp_reference *r, char out[static 1024])
{
	const char *slash = strrchr(r->path, '/');
	size_t n = slash == r->path ? 1 : slash ? (size_t)(slash - r->path) : 0;

	if (*r->dir)
		snprintf(out, 1024, "%s", r->dir);
	else if (slash)
		snprintf(out, 1024, "%.*s", (int)n, r->path);
	else
		snprintf(out, 1024, ".");
}

void lp_reference_text(const struct lp_reference *r, char out[static LP_REFERENCE_TEXT])
{
	char digest[LP_DIGEST_TEXT] = "";
	bool second = r->transport == LP_RAFS ? *r->dir : *r->tag;

	if (r->digest.alg)
		lp_digest_text(&r->digest, digest);
	if (r->transport == LP_DOCKER)
		snprintf(out, LP_REFERENCE_TEXT, "docker://%s/%s%s%s%s%s", r->host, r->name,
			 *r->tag ? ":" : "", r->tag, *digest ? "@" : "", digest);
	else
		snprintf(out, LP_REFERENCE_TEXT, "%s:%s%s%s", transports[r->transport], r->path,
			 !second ? "" : r->transport == LP_RAFS ? "," : ":",
			 r->transport == LP_RAFS ? r->dir : r->tag);
}

bool lp_reference_loopback(const char *host)
{
	size_t n = strcspn(host, ":");
	struct in_addr four;
	char text[32];

	if (!strcmp(host, "[::1]") || !strncmp(host, "[::1]:", 6))
		return true;
	if (n == 9 && !strncasecmp(host, "localhost", 9))
		return true;
	snprintf(text, sizeof(text), "%.*s", (int)(n < 31 ? n : 31), host);
	/* A name like 127.example.org is somebody else's. */
	return n < 16 && inet_pton(AF_INET, text, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}
