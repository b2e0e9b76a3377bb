// SPDX-License-Identifier: MIT
/* referrers - the list of the manifests that refer to one. */
#include "registry/handler.h"

#include "oci/subject.h"

#include <microhttpd.h>
#include <string.h>

/* Leave those of @type. */
static enum lp_code filter(struct lp_index *list, const char *type, struct lp_err *err)
{
	for (size_t i = json_array_size(list->entries); i-- > 0;) {
		struct lp_index_entry e;

		if (lp_index_read(list, i, &e, err))
			return err->code;
		if (!e.artifact_type || strcmp(e.artifact_type, type) != 0)
			json_array_remove(list->entries, i);
	}
	return LP_OK;
}

enum lp_code lb_serve_referrers(struct lb_request *r, struct lp_err *err)
{
	const char *type = lb_request_argument(r, "artifactType");
	LP_AUTO(lp_index_free) struct lp_index list = {.document = NULL};
	LP_AUTO(lp_buf_free) struct lp_buf text = {0};
	struct lp_digest d;
	struct lb_answer a;

	if (r->server->knobs.no_referrers)
		return lb_refuse(r, err, MHD_HTTP_NOT_FOUND, "UNSUPPORTED", "no referrers API");
	if (lb_request_digest(r, &d, err) || lb_request_layout(r, false, err) ||
	    lp_subject_list(r->layout, &d, &list, err) || (type && filter(&list, type, err)) ||
	    lp_index_print(&list, &text, err))
		return err->code;
	a = lb_answer_bytes(MHD_HTTP_OK, "application/vnd.oci.image.index.v1+json", text.p,
			    text.len);
	if (type)
		lb_answer_header(&a, "OCI-Filters-Applied", "artifactType");
	return lb_answer_send(r, &a, err);
}
