// SPDX-License-Identifier: MIT
#include "base/digest.h"
#include "testing/test.h"

#include <string.h>

#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC384 "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed" \
	       "8086072ba1e7cc2358baeca134c825a7"
#define ABC512 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
	       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

/* FIPS 180-4: the digests of "abc", whole and in two parts. */
static void test_known(void)
{
	static const struct {
		enum lp_alg alg;
		const char *text;
		size_t bytes;
	} rows[] = {
		{LP_SHA256, "sha256:" ABC256, 32},
		{LP_SHA384, "sha384:" ABC384, 48},
		{LP_SHA512, "sha512:" ABC512, 64},
	};

	for (size_t i = 0; i < 3; i++) {
		LP_AUTO(lp_hash_free) struct lp_hash h = {0};
		struct lp_digest whole, parts, parsed;
		struct lp_err err = {0};
		char text[LP_DIGEST_TEXT], hex[LP_DIGEST_TEXT];

		lp_digest_of(rows[i].alg, "abc", 3, &whole);
		lp_digest_text(&whole, text);
		lp_digest_hex(&whole, hex);
		CHECK(!strcmp(text, rows[i].text) && !strcmp(hex, rows[i].text + 7), "%s of abc",
		      lp_alg_name(rows[i].alg));
		if (lp_hash_begin(&h, rows[i].alg, &err))
			continue;
		lp_hash_add(&h, "a", 1);
		lp_hash_add(&h, "bc", 2);
		lp_hash_end(&h, &parts);
		CHECK(lp_digest_equal(&whole, &parts) && !h.ctx, "in parts");
		CHECK(!lp_digest_parse(text, strlen(text), &parsed, &err) &&
		      lp_digest_equal(&whole, &parsed), "parsed again");
		CHECK(lp_alg_bytes(rows[i].alg) == rows[i].bytes, "%zu bytes", rows[i].bytes);
	}
	CHECK(!lp_alg_bytes(LP_NO_DIGEST) && !lp_alg_bytes((enum lp_alg)99) &&
	      !lp_alg_name((enum lp_alg)99), "what is no algorithm");
}

static void test_parse(void)
{
	static const struct {
		const char *text;
		enum lp_code want;
	} rows[] = {
		{"sha256:" ABC256, LP_OK},
		{"", LP_EFORMAT},
		{":", LP_EFORMAT},
		{ABC256, LP_EFORMAT},
		{"sha256:", LP_EFORMAT},
		{":" ABC256, LP_EFORMAT},
		{"sha256:" ABC256 "0", LP_EFORMAT},
		{"sha256:Ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		 LP_EFORMAT},
		{"sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		 LP_EFORMAT},
		{"sha512:" ABC256, LP_EFORMAT},
		{"sha25:" ABC256, LP_EUNSUP},
		{"SHA256:" ABC256, LP_EUNSUP},
		{"none:", LP_EUNSUP},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lp_digest d = {0};
		struct lp_err err = {0};

		CHECK(lp_digest_parse(rows[i].text, strlen(rows[i].text), &d, &err) ==
		      rows[i].want, "digest %zu: %s", i, err.msg);
		if (rows[i].want)
			CHECK(err.rule && !strcmp(err.rule, "oci.descriptor.digest") && !d.alg,
			      "digest %zu names its rule", i);
	}
}

static void test_comparison(void)
{
	struct lp_digest a, b, longer;
	char hex[LP_DIGEST_TEXT];
	struct lp_err err = {0};

	lp_digest_of(LP_SHA256, "a", 1, &a);
	lp_digest_of(LP_SHA256, "b", 1, &b);
	longer = a;
	longer.alg = LP_SHA384;
	CHECK(!lp_digest_equal(&a, &longer), "the algorithm is part of a digest");
	lp_digest_hex(&a, hex);
	CHECK(lp_digest_of_hex(LP_SHA256, hex, &longer) && lp_digest_equal(&a, &longer), "%s", hex);
	CHECK(!lp_digest_of_hex(LP_SHA384, hex, &longer) &&
	      !lp_digest_of_hex(LP_SHA256, hex + 1, &longer), "too few digits");
	hex[63] = 'A';
	CHECK(!lp_digest_of_hex(LP_SHA256, hex, &longer), "upper case");
	CHECK(!lp_digest_check(&a, &a, 7, "a.b.c", "chunk", &err), "the same");
	CHECK(lp_digest_check(&a, &b, 7, "a.b.c", "chunk", &err) == LP_EDIGEST && err.at == 7 &&
	      !strcmp(err.rule, "a.b.c") && !strncmp(err.msg, "chunk is sha256:", 16),
	      "another: %s", err.msg);
}

int main(void)
{
	test_known();
	test_parse();
	test_comparison();
	return test_done();
}
