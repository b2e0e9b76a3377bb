// SPDX-License-Identifier: MIT
#include "base/digest.h"

#include "base/blake3.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_DIGEST "oci.descriptor.digest"

static const struct {
	const char *name;
	size_t bytes;
	const EVP_MD *(*md)(void);	/* NULL: base/blake3.h */
} algs[] = {
	[LP_NO_DIGEST] = {"none", 0, EVP_md_null},
	[LP_SHA256] = {"sha256", 32, EVP_sha256},
	[LP_SHA384] = {"sha384", 48, EVP_sha384},
	[LP_SHA512] = {"sha512", 64, EVP_sha512},
	[LP_BLAKE3] = {"blake3", LP_BLAKE3_BYTES, NULL},
};

#define NALGS (sizeof(algs) / sizeof(algs[0]))

size_t lp_alg_bytes(enum lp_alg alg)
{
	return alg < NALGS ? algs[alg].bytes : 0;
}

const char *lp_alg_name(enum lp_alg alg)
{
	return alg < NALGS ? algs[alg].name : NULL;
}

void lp_digest_of(enum lp_alg alg, const void *p, size_t n, struct lp_digest *out)
{
	struct lp_blake3 blake3;
	int ok;

	*out = (struct lp_digest){.alg = alg};
	if (alg == LP_BLAKE3) {
		lp_blake3_begin(&blake3);
		lp_blake3_add(&blake3, p, n);
		lp_blake3_end(&blake3, out->b);
		return;
	}
	ok = EVP_Digest(p, n, out->b, NULL, algs[alg].md(), NULL);
	assert(ok == 1); /* a built-in digest cannot fail: anything else is our bug */
	(void)ok;
}

bool lp_digest_equal(const struct lp_digest *a, const struct lp_digest *b)
{
	return a->alg == b->alg && !memcmp(a->b, b->b, algs[a->alg].bytes);
}

void lp_digest_hex(const struct lp_digest *d, char out[static LP_DIGEST_TEXT])
{
	static const char digit[] = "0123456789abcdef";
	size_t bytes = algs[d->alg].bytes;

	for (size_t i = 0; i < bytes; i++) {
		out[2 * i] = digit[d->b[i] >> 4];
		out[2 * i + 1] = digit[d->b[i] & 15];
	}
	out[2 * bytes] = '\0';
}

void lp_digest_text(const struct lp_digest *d, char out[static LP_DIGEST_TEXT])
{
	char hex[LP_DIGEST_TEXT];

	lp_digest_hex(d, hex);
	snprintf(out, LP_DIGEST_TEXT, "%.15s:%.128s", algs[d->alg].name, hex);
}

/* Values of digits, plus one; 0: no digit that a digest may have. */
static const uint8_t hex_value[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* @out->alg is set; false: a digit that is none. */
static bool read_hex(const char *hex, struct lp_digest *out)
{
	for (size_t i = 0; i < algs[out->alg].bytes; i++) {
		unsigned high = hex_value[(uint8_t)hex[2 * i]];
		unsigned low = hex_value[(uint8_t)hex[2 * i + 1]];

		if (!high || !low)
			return false;
		out->b[i] = (uint8_t)((high - 1) << 4 | (low - 1));
	}
	return true;
}

bool lp_digest_of_hex(enum lp_alg alg, const char *hex, struct lp_digest *out)
{
	*out = (struct lp_digest){.alg = alg};
	return strlen(hex) == 2 * algs[alg].bytes && read_hex(hex, out);
}

enum lp_code lp_digest_parse(const char *text, size_t n, struct lp_digest *out,
			     struct lp_err *err)
{
	const char *colon = memchr(text, ':', n);
	size_t name = colon ? (size_t)(colon - text) : 0;
	struct lp_digest d = {0};
	int show = (int)(n < 100 ? n : 100);

	if (!colon || !name)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DIGEST,
			       "\"%.*s\" is not ALGORITHM:HEX", show, text);
	for (size_t i = 1; i < NALGS && !d.alg; i++)
		if (algs[i].md && strlen(algs[i].name) == name && !memcmp(text, algs[i].name, name))
			d.alg = (enum lp_alg)i;
	if (!d.alg)
		return lp_fail(err, LP_EUNSUP, LP_NO_OFFSET, RULE_DIGEST,
			       "digest algorithm of \"%.*s\"", show, text);
	if (n - name - 1 != 2 * algs[d.alg].bytes)
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DIGEST,
			       "\"%.*s\" has %zu digits, want %zu", show, text, n - name - 1,
			       2 * algs[d.alg].bytes);
	if (!read_hex(colon + 1, &d))
		return lp_fail(err, LP_EFORMAT, LP_NO_OFFSET, RULE_DIGEST,
			       "\"%.*s\" has a digit that is not [0-9a-f]", show, text);
	*out = d;
	return LP_OK;
}

