// SPDX-License-Identifier: MIT
#include "fetch/referrers.h"

#include "fetch/engine.h"
#include "oci/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_LINK "registry.referrers.link"
#define RULE_PAGES "registry.referrers.pages"
#define RULE_RACE "registry.referrers.race"
#define RULE_TAG "registry.referrers.tag"

#define MEDIA_INDEX "application/vnd.oci.image.index.v1+json"

/* "Referrers Tag Schema": the algorithm and at most 64 digits, with a dash between. */
static void tag_of(const struct lp_digest *subject, char out[static LP_DIGEST_TEXT])
{
	char hex[LP_DIGEST_TEXT];

	lp_digest_hex(subject, hex);
	snprintf(out, LP_DIGEST_TEXT, "%.16s-%.64s", lp_alg_name(subject->alg), hex);
}

/* A media type in a query: of its characters some mean something there. */
static void quote(const char *text, char *out, size_t max)
{
	size_t n = 0;

	for (; *text && n + 4 < max; text++)
		if (strchr("+&#%", *text))
			n += (size_t)snprintf(out + n, max - n, "%%%02X", (unsigned char)*text);
		else
			out[n++] = *text;
	out[n] = '\0';
}

/*
 * The path and query of the next page: "<URL>; rel="next"" with a URL of the same registry.
 * NULL: there is none.
 */
static enum lp_code next_page(const struct lp_registry *r, const struct lp_exchange *x,
			      char **path, struct lp_err *err)
{
	const char *link = x->reply.link, *end = link ? strchr(link, '>') : NULL;
	LP_AUTO(lp_text_free) char *target = NULL;
	LP_AUTO(lp_text_free) char *url = NULL;
	struct lp_origin origin;
	const char *at;

	*path = NULL;
	if (!link || !strstr(link, "rel=\"next\""))
		return LP_OK;
	if (*link != '<' || !end)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_LINK,
			       "\"%.80s\" leads to no page", link);
	target = strndup(link + 1, (size_t)(end - link - 1));
	if (!target)
		return lp_fail_errno(err, "a URL");
	if (lp_url_join(x->url, target, &url, err) || lp_url_origin(url, &origin, err))
		return err->code;
	at = strchr(strstr(url, "://") + 3, '/');
	if (!at || strncmp(at, "/v2/", 4) || !lp_origin_equal(&origin, &r->origin.origin))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_LINK,
			       "the next page is elsewhere: %.80s", target);
	*path = strdup(at);
	return *path ? LP_OK : lp_fail_errno(err, "a URL");
}

/* Statuses of registries that do not know the route. */
static bool is_unknown(const struct lp_err *err)
{
	return err->code == LP_EMISSING || err->sys == 405 || err->sys == 501;
}

/* One page; @path is consumed and becomes the next one's.  *known: there is such a list. */
static enum lp_code get_page(struct lp_registry *r, char **path, struct lp_index *out, bool *known,
			     struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {
		.origin_only = true, .accept = MEDIA_INDEX, .bytes = LP_MANIFEST_MAX, .path = *path,
	};
	LP_AUTO(lp_index_free) struct lp_index page = {.document = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};

	*path = NULL;
	if (lp_exchange_wait(r, &x, &text, err))
		return err->code;
	/* Servers that answer anything to anything are registries without the API. */
	*known = lp_media_of(x.reply.type) == LP_MEDIA_INDEX;
	if (!*known)
		return LP_OK;
	if (lp_index_parse(text.p, text.len, x.reply.type, &page, err) ||
	    next_page(r, &x, path, err))
		return err->code;
	return json_array_extend(out->entries, page.entries)
		       ? lp_fail_errno(err, "a list of referrers") : LP_OK;
}

/* By the API.  *known: the registry has it. */
static enum lp_code ask_api(struct lp_registry *r, const struct lp_digest *subject,
			    const char *type, struct lp_index *out, bool *known,
			    struct lp_err *err)
{
	char digest[LP_DIGEST_TEXT], quoted[3 * LP_MEDIA_TYPE];
	LP_AUTO(lp_text_free) char *path = NULL;
	enum lp_code code = LP_OK;
	unsigned pages = 0;

	*known = true;
	lp_digest_text(subject, digest);
	quote(type, quoted, sizeof(quoted));
	if (asprintf(&path, "/v2/%s/referrers/%s?artifactType=%s", r->name, digest, quoted) < 0) {
		path = NULL;
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "a URL");
	}
	while (path && !code && *known) {
		if (pages++ == LP_REFERRERS_PAGES)
			return lp_fail(err, LP_ELIMIT, LP_NO_OFFSET, RULE_PAGES,
				       "more than %d pages of referrers", LP_REFERRERS_PAGES);
		code = get_page(r, &path, out, known, err);
	}
	if (code && pages == 1 && is_unknown(err)) {
		*known = false;
		code = LP_OK;
	}
	return code;
}

/* The list that clients keep, and the condition under which it is what it is. */
static enum lp_code get_list(struct lp_registry *r, const struct lp_digest *subject,
			     struct lp_index *out, char condition[static 220],
			     struct lp_err *err)
{
	LP_AUTO(lp_exchange_free) struct lp_exchange x = {0};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	char tag[LP_DIGEST_TEXT];
	enum lp_code code;
	bool index = false;

	tag_of(subject, tag);
	code = lp_engine_document(r, tag, true, &x, &text, err);
	snprintf(condition, 220, "%s", code ? "If-None-Match: *" : "");
	if (code)
		return code == LP_EMISSING ? lp_index_empty(out, err) : code;
	if (x.reply.etag[0])
		snprintf(condition, 220, "If-Match: %s", x.reply.etag);
	if (lp_manifest_is_index(text.p, text.len, x.reply.type, &index, err))
		return lp_within(err, "tag %.90s", tag);
	if (!index)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_TAG,
			       "tag %.90s is for a list of referrers, and names something else",
			       tag);
	return lp_index_parse(text.p, text.len, x.reply.type, out, err);
}

enum lp_code lp_registry_referrers(struct lp_registry *r, const struct lp_digest *subject,
				   const char *type, struct lp_index *out, struct lp_err *err)
{
	LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};
	char condition[220];
	bool known;

	*out = list;
	if (lp_index_empty(&list, err) || ask_api(r, subject, type, &list, &known, err))
		return lp_within(err, "referrers");
	if (!known) {
		lp_index_free(&list);
		if (get_list(r, subject, &list, condition, err))
			return lp_within(err, "referrers");
	}
	*out = list;
	list.document = NULL;
	return LP_OK;
}

enum lp_code lp_registry_link(struct lp_registry *r, const struct lp_digest *subject,
			      json_t *entry, struct lp_err *err)
{
	char condition[220], tag[LP_DIGEST_TEXT];

	tag_of(subject, tag);
	for (unsigned i = 0; i < r->o.tries; i++) {
		LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};
		LP_AUTO(lp_buf_free) struct lp_buf text = {0};
		enum lp_code code;

		if (get_list(r, subject, &list, condition, err) ||
		    lp_index_add(&list, entry, err) || lp_index_print(&list, &text, err))
			return lp_within(err, "referrers");
		code = lp_registry_replace(r, tag, condition, &text, err);
		if (code != LP_EREMOTE || err->sys != 412)
			return code ? lp_within(err, "referrers") : LP_OK;
	}
	return lp_fail(err, LP_EREMOTE, LP_NO_OFFSET, RULE_RACE,
		       "tag %.90s changes under our hands", tag);
}
