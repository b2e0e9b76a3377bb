/* SPDX-License-Identifier: MIT */
/*
 * cert - certificates that are made when they are needed, good ones and others.
 */
#ifndef LC_CERT_H
#define LC_CERT_H

#include "base/buf.h"
#include "run/script.h"

#include <openssl/ssl.h>

/*
 * lc_cert_open - what a server that shows @what needs; SSL_CTX_free() it.
 *
 * @pem  out: the authority that whoever asks is to trust, appended as PEM
 * LP_ESYSTEM
 */
LP_MUST_CHECK enum lp_code lc_cert_open(enum lc_tls what, SSL_CTX **out, struct lp_buf *pem,
					struct lp_err *err);

#endif
