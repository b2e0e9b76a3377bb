/* SPDX-License-Identifier: MIT */
/*
 * route - what the path of a request names.
 *
 *	/v2/                                    LB_ROUTE_BASE
 *	/v2/NAME/manifests/TAG|DIGEST           LB_ROUTE_MANIFEST
 *	/v2/NAME/blobs/DIGEST                   LB_ROUTE_BLOB
 *	/v2/NAME/blobs/uploads/                 LB_ROUTE_UPLOADS
 *	/v2/NAME/blobs/uploads/ID               LB_ROUTE_UPLOAD
 *	/v2/NAME/tags/list                      LB_ROUTE_TAGS
 *	/v2/NAME/referrers/DIGEST               LB_ROUTE_REFERRERS
 *	/token                                  LB_ROUTE_TOKEN     the registry's own token endpoint
 *	/storage/NAME/DIGEST                    LB_ROUTE_STORAGE   where redirects lead
 *
 * Specification: OCI distribution-spec v1.1, "Endpoints"
 */
#ifndef LB_ROUTE_H
#define LB_ROUTE_H

#include <stdbool.h>

enum lb_route_kind {
	LB_ROUTE_OTHER, LB_ROUTE_BASE, LB_ROUTE_MANIFEST, LB_ROUTE_BLOB, LB_ROUTE_UPLOADS,
	LB_ROUTE_UPLOAD, LB_ROUTE_TAGS, LB_ROUTE_REFERRERS, LB_ROUTE_TOKEN, LB_ROUTE_STORAGE,
};

struct lb_route {
	enum lb_route_kind kind;
	char name[256];		/* the repository: of the grammar, no ".." */
	char reference[160];	/* tag, digest or upload id: not checked any further */
};

/* @path is percent-decoded.  Names and references that do not fit are LB_ROUTE_OTHER. */
void lb_route_parse(const char *path, struct lb_route *out);

/* The word in the log: "blob", "manifest", ... */
const char *lb_route_word(enum lb_route_kind kind);

/* Is @name of the grammar of repository names? */
bool lb_route_name_ok(const char *name);

/* Is @tag of the grammar of tags? */
bool lb_route_tag_ok(const char *tag);

#endif
