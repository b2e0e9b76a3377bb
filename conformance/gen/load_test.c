// SPDX-License-Identifier: MIT
/* load_test - the recipe language: what it emits, what vectors say, what is refused and where. */
#include "gen/gen.h"

#include "testing/test.h"

#include <string.h>

#define VECTOR "vector V {\ntitle \"t\"\nformat oci\nclause a.b.c\nexpect accept\ntree none\n" \
	"input layer {\n"
#define DIGEST "b67458b20f47223a36d13d38dcd2d0c43b88f1f9bafedd8d11ade52ca8c0936e"
#define END "\n}\n}\n"

/* Statements of an input, and the bytes that they make. */
static const struct {
	const char *what, *text, *hex;
} emits[] = {
	{"nothing", "", ""},
	{"escapes", "text \"a\\n\\t\\r\\0\\\\\\\"\\x7F\\$\"", "610a090d005c227f24"},
	{"no escapes", "text '\\n\"'", "5c6e22"},
	{"an integer in a string", "text \"<${1 << 63}|${\"x\" + '}'}>\"",
	 "3c393232333337323033363835343737353830387c787d3e"},
	{"numbers", "u8 10, 0x1f, 0o17, -1, ~0, !5, !0", "0a1f0fffff0001"},
	{"widths", "le16 1 le32 2", NULL},
	{"both ends", "le16 258\nle32 1\nle64 2\nbe16 258\nbe32 1\nbe64 -2",
	 "0201010000000200000000000000010200000001fffffffffffffffe"},
	{"ranks", "u8 1 + 2 * 3, (1 + 2) * 3, 1 << 2 + 1, 6 & 3 == 3, 1 | 2 ^ 3 & 2, 7 - 2 - 1",
	 "0709080001" "04"},
	{"unsigned", "u8 -1 / 2 == 0x7fffffffffffffff, -1 > 1, -1 % 10, 1 << 64, 1 >> 64, 5 <= 5, 4 >= 5",
	 "01010500000100"},
	{"choices", "u8 0 ? 1 : 0 ? 2 : 3, 1 ? 4 : len(1 / 0)", "0304"},
	{"what decides", "u8 0 && 1 / 0, 1 || missing, 1 && 2, 0 || 0", "00010100"},
	{"byte strings", "put \"a\" + \"b\"\nu8 \"a\" == \"a\", \"a\" != \"a\", \"a\" == \"ab\"",
	 "6162010000"},
	{"hex", "hex \"1f 8B08\"\nput raw(\"00ff\")", "1f8b0800ff"},
	{"digits", "text hex(255) + hex(10, 4) + dec(7, 3) + oct(8, 4) + signed(-1)",
	 "6666303030613030373030313" "02d31"},
	{"base64",
	 "text b64(\"\") + b64(\"f\") + b64(\"fo\") + b64(\"foo\") + b64(\"\\xff\\xfe\\xfd\\xfc\")",
	 "5a673d3d5a6d383d5a6d39762f2f37392f413d3d"},
	{"pieces",
	 "put cat(\"a\", \"b\", \"c\"), repeat(\"xy\", 2), slice(\"abc\", 1), slice(\"abc\", 1, 1)",
	 "616263787978796263" "62"},
	{"integers from bytes",
	 "u8 le(\"\\x01\\x02\") == 513, be(\"\\x01\\x02\") == 258, sum(\"\\x01\\xff\") == 256",
	 "010101"},
	{"search", "u8 find(\"hello\", \"l\"), find(\"hello\", \"\")\ntext upper(\"aZ1\")", "0200415a31"},
	{"deflate", "put stored(\"\"), stored(\"a\")", "010000ffff" "010100feff61"},
	{"zstd", "put zraw(\"\"), zraw(\"a\")", "010000" "09000061"},
	{"filling", "u8 1\nalign 4\nalign 4\nzero 1\nfill 0x41 2\nfill 0x42, 1\nu8 pos()",
	 "010000000041414208"},
	{"patch", "zero 4\npatch 1 {\nu8 1, pos()\n}", "00010100"},
	{"cut and keep", "text \"abcdef\"\ncut 1\nkeep 3", "616263"},
	{"named bytes", "bytes b {\ntext \"x\"\nu8 pos()\n}\ntext \"y\"\nput b", "797801"},
	{"if", "if 0 {\nu8 1\n} else if 1 {\nu8 2\n} else {\nu8 3\n}\nif 0 {\nu8 4\n} else {\nu8 5\n}",
	 "0205"},
	{"if has its own names", "let a = 1\nif 1 {\nlet a = 2\n}\nu8 a\nif 1 {\nset a = 3\n}\nu8 a",
	 "0103"},
	{"for in", "for v in 1, 2,\n3 {\nu8 v\n}\nfor v in \"a\" {\nput v\n}", "01020361"},
	{"for to", "for v = 2 to 4 {\nu8 v\n}\nfor v = 0 to -1 {\nu8 v\n}\nfor v = -1 to 0 {\nu8 v\n}",
	 "020304ff00"},
	{"lines", "let a = 7\nlines {\n\t{\"a\":${a}}\n\n  \\n # no comment\n}",
	 "7b2261223a377d0a0a5c6e2023206e6f20636f6d6d656e740a"},
	{"comments", "u8 1 # one\n# u8 2\ntext \"#\"", "0123"},
	{"macros", "m(1)\nm(c=2, a=3)\nm(4) {\ntext \"x\"\n}", "0102" "0302" "040278"},
	{"a macro's names are its own", "let c = 9\nm(1)\nu8 c", "010209"},
	{"body as a parameter", "n(\"ab\")\nn() {\ntext \"c\"\n}", "026162" "0163"},
	{"export", "e(1)\nu8 x\nlet x = 5\nif 1 {\ne(2)\n}\nu8 x", "0102"},
	{"export from a block", "bytes b {\nexport y = 3\n}\nu8 y", "03"},
	{"export through a macro", "f()\nu8 x", "07"},
	{"defined", "let a = 1\nu8 defined(\"a\"), defined(\"b\"), defined(\"g\")", "010001"},
	{"what is outside", "u8 g\nput h", "0668"},
	{"macros emit into their caller's block", "u8 0\np()\np()", "000102"},
	{"parentheses span lines", "u8 (1 +\n2)\nm(\n1,\nc=2\n)", "03" "0102"},
	{"sums", "le32 crc32(\"123456789\"), crc32c(\"123456789\"), adler32(\"123456789\")",
	 "2639f4cb" "839206e3" "de011e09"},
};

