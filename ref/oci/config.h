/* SPDX-License-Identifier: MIT */
/*
 * config - the configuration of an image: what to run in it, and the digests of its layers.
 *
 * Specification: OCI image-spec v1.1, config.md
 */
#ifndef LP_CONFIG_H
#define LP_CONFIG_H

#include "oci/manifest.h"
#include "oci/platform.h"

#define LP_CONFIG_MAX ((size_t)4 << 20)	/* bytes, ours */

struct lp_config {
	struct lp_platform platform;
	struct lp_digest *diffid;	/* [ndiffid], lowest first */
	size_t ndiffid;
	json_t *document;		/* the whole, owned */
	/* borrowed from document; NULL where absent */
	json_t *env;			/* array of strings */
	json_t *entrypoint, *cmd;	/* arrays of strings */
	const char *user, *workdir, *stop_signal;
	json_t *labels;			/* object */
};

/* LP_EFORMAT  oci.config.*.  Types of all members above are checked. */
LP_MUST_CHECK enum lp_code lp_config_parse(const void *p, size_t n, struct lp_config *out,
					   struct lp_err *err);
void lp_config_free(struct lp_config *c);

/*
 * lp_config_rewrite - the document with other layers: rootfs replaced, history cut or padded
 * so that its non-empty entries are as many as the layers; the rest as it was.
 */
LP_MUST_CHECK enum lp_code lp_config_rewrite(const struct lp_config *c,
					     const struct lp_digest *diffid, size_t n,
					     struct lp_buf *out, struct lp_err *err);

#endif
