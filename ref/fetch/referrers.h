/* SPDX-License-Identifier: MIT */
/*
 * referrers - the manifests of a registry that name another one as their subject.
 *
 * A registry either keeps the list itself (the referrers API), or clients keep it as an index
 * under a tag that is made of the subject's digest.  What a list says is a hint: whoever follows
 * an entry compares its digest, and its subject.
 *
 * Specification: OCI distribution-spec v1.1, "Listing Referrers", "Pushing Manifests with
 * Subject", "Referrers Tag Schema"
 */
#ifndef LP_REFERRERS_H
#define LP_REFERRERS_H

#include "fetch/registry.h"
#include "oci/index.h"

#define LP_REFERRERS_PAGES 16	/* ours: of a list, each at most LP_MANIFEST_MAX */

/*
 * lp_registry_referrers - the list of @subject's referrers, empty where there are none.
 *
 * @type  only those of this artifactType, if the registry can choose; the others may be there
 *
 * LP_EFORMAT  oci.index.*, registry.referrers.link, registry.referrers.tag
 * LP_ELIMIT   registry.referrers.pages
 */
LP_MUST_CHECK enum lp_code lp_registry_referrers(struct lp_registry *r,
						 const struct lp_digest *subject,
						 const char *type, struct lp_index *out,
						 struct lp_err *err);

/*
 * lp_registry_link - put @entry into the list that clients keep: for registries that do not
 * note the subject of a manifest themselves.
 *
 * What somebody else puts there at the same time is kept where the registry compares ETags.
 *
 * LP_EFORMAT  registry.referrers.tag: what has the tag is no index
 * LP_EREMOTE  registry.referrers.race: it is changed again and again
 */
LP_MUST_CHECK enum lp_code lp_registry_link(struct lp_registry *r, const struct lp_digest *subject,
					    json_t *entry, struct lp_err *err);

#endif