#define MACROS "let g = 2 * 3\nbytes h {\ntext \"h\"\n}\n" \
	"def m(a, c=2) {\nu8 a, c\nput body\n}\ndef n(body=\"\") {\nu8 len(body)\nput body\n}\n" \
	"def e(v) {\nif 1 {\nexport x = v\n}\n}\ndef f() {\ne(7)\nexport x = x\n}\n" \
	"def p() {\nu8 pos()\n}\n"

static const char *hex(const struct gen_input *in)
{
	static char text[2048];

	text[0] = '\0';
	for (size_t i = 0; i < in->n && i < 1000; i++)
		snprintf(text + 2 * i, 3, "%02x", in->p[i]);
	return text;
}

static int load(struct gen_set *set, const char *text, char why[256])
{
	why[0] = '\0';
	return gen_load_text(set, "f.rcp", text, strlen(text), why, 256);
}

static void test_emits(void)
{
	struct gen_set set;
	char text[4096], why[256];

	for (size_t i = 0; i < sizeof(emits) / sizeof(emits[0]); i++) {
		snprintf(text, sizeof(text), MACROS VECTOR "%s" END, emits[i].text);
		if (load(&set, text, why)) {
			CHECK(!emits[i].hex && *why, "%s: %s", emits[i].what, why);
			continue;
		}
		CHECK(emits[i].hex && set.n == 1 && !strcmp(hex(&set.v[0].input[0]), emits[i].hex),
		      "%s: %s", emits[i].what, hex(&set.v[0].input[0]));
		gen_free(&set);
	}
}

