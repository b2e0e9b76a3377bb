// SPDX-License-Identifier: MIT
/* tags - the sorted list of a repository's tags, page by page. */
#include "registry/handler.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MAX ((size_t)16 << 20)	/* bytes of index.json, ours */

static const char *tag_of(const json_t *descriptor)
{
	return json_string_value(json_object_get(json_object_get(descriptor, "annotations"),
						 LP_NOTE_REF_NAME));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The tags of @index behind @last into @out, sorted; borrowed from @index. */
static size_t sorted_tags(const json_t *index, const char *last, const char **out)
{
	const json_t *list = json_object_get(index, "manifests");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *tag = tag_of(json_array_get(list, i));

		if (tag && (!last || strcmp(tag, last) > 0))
			out[n++] = tag;
	}
	if (n)
		qsort(out, n, sizeof(*out), by_name);
	return n;
}

static json_t *document(const char *name, const char *const *tag, size_t n)
{
	json_t *o = json_pack("{s:s, s:[]}", "name", name, "tags");

	for (size_t i = 0; o && i < n; i++)
		if (json_array_append_new(json_object_get(o, "tags"), json_string(tag[i]))) {
			json_decref(o);
			return NULL;
		}
	return o;
}

static enum lp_code send_tags(struct lb_request *r, const json_t *index, const char **tag,
			      struct lp_err *err)
{
	LP_AUTO(lp_json_free) json_t *o = NULL;
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	const char *n_text = lb_request_argument(r, "n");
	size_t all = sorted_tags(index, lb_request_argument(r, "last"), tag), n = all;
	struct lb_answer a;

	if (n_text && strtoull(n_text, NULL, 10) < n)
		n = (size_t)strtoull(n_text, NULL, 10);
	o = document(r->route.name, tag, n);
	if (!o)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "tags of %s", r->route.name);
	if (lp_json_print(o, &text, INDEX_MAX, err))
		return err->code;
	a = lb_answer_bytes(MHD_HTTP_OK, "application/json", text.p, text.len);
	if (n && n < all)
		lb_answer_header(&a, "Link", "</v2/%s/tags/list?n=%zu&last=%s>; rel=\"next\"",
				 r->route.name, n, tag[n - 1]);
	return lb_answer_send(r, &a, err);
}

static void free_list(const char ***list)
{
	free(*list);
}

enum lp_code lb_serve_tags(struct lb_request *r, struct lp_err *err)
{
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	LP_AUTO(lp_json_free) json_t *index = NULL;
	LP_AUTO(free_list) const char **tag = NULL;

	if (lb_request_layout(r, false, err) ||
	    lp_file_load(r->layout->dir, "index.json", INDEX_MAX, &text, err) ||
	    lp_json_parse(text.p, text.len, "oci.layout.index", &index, err))
		return err->code;
	tag = calloc(json_array_size(json_object_get(index, "manifests")) + 1, sizeof(*tag));
	if (!tag)
		return lp_fail_errno(err, "tags of %s", r->route.name);
	return send_tags(r, index, tag, err);
}
