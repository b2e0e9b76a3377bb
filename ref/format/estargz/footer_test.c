// SPDX-License-Identifier: MIT
#include "format/estargz/footer.h"

#include "testing/test.h"

#include <string.h>

#define BLOB 1000 /* bytes of the blob that the footers end */
#define EMPTY "\x01\0\0\xff\xff\0\0\0\0\0\0\0\0"
#define GZIP "\x1f\x8b\x08\x04\0\0\0\0\0\xff"
#define GOOD GZIP "\x1a\0SG\x16\0" "00000000000002abSTARGZ" EMPTY
#define LEGACY GZIP "\x16\0" "00000000000002abSTARGZ" EMPTY
#define WITH(hex) GZIP "\x1a\0SG\x16\0" hex "STARGZ" EMPTY

/* Footers, and one byte that is changed in them. */
static const struct {
	const char *name, *text;
	size_t bytes;
	int flip;		/* index of a byte to change, or -1 */
	enum lp_code want;
	const char *rule;
} cases[] = {
#define CASE(name, text, flip, want, rule) {name, text, sizeof(text) - 1, flip, want, rule}
	CASE("51 bytes", GOOD, -1, LP_OK, NULL),
	CASE("47 bytes, the ancestor's", LEGACY, -1, LP_OK, NULL),
	CASE("bytes before it", "xxxx" GOOD, -1, LP_OK, NULL),
	CASE("one byte behind it", GOOD "x", -1, LP_EFORMAT, "estargz.footer.magic"),
	CASE("nothing", "", -1, LP_EFORMAT, "estargz.footer.magic"),
	CASE("truncated", "STARGZ" EMPTY, -1, LP_EFORMAT, "estargz.footer.magic"),
	CASE("flags", GOOD, 3, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("a time", GOOD, 4, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("an OS", GOOD, 9, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("XLEN", GOOD, 10, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("high byte of XLEN", GOOD, 11, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("SI1", GOOD, 12, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("LEN", GOOD, 14, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("the magic", GOOD, 32, LP_EFORMAT, "estargz.footer.magic"),
	CASE("the deflate block", GOOD, 38, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("CRC32", GOOD, 43, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("ISIZE", GOOD, 50, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("no gzip at all", GOOD, 0, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("the ancestor's XLEN", LEGACY, 10, LP_EFORMAT, "estargz.footer.bytes"),
	CASE("upper-case digits", WITH("00000000000002AB"), -1, LP_EFORMAT,
	     "estargz.footer.toc-offset"),
	CASE("a plus sign", WITH("+0000000000002ab"), -1, LP_EFORMAT, "estargz.footer.toc-offset"),
	CASE("a minus sign", WITH("-000000000000001"), -1, LP_EFORMAT, "estargz.footer.toc-offset"),
	CASE("spaces", WITH("             2ab"), -1, LP_EFORMAT, "estargz.footer.toc-offset"),
	CASE("a TOC in the footer", WITH("00000000000003b5"), -1, LP_EFORMAT,
	     "estargz.footer.toc-offset"),
	CASE("a TOC just before it", WITH("00000000000003b4"), -1, LP_OK, NULL),
	CASE("a TOC at 0", WITH("0000000000000000"), -1, LP_OK, NULL),
	CASE("a TOC behind the blob", WITH("00000000000003e8"), -1, LP_EFORMAT,
	     "estargz.footer.toc-offset"),
	CASE("a TOC at -1", WITH("ffffffffffffffff"), -1, LP_EFORMAT, "estargz.footer.toc-offset"),
	CASE("an external TOC", GZIP "\x15\0SG\x11\0STARGZEXTERNALTOC" EMPTY, -1, LP_EUNSUP,
	     "estargz.footer.external"),
	CASE("zstd:chunked", "12345678901234567890123456789012GnUlInUx", -1, LP_EUNSUP,
	     "estargz.footer.zstd-chunked"),
	CASE("zstd:chunked of containers/storage", "GNUlInUx", -1, LP_EUNSUP,
	     "estargz.footer.zstd-chunked"),
#undef CASE
};

int main(void)
{
	uint8_t raw[64], printed[LP_FOOTER_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lp_footer f = {0};
		struct lp_err err = {0};
		enum lp_code got;
		bool right;

		memcpy(raw, cases[i].text, cases[i].bytes);
		if (cases[i].flip >= 0)
			raw[cases[i].flip] ^= 0x55;
		got = lp_footer_parse(raw, cases[i].bytes, BLOB, &f, &err);
		right = got == cases[i].want &&
			(got ? err.rule && !strcmp(err.rule, cases[i].rule)
			     : f.end < BLOB && f.toc_off < f.end);
		CHECK(right, "%s: %s %s", cases[i].name, lp_code_name(got), err.msg);
	}
	lp_footer_print(0x2ab, printed);
	CHECK(!memcmp(printed, GOOD, LP_FOOTER_BYTES), "prints what it reads");
	return test_done();
}
