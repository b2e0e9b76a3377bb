// SPDX-License-Identifier: MIT
#include "run/cert.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdint.h>

#define DAY 86400L

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

static void free_pair(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

static bool extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = e && X509_add_ext(cert, e, -1);

	X509_EXTENSION_free(e);
	return ok;
}

/* A certificate of @name, valid from @from to @to (seconds from now), that @by has signed. */
static bool issue(struct pair *p, const char *name, long from, long to, const struct pair *by)
{
	bool ca = by == p;
	X509_NAME *subject;

	p->key = EVP_EC_gen("P-256");
	p->cert = X509_new();
	if (!p->key || !p->cert)
		return false;
	subject = X509_get_subject_name(p->cert);
	return X509_set_version(p->cert, 2) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(p->cert), ca ? 1 : 2) &&
	       X509_gmtime_adj(X509_getm_notBefore(p->cert), from) &&
	       X509_gmtime_adj(X509_getm_notAfter(p->cert), to) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
					  (const unsigned char *)(ca ? "authority" : "server"), -1,
					  -1, 0) &&
	       X509_set_issuer_name(p->cert, X509_get_subject_name(by->cert)) &&
	       X509_set_pubkey(p->cert, p->key) &&
	       extend(p->cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE") &&
	       (!name || extend(p->cert, NID_subject_alt_name, name)) &&
	       X509_sign(p->cert, by->key, EVP_sha256());
}

static bool print(X509 *cert, struct lp_buf *pem, struct lp_err *err)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = b && PEM_write_bio_X509(b, cert) ? BIO_get_mem_data(b, &p) : 0;
	bool ok = n > 0 && !lp_buf_add(pem, p, (size_t)n, SIZE_MAX, err);

	BIO_free(b);
	return ok;
}

enum lp_code lc_cert_open(enum lc_tls what, SSL_CTX **out, struct lp_buf *pem, struct lp_err *err)
{
	LP_AUTO(free_pair) struct pair authority = {0};
	LP_AUTO(free_pair) struct pair server = {0};
	const char *name = what == LC_TLS_OTHER ? "DNS:elsewhere.test" : "IP:127.0.0.1,IP:127.0.0.2";
	long to = what == LC_TLS_EXPIRED ? -DAY : DAY;

	*out = SSL_CTX_new(TLS_server_method());
	if (!*out || !issue(&authority, NULL, -2 * DAY, DAY, &authority) ||
	    !issue(&server, name, -2 * DAY, to, what == LC_TLS_SELF ? &server : &authority) ||
	    !SSL_CTX_use_certificate(*out, server.cert) ||
	    !SSL_CTX_use_PrivateKey(*out, server.key) || !print(authority.cert, pem, err))
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "make certificates");
	return LP_OK;
}
