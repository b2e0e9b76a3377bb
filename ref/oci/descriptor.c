// SPDX-License-Identifier: MIT
#include "oci/descriptor.h"

#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

#define RULE_OBJECT "oci.descriptor.object"
#define RULE_MEDIA_TYPE "oci.descriptor.media-type"
#define RULE_DIGEST "oci.descriptor.digest"
#define RULE_SIZE "oci.descriptor.size"
#define RULE_NOTES "oci.descriptor.annotations"
#define RULE_URLS "oci.descriptor.urls"
#define RULE_DATA "oci.descriptor.data"
#define RULE_DATA_EQUAL "oci.descriptor.data-equal"
#define RULE_ARTIFACT "oci.descriptor.artifact-type"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

/* Each row: OCI's name, then what else is the same thing. */
static const struct {
	const char *name;
	const char *docker;	/* or NULL */
	enum lp_media media;
} types[] = {
	{OCI "index.v1+json", DOCKER "distribution.manifest.list.v2+json", LP_MEDIA_INDEX},
	{OCI "manifest.v1+json", DOCKER "distribution.manifest.v2+json", LP_MEDIA_MANIFEST},
	{OCI "config.v1+json", DOCKER "container.image.v1+json", LP_MEDIA_CONFIG},
	/* nydusify's, in an index with the image that it was made from */
	{"application/vnd.nydus.image.config.v1+json", NULL, LP_MEDIA_CONFIG},
	{OCI "layer.v1.tar", DOCKER "image.rootfs.diff.tar", LP_MEDIA_LAYER},
	{OCI "layer.v1.tar+gzip", DOCKER "image.rootfs.diff.tar.gzip", LP_MEDIA_LAYER_GZIP},
	{OCI "layer.v1.tar+zstd", DOCKER "image.rootfs.diff.tar.zstd", LP_MEDIA_LAYER_ZSTD},
	{OCI "layer.nondistributable.v1.tar", DOCKER "image.rootfs.foreign.diff.tar",
	 LP_MEDIA_LAYER},
	{OCI "layer.nondistributable.v1.tar+gzip", DOCKER "image.rootfs.foreign.diff.tar.gzip",
	 LP_MEDIA_LAYER_GZIP},
	{OCI "layer.nondistributable.v1.tar+zstd", NULL, LP_MEDIA_LAYER_ZSTD},
	{"application/vnd.oci.empty.v1+json", NULL, LP_MEDIA_EMPTY},
};

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define NTYPES (sizeof(types) / sizeof(types[0]))

/* Is the media type @is, parameters ("; charset=utf-8") aside, @name? */
static bool same_type(const char *is, const char *name)
{
	size_t n = strcspn(is, "; \t");

	return name && strlen(name) == n && !memcmp(is, name, n);
}

enum lp_media lp_media_of(const char *media_type)
{
	for (size_t i = 0; i < NTYPES; i++)
		if (same_type(media_type, types[i].name) || same_type(media_type, types[i].docker))
			return types[i].media;
	return LP_MEDIA_OTHER;
}

const char *lp_media_name(const char *media_type)
{
	for (size_t i = 0; i < NTYPES; i++)
		if (same_type(media_type, types[i].docker))
			return types[i].name;
	return media_type;
}

/* RFC 6838, 4.2: two names of letters, digits and "!#$&-^_.+", with a slash between them. */
static bool is_media_type(const char *s)
{
	static const char chars[] = LETTERS DIGITS "!#$&-^_.+";
	size_t type = strspn(s, chars), rest = s[type] == '/' ? strspn(s + type + 1, chars) : 0;

	return type && rest && !s[type + 1 + rest] && type + 1 + rest < LP_MEDIA_TYPE;
}

enum lp_code lp_media_parse(const json_t *o, const char *key, enum lp_json_need need,
			    const char *rule, const char **out, struct lp_err *err)
{
	if (lp_json_string(o, key, need, rule, out, err))
		return err->code;
	if (*out && !is_media_type(*out))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule, "%s \"%.100s\" is not a media type",
			       key, *out);
	return LP_OK;
}

enum lp_code lp_notes_parse(const json_t *o, const char *rule, json_t **out, struct lp_err *err)
{
	json_t *notes, *value;
	const char *key;

	*out = NULL;
	if (lp_json_child(o, "annotations", JSON_OBJECT, LP_JSON_OPTIONAL, rule, &notes, err))
		return err->code;
	json_object_foreach(notes, key, value)
		if (!json_is_string(value))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, rule,
				       "annotation \"%.100s\" is not a string", key);
	*out = json_incref(notes);
	return LP_OK;
}

