// SPDX-License-Identifier: MIT
#include "fetch/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_LOCATION "registry.redirect.location"

void lp_text_free(char **text)
{
	free(*text);
	*text = NULL;
}

static void free_curl(char **text)
{
	curl_free(*text);
	*text = NULL;
}

static void free_handle(CURLU **u)
{
	curl_url_cleanup(*u);
	*u = NULL;
}

/* Only what can stand in a request line; a Location may hold anything. */
static bool is_clean(const char *url)
{
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return false;
	return strlen(url) < LP_URL_MAX;
}

static enum lp_code refuse(struct lp_err *err, const char *url)
{
	char name[LP_URL_NAME];

	lp_url_name(url, name);
	return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_LOCATION,
		       "\"%s\" is no http or https URL that can be followed", name);
}

enum lp_code lp_url_origin(const char *url, struct lp_origin *out, struct lp_err *err)
{
	LP_AUTO(free_handle) CURLU *u = curl_url();
	LP_AUTO(free_curl) char *scheme = NULL;
	LP_AUTO(free_curl) char *host = NULL;
	LP_AUTO(free_curl) char *port = NULL;

	*out = (struct lp_origin){0};
	if (!u)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
	/* a user in a URL would become credentials that nobody meant for that host */
	if (!is_clean(url) || curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		return refuse(err, url);
	out->tls = !strcmp(scheme, "https");
	if ((!out->tls && strcmp(scheme, "http")) || strlen(host) >= sizeof(out->host))
		return refuse(err, url);
	out->port = (unsigned)strtoul(port, NULL, 10);
	for (size_t i = 0; host[i]; i++)
		out->host[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 32) : host[i];
	return LP_OK;
}

bool lp_origin_equal(const struct lp_origin *a, const struct lp_origin *b)
{
	return a->tls == b->tls && a->port == b->port && !strcmp(a->host, b->host);
}

enum lp_code lp_url_join(const char *base, const char *location, char **out, struct lp_err *err)
{
	LP_AUTO(free_handle) CURLU *u = curl_url();
	LP_AUTO(free_curl) char *whole = NULL;
	struct lp_origin origin;

	*out = NULL;
	if (!u)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
	/* an absolute URL is used as it came: rewriting it could break its signature */
	if (strncasecmp(location, "http://", 7) && strncasecmp(location, "https://", 8)) {
		if (!is_clean(location) ||
		    curl_url_set(u, CURLUPART_URL, base, CURLU_PATH_AS_IS) ||
		    curl_url_set(u, CURLUPART_URL, location, CURLU_PATH_AS_IS) ||
		    curl_url_get(u, CURLUPART_URL, &whole, 0))
			return refuse(err, location);
		location = whole;
	}
	if (lp_url_origin(location, &origin, err))
		return err->code;
	*out = strdup(location);
	return *out ? LP_OK : lp_fail_errno(err, "a URL");
}

void lp_url_name(const char *url, char out[static LP_URL_NAME])
{
	const char *host = strstr(url, "://");
	size_t n;

	host = host ? host + 3 : url;
	n = strcspn(host, "?#");
	snprintf(out, LP_URL_NAME, "%.*s", n < LP_URL_NAME ? (int)n : LP_URL_NAME - 1, host);
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
}