enum lp_code lp_digest_check(const struct lp_digest *got, const struct lp_digest *want,
			     uint64_t at, const char *rule, const char *what, struct lp_err *err)
{
	char want_text[LP_DIGEST_TEXT], got_text[LP_DIGEST_TEXT];

	if (lp_digest_equal(got, want))
		return LP_OK;
	lp_digest_text(want, want_text);
	lp_digest_text(got, got_text);
	return lp_fail(err, LP_EDIGEST, at, rule, "%s is %.23s, want %.23s", what, got_text,
		       want_text);
}

enum lp_code lp_hash_begin(struct lp_hash *h, enum lp_alg alg, struct lp_err *err)
{
	EVP_MD_CTX *ctx;

	*h = (struct lp_hash){.alg = alg};
	if (alg == LP_NO_DIGEST)
		return LP_OK;
	if (alg == LP_BLAKE3) {
		h->ctx = malloc(sizeof(struct lp_blake3));
		if (!h->ctx)
			return lp_fail_errno(err, "begin a digest");
		lp_blake3_begin(h->ctx);
		return LP_OK;
	}
	ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestInit_ex(ctx, algs[alg].md(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "begin a digest");
	}
	h->ctx = ctx;
	return LP_OK;
}

void lp_hash_add(struct lp_hash *h, const void *p, size_t n)
{
	int ok;

	if (h->alg == LP_NO_DIGEST)
		return;
	if (h->alg == LP_BLAKE3) {
		lp_blake3_add(h->ctx, p, n);
		return;
	}
	ok = EVP_DigestUpdate(h->ctx, p, n);
	assert(ok == 1); /* see lp_digest_of() */
	(void)ok;
}

enum lp_code lp_hash_now(const struct lp_hash *h, struct lp_digest *out, struct lp_err *err)
{
	EVP_MD_CTX *copy;
	int ok;

	*out = (struct lp_digest){.alg = h->alg};
	if (h->alg == LP_BLAKE3) {
		lp_blake3_end(h->ctx, out->b);
		return LP_OK;
	}
	copy = EVP_MD_CTX_new();
	ok = copy && EVP_MD_CTX_copy_ex(copy, h->ctx) == 1 &&
	     EVP_DigestFinal_ex(copy, out->b, NULL) == 1;
	EVP_MD_CTX_free(copy);
	return ok ? LP_OK : lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "copy a digest");
}

void lp_hash_end(struct lp_hash *h, struct lp_digest *out)
{
	int ok;

	*out = (struct lp_digest){.alg = h->alg};
	if (h->alg == LP_BLAKE3) {
		lp_blake3_end(h->ctx, out->b);
	} else {
		ok = EVP_DigestFinal_ex(h->ctx, out->b, NULL);
		assert(ok == 1); /* see lp_digest_of() */
		(void)ok;
	}
	lp_hash_free(h);
}

void lp_hash_free(struct lp_hash *h)
{
	if (h->alg == LP_BLAKE3)
		free(h->ctx);
	else
		EVP_MD_CTX_free(h->ctx);
	*h = (struct lp_hash){0};
}