/* Statements of an input that are refused. */
static const struct {
	const char *text, *why;
} refused[] = {
	{"u8 1 2", "f.rcp:9: more on the line than the statement takes"},
	{"\nu9 1", "f.rcp:10: there is no statement nor macro u9"},
	{"put 1", "f.rcp:9: bytes expected, not an integer"},
	{"u8 \"a\"", "f.rcp:9: an integer expected, not bytes"},
	{"u8", "f.rcp:9: a value expected, not the end of the line"},
	{"u8 a", "f.rcp:9: a is not defined"},
	{"u8 1 +", "f.rcp:9: a value expected, not the end of the line"},
	{"u8 (1", "a ( without a )"},
	{"u8 1)", "f.rcp:9: more on the line"},
	{"u8 017", "f.rcp:9: a number with a leading zero"},
	{"u8 0x", "f.rcp:9: a number with a leading zero"},
	{"u8 12a", "f.rcp:9: not a number: 12a"},
	{"u8 18446744073709551616", "f.rcp:9: above 64 bits"},
	{"u8 1 / 0", "f.rcp:9: division by zero"},
	{"u8 1 + \"a\"", "f.rcp:9: an operator between an integer and bytes"},
	{"u8 \"a\" < \"b\"", "f.rcp:9: bytes can only be added"},
	{"u8 -\"a\"", "f.rcp:9: - takes an integer"},
	{"u8 \"a\" ? 1 : 2", "f.rcp:9: ? takes an integer"},
	{"text \"a", "f.rcp:9: a string without an end"},
	{"text \"\\q\"", "f.rcp:9: unknown escape"},
	{"text \"\\x4\"", "f.rcp:9: unknown escape"},
	{"text \"${1", "f.rcp:9: ${ without a }"},
	{"text \"${1 2}\"", "f.rcp:9: } expected"},
	{"hex \"1\"", "f.rcp:9: an odd number"},
	{"hex \"1g\"", "f.rcp:9: not hexadecimal"},
	{"put len(1)", "f.rcp:9: len(): argument 1 is an integer, not bytes"},
	{"put len()", "f.rcp:9: len() takes 1 to 1 arguments, not 0"},
	{"put nothing()", "f.rcp:9: there is no function nothing"},
	{"put slice(\"abc\", 4)", "f.rcp:9: a slice from 4 of 3 bytes"},
	{"put slice(\"abc\", 1, 3)", "f.rcp:9: a slice of 3 bytes from 1 of 3"},
	{"u8 find(\"a\", \"b\")", "f.rcp:9: find(): it is not there"},
	{"put repeat(\"a\", -1)", "f.rcp:9: repeated to more than"},
	{"zero 1 << 40", "f.rcp:9: more than 67108864 bytes"},
	{"align 0", "f.rcp:9: align to a multiple of 0"},
	{"fill 256 1", "f.rcp:9: fill: 256 is not a byte"},
	{"cut 1", "f.rcp:9: cut: 1 of 0 bytes"},
	{"keep 1", "f.rcp:9: keep: 1 of 0 bytes"},
	{"u8 1\npatch 1 {\nu8 1\n}", "f.rcp:10: patch: 1 bytes at 1 of 1"},
	{"patch -1 {\nu8 1\n}", "f.rcp:9: patch: 1 bytes at 18446744073709551615 of 0"},
	{"title \"t\"", "f.rcp:9: title does not stand in a block of bytes"},
	{"include \"x\"", "f.rcp:9: include does not stand in a block of bytes"},
	{"set a = 1", "f.rcp:9: set: no block around has a"},
	{"fail \"because\"", "f.rcp:9: because"},
	{"if 1 u8 1", "f.rcp:9: { expected"},
	{"for v of 1 {\n}", "f.rcp:9: for NAME in"},
	{"for v = 1 {\n}", "f.rcp:9: for NAME = FROM to LAST"},
	{"for v = 0 to 1 << 60 {\n}", "f.rcp:9: more than 20000000 steps"},
	{"m()", "f.rcp:9: a is not given"},
	{"m(1, 2, 3)", "f.rcp:9: the macro has no such parameter"},
	{"m(1, d=3)", "f.rcp:9: the macro has no such parameter"},
	{"m(1, a=3)", "f.rcp:9: a is given twice"},
	{"m(\"x\")", "f.rcp:1: an integer expected, not bytes, called from f.rcp:9"},
	{"}", "f.rcp:11: a } without a {"},
	{"if 1 {", "f.rcp:2: a { without a }"},
	{"lines {\na\n", "f.rcp:2: a { without a }"},
};

