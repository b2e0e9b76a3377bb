/* SPDX-License-Identifier: MIT */
/*
 * account - who runs in a container: "user", "user:group", names or numbers, looked up in the
 * image's own /etc/passwd and /etc/group.
 *
 * Nothing is read where the numbers are given: a lazily mounted image would fetch it.
 */
#ifndef LP_ACCOUNT_H
#define LP_ACCOUNT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define LP_ACCOUNT_GROUPS 64	/* ours: supplementary groups */
#define LP_ACCOUNT_HOME 256	/* bytes, ours */

struct lp_account {
	uint32_t uid, gid;
	uint32_t group[LP_ACCOUNT_GROUPS];	/* [ngroup] supplementary */
	size_t ngroup;
	char home[LP_ACCOUNT_HOME];
};

/*
 * lp_account_find - the account @text ("" or NULL: root) of the tree below @root.
 *
 * LP_EMISSING  mount.bundle.user: no such user or group
 * LP_ELIMIT    mount.bundle.user: a file above 1 MiB
 */
LP_MUST_CHECK enum lp_code lp_account_find(int root, const char *text, struct lp_account *out,
					   struct lp_err *err);

#endif
