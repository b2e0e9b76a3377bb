/* SPDX-License-Identifier: MIT */
/*
 * bundle - config.json for an OCI runtime, from an image's configuration and options that are
 * named as docker and podman name them.
 *
 * Namespaces of its own for processes, IPC, host name and mounts, and for the network unless
 * that is the host's; docker's paths that are masked and read-only; docker's capabilities but
 * CAP_MKNOD, since no device cgroup stands behind it.
 *
 * Specification: OCI runtime-spec 1.0.2, config.md, config-linux.md
 */
#ifndef LP_BUNDLE_H
#define LP_BUNDLE_H

#include "mount/account.h"
#include "oci/config.h"

#include <stdbool.h>

enum lp_network { LP_NET_HOST, LP_NET_NONE };

/* All borrowed. */
struct lp_bundle {
	const struct lp_config *image;
	const struct lp_account *account;
	const char *root;		/* the tree, as the runtime is to find it */
	char *const *args;		/* [nargs] behind the image's name on the command line */
	size_t nargs;
	const char *entrypoint;		/* NULL: the image's; "": none */
	const char *const *env;		/* [nenv] "NAME=VALUE", or "NAME": as here */
	size_t nenv;
	const char *const *volume;	/* [nvolume] "/HOST:/CONTAINER[:ro]" */
	size_t nvolume;
	const char *workdir;		/* NULL: the image's */
	const char *hostname;
	enum lp_network network;
	bool terminal, read_only;
	bool user;			/* in a user namespace: not all that root may is allowed */
};

/*
 * lp_bundle_make - the document.
 *
 * LP_EUSAGE  mount.bundle.volume; mount.bundle.command: the image names none, nor do @args;
 *            mount.bundle.workdir: not absolute
 */
LP_MUST_CHECK enum lp_code lp_bundle_make(const struct lp_bundle *b, json_t **out,
					  struct lp_err *err);

#endif