static void test_refused(void)
{
	struct gen_set set;
	char text[4096], why[256];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(text, sizeof(text), "def m(a, c=2) { u8 a }\n" VECTOR "%s" END "def r() { r() }\n",
			 refused[i].text);
		CHECK(load(&set, text, why) && strstr(why, refused[i].why), "%s: %s", refused[i].text, why);
		gen_free(&set);
	}
}

/* Whole recipes that are refused. */
static const struct {
	const char *text, *why;
} broken[] = {
	{"u8 1", "f.rcp:1: u8 does not stand outside of blocks"},
	{"def m() {\n}\nm()", "f.rcp:3: a macro is not called outside of blocks"},
	{"def m() {\n}\ndef m() {\n}", "f.rcp:3: there is a statement or a macro m already"},
	{"def text() {\n}", "f.rcp:1: there is a statement or a macro text already"},
	{"def m(a, a) {\n}", "f.rcp:1: two parameters are called a"},
	{"def m(a", "a ( without a )"},
	{"def m(a)", "f.rcp:1: { expected"},
	{"def r() {\nr()\n}\nbytes x {\nr()\n}", "too deep, called from f.rcp:2, called from f.rcp:2"},
	{"def m(a=1 +) {\n}", "f.rcp:1: a value expected"},
	{"include \"lib/tar.rcp\"", "f.rcp:1: include takes the name of a file"},
	{"let a = b", "f.rcp:1: b is not defined"},
	{"vector {\n}", "f.rcp:1: a word expected"},
	{"vector v {\n}", "f.rcp:1: an id is capitals"},
	{"vector V_1 {\n}", "f.rcp:1: an id is capitals"},
	{"vector V {\n}", "f.rcp:1: V has no title"},
	{"vector V {\ntitle \"a\"\ntitle \"b\"\n}", "f.rcp:3: the field stands twice"},
	{"vector V {\ntitle \"a\\n\"\n}", "f.rcp:2: a field with control characters"},
	{"vector V {\nformat tgz\n}", "f.rcp:2: unknown word \"tgz\""},
	{"vector V {\nop look\n}", "f.rcp:2: unknown word \"look\""},
	{"vector V {\nexpect reject later\n}", "f.rcp:2: unknown word \"later\""},
	{"vector V {\nexpect reject\n}", "f.rcp:2: a word expected"},
	{"vector V {\nlimit time 1\n}", "f.rcp:2: unknown word \"time\""},
	{"vector V {\nlimit cpu_ms \"a\"\n}", "f.rcp:2: limit cpu_ms is not an integer"},
	{"vector V {\narg a 1\narg a 2\n}", "f.rcp:3: a stands twice"},
	{"vector V {\ninput L {\n}\n}", "f.rcp:2: a role is a word of small letters"},
	{"vector V {\nu8 1\n}", "f.rcp:2: u8 does not stand in a vector outside of its inputs"},
	{"vector V {\ntree {\n}\n}", "f.rcp:2: a tree that is empty"},
	{"vector V {\nvector W {\n}\n}", "f.rcp:2: vector does not stand in a vector"},
	{"family F {\n}", "f.rcp:1: a family without values"},
	{"family F for a = 1 to 2000 {\n}", "f.rcp:1: a family of more than 1000"},
	{VECTOR END VECTOR END, ": V: the id stands also in f.rcp"},
	{"vector V {\ntitle \"t\"\nformat oci\nclause a.b.c\nexpect accept\ninput layer {" END,
	 "f.rcp:1: V: accept without tree"},
	{"vector V {\ntitle \"t\"\nformat oci\nclause a.b.c\nexpect reject apply\ninput layer {" END,
	 "f.rcp:1: V: reject without base and delta"},
	{"vector V {\ntitle \"t\"\nformat oci\nclause a.b.c\nexpect reject apply\nbase W\n"
	 "delta \"d\"\ninput layer {" END, "f.rcp:1: V: base is no accepted vector: W"},
	{"vector V {\ntitle \"t\"\nformat oci\nclause a.b.c\nexpect accept\ntree of W\n"
	 "input layer {" END, "f.rcp:1: V: tree of a vector without one: W"},
};

