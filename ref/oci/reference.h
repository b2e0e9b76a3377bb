/* SPDX-License-Identifier: MIT */
/*
 * reference - the name of an image, as skopeo spells it.
 *
 *	docker://HOST[:PORT]/NAME[:TAG][@DIGEST]   the default when no transport is given
 *	oci:DIR[:TAG]   oci-archive:FILE[:TAG]   dir:DIR   tar:FILE   blob:FILE   rafs:FILE[,DIR]
 *
 * Without a host, docker.io; without "/" in the name there, library/NAME; without a tag or
 * a digest, latest.  (distribution/reference grammar; distribution-spec, "Pulling manifests")
 */
#ifndef LP_REFERENCE_H
#define LP_REFERENCE_H

#include "base/digest.h"

enum lp_transport {
	LP_DOCKER, LP_OCI, LP_OCI_ARCHIVE, LP_DIR, LP_TAR, LP_BLOB, LP_RAFS,
};

struct lp_reference {
	enum lp_transport transport;
	char host[256];		/* docker: "127.0.0.1:5000" */
	char name[256];		/* docker: "library/python" */
	char tag[129];		/* docker, oci, oci-archive; "" when there is a digest only */
	struct lp_digest digest; /* LP_NO_DIGEST: by tag */
	char path[1024];	/* the others: the file or directory */
	char dir[1024];		/* rafs: where its blobs are, or "" */
};

/* LP_EUSAGE: not of the grammar; the message says where. */
LP_MUST_CHECK enum lp_code lp_reference_parse(const char *text, struct lp_reference *out,
					      struct lp_err *err);

/*
 * lp_reference_absolute - make paths absolute: names in a store, and what other processes are
 * told, are not about this one's directory.  LP_EUSAGE: too long then
 */
LP_MUST_CHECK enum lp_code lp_reference_absolute(struct lp_reference *r, struct lp_err *err);

/* rafs: the directory of the blobs: dir, or that of path. */
void lp_reference_blobs(const struct lp_reference *r, char out[static 1024]);

/* The canonical spelling, with transport. */
#define LP_REFERENCE_TEXT 2100
void lp_reference_text(const struct lp_reference *r, char out[static LP_REFERENCE_TEXT]);

/* Is @host (with or without port) this machine: 127.0.0.0/8, localhost, [::1]? */
bool lp_reference_loopback(const char *host);

#endif
