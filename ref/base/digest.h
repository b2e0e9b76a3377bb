/* SPDX-License-Identifier: MIT */
/*
 * digest - content digests: compute, compare, parse, print.
 *
 * Specification: OCI image-spec v1.1, descriptor.md, "Digests"
 */
#ifndef LP_DIGEST_H
#define LP_DIGEST_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LP_DIGEST_MAX 64				/* bytes: the largest digest we know */
#define LP_DIGEST_TEXT (16 + 1 + 2 * LP_DIGEST_MAX + 1)	/* "alg:hex" and the NUL */

/* Numbers are stored in layer.table: never renumber. */
enum lp_alg { LP_NO_DIGEST = 0, LP_SHA256 = 1, LP_SHA384 = 2, LP_SHA512 = 3, LP_BLAKE3 = 4 };

struct lp_digest {
	enum lp_alg alg;
	uint8_t b[LP_DIGEST_MAX];	/* the first lp_alg_bytes(alg) are the digest, the rest 0 */
};

/* A digest being computed.  {0} is valid and empty; not copyable. */
struct lp_hash {
	enum lp_alg alg;
	void *ctx;
};

/* Length of a digest in bytes; 0 for LP_NO_DIGEST and for numbers that are no algorithm. */
size_t lp_alg_bytes(enum lp_alg alg);

/* "sha256", ..., or NULL for a number that is no algorithm. */
const char *lp_alg_name(enum lp_alg alg);

void lp_digest_of(enum lp_alg alg, const void *p, size_t n, struct lp_digest *out);
bool lp_digest_equal(const struct lp_digest *a, const struct lp_digest *b);
void lp_digest_text(const struct lp_digest *d, char out[static LP_DIGEST_TEXT]);

/* The hexadecimal digits alone, as file names use them. */
void lp_digest_hex(const struct lp_digest *d, char out[static LP_DIGEST_TEXT]);

/* The digest whose lower-case hexadecimal digits are all of @hex; false: they are not. */
bool lp_digest_of_hex(enum lp_alg alg, const char *hex, struct lp_digest *out);

/*
 * lp_digest_parse - read "sha256:<64 lower-case hex digits>" and its kin.
 *
 * @text   @n bytes, not NUL-terminated
 *
 * LP_EFORMAT  not of the grammar, or upper-case or too few digits (oci.descriptor.digest)
 * LP_EUNSUP   an algorithm that we do not have, or BLAKE3, which no document of OCI's names
 */
LP_MUST_CHECK enum lp_code lp_digest_parse(const char *text, size_t n, struct lp_digest *out,
					   struct lp_err *err);

/*
 * lp_digest_check - LP_OK if @got is @want, else LP_EDIGEST "WHAT is X, want Y".
 *
 * @at, @rule  recorded in @err
 * @what       names the bytes in the message
 */
LP_MUST_CHECK enum lp_code lp_digest_check(const struct lp_digest *got,
					   const struct lp_digest *want, uint64_t at,
					   const char *rule, const char *what,
					   struct lp_err *err);

/*
 * Start, feed and end a digest.  LP_ESYSTEM: memory ran out.  end leaves @h empty.
 * LP_NO_DIGEST: nothing is computed, and it is not ended.
 */
LP_MUST_CHECK enum lp_code lp_hash_begin(struct lp_hash *h, enum lp_alg alg, struct lp_err *err);
void lp_hash_add(struct lp_hash *h, const void *p, size_t n);
void lp_hash_end(struct lp_hash *h, struct lp_digest *out);

/* The digest of what was added so far; more may follow.  LP_ESYSTEM: no memory */
LP_MUST_CHECK enum lp_code lp_hash_now(const struct lp_hash *h, struct lp_digest *out,
				       struct lp_err *err);
void lp_hash_free(struct lp_hash *h);

#endif