static void test_broken(void)
{
	struct gen_set set;
	char why[256];

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		CHECK(load(&set, broken[i].text, why) && strstr(why, broken[i].why), "%s: %s",
		      broken[i].why, why);
		gen_free(&set);
	}
}

static const char recipe[] =
	"family F for a in 1, 2 for b in \"x\", \"y\" {\n"
	"title \"${a}${b}\"\nformat estargz\nop read\nclause a.b-c.d e.f.g, h.i.j\nbase V\n"
	"delta \"d\"\nfeature xattr\nflag full\nprofile hostile verify\nlimit cpu_ms 5 * 2\n"
	"arg path \"a\\0b\"\narg n -1\n"
	"if a == 1 {\nexpect reject footer,limits\n} else {\nexpect either local\n}\n"
	"input blob { text b }\ninput layer { u8 a }\ninput blob {\n}\n}\n"
	"vector V {\ntitle \"t\"\nformat oci\nclause a.b.c\ncode x.y.z\nexpect accept\n"
	"tree {\n\t{\"p\":\"${1 + 1}\"}\n}\ninput layer {\ntext \"hello\"\n}\n}\n"
	"vector W {\ntitle \"t\"\nformat oci\nclause a.b.c\nexpect accept\ntree of V\n"
	"input layer {\nzero 0x100001\n}\n}\n";

static void test_fields(void)
{
	const struct gen_vector *v;
	struct gen_set set;
	char why[256];

	if (!CHECK(!load(&set, recipe, why) && set.n == 6, "a recipe: %s", why))
		return;
	v = &set.v[1];
	CHECK(!strcmp(v->id, "F-2") && !strcmp(v->title, "1y") && v->line == 1,
	      "the last loop is the fastest");
	CHECK(!strcmp(v->format, "estargz") && !strcmp(v->op, "read") && v->nclause == 3 &&
	      !strcmp(v->clause[0], "a.b-c.d") && !strcmp(v->clause[2], "h.i.j"), "words");
	CHECK(v->ncode == 3 && !strcmp(v->code[1], "e.f.g"), "codes are the clauses");
	CHECK(!strcmp(v->verdict, "reject") && !strcmp(v->phase, "footer,limits") && !v->policy, "reject");
	CHECK(!strcmp(set.v[2].verdict, "either") && !strcmp(set.v[2].policy, "local"), "either");
	CHECK(!strcmp(v->profile, "hostile verify") && v->nfeature == 1 && v->nflag == 1, "profiles");
	CHECK(v->narg == 2 && v->arg[0].n == 3 && !memcmp(v->arg[0].value, "a\0b", 4) &&
	      !strcmp(v->arg[1].value, "18446744073709551615"), "args");
	CHECK(v->nlimit == 1 && !strcmp(v->limit[0].value, "10"), "limits");
	CHECK(v->ninput == 3 && !strcmp(v->input[0].role, "blob1") &&
	      !strcmp(v->input[1].role, "layer") && !strcmp(v->input[2].role, "blob2"), "roles");
	v = &set.v[4];
	CHECK(!strcmp(v->id, "V") && !strcmp(v->op, "verify") && !strcmp(v->profile, "reader") &&
	      v->ncode == 1, "defaults");
	/* printf 'layer\0\5\0\0\0\0\0\0\0hello' | sha256sum */
	CHECK(v->size == 5 && !strcmp(v->sha256, DIGEST), "digest: %s", v->sha256);
	CHECK(v->tree && !strcmp(v->tree, "{\"p\":\"2\"}\n"), "a tree");
	v = &set.v[5];
	CHECK(v->huge && !v->input[0].p && v->input[0].n == 0x100001 && v->size == 0x100001, "huge");
	CHECK(v->tree && !strcmp(v->tree, set.v[4].tree) && !strcmp(v->tree_of, "V"), "another's tree");
	gen_free(&set);
	gen_free(&set);
}

int main(void)
{
	test_fields();
	if (!test_tortured()) {
		test_emits();
		test_refused();
		test_broken();
	}
	return test_done();
}
