/* SPDX-License-Identifier: MIT */
/*
 * login - the credentials that the user has for a host.
 *
 * From Docker's config.json ($DOCKER_CONFIG, else ~/.docker): credHelpers for the host, then
 * credsStore, then auths.  Secrets live in memory only and are wiped when freed.
 *
 * Specification: Docker CLI, "docker login"; docker-credential-helpers, "get"
 */
#ifndef LP_LOGIN_H
#define LP_LOGIN_H

#include "base/buf.h"

#include <stdbool.h>

#define LP_LOGIN_CONFIG_MAX ((size_t)1 << 20)	/* bytes of config.json, ours */

/* {0}: there are none, the host is asked anonymously. */
struct lp_login {
	char *user, *password;
	char *identity;		/* a refresh token in place of the two, or NULL */
};

/*
 * lp_login_find - what config.json has for @host ("127.0.0.1:5000", "docker.io").
 *
 * A host without credentials, and no config.json, are no errors.
 *
 * @helper_ms  how long a credential helper may take; 0: none is asked
 *
 * LP_EFORMAT  registry.login.config: the file is not what Docker writes
 * LP_ESYSTEM  a helper cannot be run, or failed
 */
LP_MUST_CHECK enum lp_code lp_login_find(const char *host, unsigned helper_ms,
					 struct lp_login *out, struct lp_err *err);

/* The same from the bytes of a config.json. */
LP_MUST_CHECK enum lp_code lp_login_parse(const void *p, size_t n, const char *host,
					  unsigned helper_ms, struct lp_login *out,
					  struct lp_err *err);

LP_MUST_CHECK enum lp_code lp_login_set(struct lp_login *l, const char *user,
					const char *password, struct lp_err *err);
void lp_login_free(struct lp_login *l);
bool lp_login_empty(const struct lp_login *l);

/* "Authorization: Basic ..." as a new string; NULL: memory ran out.  @l has a user. */
char *lp_login_basic(const struct lp_login *l);

#endif