/* RFC 3986: a scheme, then characters that a URI has; brackets only around an address. */
static bool is_uri(const char *s)
{
	static const char hex[] = DIGITS "abcdefABCDEF";
	size_t scheme = strspn(s, LETTERS DIGITS "+-.");
	const char *open = strchr(s, '['), *close = strchr(s, ']');

	if (!scheme || !strchr(LETTERS, *s) || s[scheme] != ':')
		return false;
	if (!open != !close || (open && (open > close || strchr(open + 1, '[') ||
					 strchr(close + 1, ']'))))
		return false;
	for (s += scheme; *(s += strspn(s, LETTERS DIGITS "-._~:/?#[]@!$&'()*+,;=")); s += 3)
		if (*s != '%' || strspn(s + 1, hex) < 2)
			return false;
	return true;
}

static enum lp_code check_urls(const json_t *o, struct lp_err *err)
{
	json_t *urls, *url;
	size_t i;

	if (lp_json_child(o, "urls", JSON_ARRAY, LP_JSON_OPTIONAL, RULE_URLS, &urls, err))
		return err->code;
	json_array_foreach(urls, i, url)
		if (!json_is_string(url) || !is_uri(json_string_value(url)))
			return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_URLS,
				       "url %zu is not a URI", i);
	return LP_OK;
}

/* Data inside the descriptor is what it describes. */
static enum lp_code check_data(const json_t *o, const struct lp_descriptor *d,
			       struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf data = {0};
	struct lp_digest got;
	const char *text;
	size_t n;

	if (lp_json_string(o, "data", LP_JSON_OPTIONAL, RULE_DATA, &text, err))
		return err->code;
	if (!text)
		return LP_OK;
	n = strlen(text);
	if (lp_buf_reserve(&data, n + 1, SIZE_MAX, err))
		return err->code;
	if (!lp_base64_decode(text, n, data.p, &n))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DATA, "data is not base64");
	if (n != d->bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DATA_EQUAL,
			       "data of %zu bytes, the size is %llu", n,
			       (unsigned long long)d->bytes);
	lp_digest_of(d->digest.alg, data.p, n, &got);
	return lp_digest_check(&got, &d->digest, LP_NO_OFFSET, RULE_DATA_EQUAL, "data", err);
}

/* Members that no image needs: what is there must be right. */
static enum lp_code check_others(const json_t *o, const struct lp_descriptor *d,
				 struct lp_err *err)
{
	const char *type;

	if (lp_media_parse(o, "artifactType", LP_JSON_OPTIONAL, RULE_ARTIFACT, &type, err) ||
	    check_urls(o, err) || check_data(o, d, err))
		return err->code;
	return LP_OK;
}

enum lp_code lp_descriptor_parse(const json_t *o, struct lp_descriptor *out, struct lp_err *err)
{
	struct lp_descriptor d = {0};
	const char *type;

	*out = d;
	if (!json_is_object(o))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_OBJECT,
			       "a descriptor is not an object");
	if (lp_media_parse(o, "mediaType", LP_JSON_REQUIRED, RULE_MEDIA_TYPE, &type, err) ||
	    lp_json_digest(o, "digest", LP_JSON_REQUIRED, RULE_DIGEST, &d.digest, err) ||
	    lp_json_u64(o, "size", LP_JSON_REQUIRED, RULE_SIZE, &d.bytes, err) ||
	    check_others(o, &d, err) || lp_notes_parse(o, RULE_NOTES, &d.notes, err))
		return err->code;
	memcpy(d.media_type, type, strlen(type));
	*out = d;
	return LP_OK;
}

void lp_descriptor_free(struct lp_descriptor *d)
{
	json_decref(d->notes);
	*d = (struct lp_descriptor){0};
}

const char *lp_descriptor_note(const struct lp_descriptor *d, const char *key)
{
	return json_string_value(json_object_get(d->notes, key));
}

enum lp_code lp_descriptor_set_note(struct lp_descriptor *d, const char *key, const char *value,
				    struct lp_err *err)
{
	/* Another descriptor, or the document, may hold the same object. */
	LP_AUTO(lp_json_free) json_t *notes = d->notes ? json_copy(d->notes) : json_object();
	json_t *old = d->notes;

	if (json_object_set_new(notes, key, json_string(value)))
		return lp_fail_errno(err, "set annotation %.100s", key);
	d->notes = notes;
	notes = old;
	return LP_OK;
}

enum lp_code lp_descriptor_copy(struct lp_descriptor *to, const struct lp_descriptor *from,
				struct lp_err *err)
{
	(void)err;
	json_incref(from->notes);
	json_decref(to->notes);
	*to = *from;
	return LP_OK;
}

json_t *lp_descriptor_json(const struct lp_descriptor *d)
{
	char digest[LP_DIGEST_TEXT];

	lp_digest_text(&d->digest, digest);
	return json_pack("{s:s, s:s, s:I, s:O*}", "mediaType", d->media_type, "digest", digest,
			 "size", (json_int_t)d->bytes, "annotations",
			 json_object_size(d->notes) ? d->notes : NULL);
}
