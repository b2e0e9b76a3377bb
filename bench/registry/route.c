// SPDX-License-Identifier: MIT
#include "registry/route.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* distribution-spec, "Pulling manifests": alphanumerics, joined by . _ __ or any number of - */
static size_t separator(const char *p)
{
	size_t dashes = strspn(p, "-");

	if (dashes)
		return dashes;
	if (!strncmp(p, "__", 2))
		return 2;
	return *p == '.' || *p == '_';
}

bool lb_route_name_ok(const char *name)
{
	const char *p = name;

	if (strlen(name) > 255)
		return false;
	for (;;) {
		if (!lower(*p))
			return false;
		while (lower(*p))
			p++;
		if (!*p)
			return true;
		p += *p == '/' ? 1 : separator(p);
	}
}

bool lb_route_tag_ok(const char *tag)
{
	size_t n = strlen(tag);

	if (n < 1 || n > 128 || !(isalnum((unsigned char)tag[0]) || tag[0] == '_'))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!isalnum((unsigned char)tag[i]) && !strchr("._-", tag[i]))
			return false;
	return true;
}

static const struct {
	const char *between;		/* NAME and the reference */
	enum lb_route_kind kind;
	bool bare;			/* nothing comes behind it */
} endings[] = {
	/* The longer one first: an upload's path holds /blobs/ too. */
	{"/blobs/uploads/", LB_ROUTE_UPLOAD, false},
	{"/blobs/uploads", LB_ROUTE_UPLOADS, true},
	{"/tags/list", LB_ROUTE_TAGS, true},
	{"/manifests/", LB_ROUTE_MANIFEST, false},
	{"/blobs/", LB_ROUTE_BLOB, false},
	{"/referrers/", LB_ROUTE_REFERRERS, false},
};

/* The last place of @what in @text, so that a repository may be called a/blobs/b. */
static const char *last_of(const char *text, const char *what)
{
	const char *found = NULL;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		found = p;
	return found;
}

static bool fill(const char *name, size_t n, const char *reference, struct lb_route *out)
{
	if (n >= sizeof(out->name) || strlen(reference) >= sizeof(out->reference) ||
	    strchr(reference, '/'))
		return false;
	snprintf(out->name, sizeof(out->name), "%.*s", (int)n, name);
	snprintf(out->reference, sizeof(out->reference), "%s", reference);
	return lb_route_name_ok(out->name);
}

static enum lb_route_kind below_v2(const char *path, struct lb_route *out)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		const char *at = last_of(path, endings[i].between);
		const char *rest = at ? at + strlen(endings[i].between) : NULL;
		enum lb_route_kind kind = endings[i].kind;

		if (!at || (endings[i].bare && *rest))
			continue;
		if (kind == LB_ROUTE_UPLOAD && !*rest)
			kind = LB_ROUTE_UPLOADS;
		return fill(path, (size_t)(at - path), rest, out) ? kind : LB_ROUTE_OTHER;
	}
	return LB_ROUTE_OTHER;
}

void lb_route_parse(const char *path, struct lb_route *out)
{
	const char *slash = strrchr(path, '/');

	memset(out, 0, sizeof(*out));
	if (!strcmp(path, "/v2/") || !strcmp(path, "/v2"))
		out->kind = LB_ROUTE_BASE;
	else if (!strcmp(path, "/token"))
		out->kind = LB_ROUTE_TOKEN;
	else if (!strncmp(path, "/v2/", 4))
		out->kind = below_v2(path + 4, out);
	else if (!strncmp(path, "/storage/", 9) && slash > path + 8 &&
		 fill(path + 9, (size_t)(slash - path - 9), slash + 1, out))
		out->kind = LB_ROUTE_STORAGE;
}

const char *lb_route_word(enum lb_route_kind kind)
{
	static const char *const words[] = {
		[LB_ROUTE_OTHER] = "other", [LB_ROUTE_BASE] = "base",
		[LB_ROUTE_MANIFEST] = "manifest", [LB_ROUTE_BLOB] = "blob",
		[LB_ROUTE_UPLOADS] = "uploads", [LB_ROUTE_UPLOAD] = "upload",
		[LB_ROUTE_TAGS] = "tags", [LB_ROUTE_REFERRERS] = "referrers",
		[LB_ROUTE_TOKEN] = "token", [LB_ROUTE_STORAGE] = "storage",
	};

	return words[kind];
}
