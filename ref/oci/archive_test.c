// SPDX-License-Identifier: MIT
#include "oci/archive.h"
#include "testing/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK 512

/* What a header says; edits come after the sum where @keep_sum. */
struct member {
	const char *name, *prefix;
	char type;
	const char *size;	/* 11 octal digits, or other bytes for the field */
	const char *body;	/* padded to a block */
};

static void put_header(uint8_t *b, const struct member *m)
{
	unsigned sum = 8 * ' ';

	memset(b, 0, BLOCK);
	memcpy(b, m->name, strlen(m->name));
	memcpy(b + 124, m->size, strlen(m->size));
	b[156] = (uint8_t)m->type;
	memcpy(b + 257, "ustar\0" "00", 8);
	if (m->prefix)
		memcpy(b + 345, m->prefix, strlen(m->prefix));
	for (size_t i = 0; i < BLOCK; i++)
		sum += i < 148 || i >= 156 ? b[i] : 0;
	snprintf((char *)b + 148, 8, "%06o", sum);
	b[155] = ' ';
}

/* @members, up to one without a name, and two zero blocks; returns the bytes. */
static size_t put_tar(uint8_t *p, const struct member *members)
{
	size_t n = 0;

	for (; members->name; members++) {
		size_t body = members->body ? strlen(members->body) : 0;

		put_header(p + n, members);
		n += BLOCK;
		if (body)
			memcpy(p + n, members->body, body);
		n += (body + BLOCK - 1) / BLOCK * BLOCK;
	}
	return n + 2 * BLOCK;
}

static int make_file(const void *p, size_t n)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct lp_err err;

	return fd >= 0 && !lp_file_write(fd, p, n, &err) ? fd : -1;
}

static const struct {
	const char *name;
	struct member member[4];
	const char *find;	/* NULL: nothing may be found */
	uint64_t bytes;
	enum lp_code want;
	const char *rule;
} cases[] = {
	{"plain", {{"index.json", NULL, '0', "00000000005", "hello"}}, "index.json", 5, LP_OK, 0},
	{"with ./", {{"./a", NULL, '0', "00000000005", "hello"}}, "a", 5, LP_OK, 0},
	{"prefix", {{"a", "blobs/x", '0', "00000000002", "hi"}}, "blobs/x/a", 2, LP_OK, 0},
	{"old type", {{"a", NULL, '\0', "2 ", "hi"}}, "a", 2, LP_OK, 0},
	{"base 256", {{"a", NULL, '0', "\x80", ""}}, "a", 0, LP_OK, 0},
	{"the last of two", {{"a", NULL, '0', "00000000002", "hi"}, {"a", NULL, '0', "1 ", "x"}},
	 "a", 1, LP_OK, 0},
	{"directory", {{"a", NULL, '5', "00000000000", NULL}}, NULL, 0, LP_OK, 0},
	{"pax size", {{"p", NULL, 'x', "00000000012", "10 size=2\n"}, {"a", NULL, '0', "0 ", "hi"}},
	 "a", 2, LP_OK, 0},
	{"pax time", {{"p", NULL, 'x', "00000000013", "11 mtime=1\n"}, {"a", NULL, '0', "2 ", "hi"}},
	 "a", 2, LP_OK, 0},
	{"pax path", {{"p", NULL, 'x', "00000000012", "10 path=b\n"}, {"a", NULL, '0', "2 ", "hi"}},
	 NULL, 0, LP_EUNSUP, "oci.archive.pax"},
	{"pax length", {{"p", NULL, 'x', "00000000012", "99 size=2\n"}, {"a", NULL, '0', "2 ", "hi"}},
	 NULL, 0, LP_EUNSUP, "oci.archive.pax"},
	{"pax no length", {{"p", NULL, 'x', "00000000012", "size=2    "}, {"a", NULL, '0', "0 ", 0}},
	 NULL, 0, LP_EUNSUP, "oci.archive.pax"},
	{"pax negative", {{"p", NULL, 'x', "00000000013", "11 size=-2\n"}, {"a", NULL, '0', "0 ", 0}},
	 NULL, 0, LP_EUNSUP, "oci.archive.pax"},
	{"pax large", {{"p", NULL, 'x', "00000200001", NULL}}, NULL, 0, LP_ESHORT,
	 "oci.archive.size"},
	{"pax then nothing", {{"p", NULL, 'x', "00000000012", "10 size=2\n"}}, NULL, 0, LP_EFORMAT,
	 "oci.archive.header"},
	{"pax past the end", {{"p", NULL, 'x', "00000000024", "20 size=99999999999\n"},
	 {"a", NULL, '0', "0 ", 0}}, NULL, 0, LP_ESHORT, "oci.archive.size"},
	{"long name", {{"p", NULL, 'L', "00000000002", "hi"}}, NULL, 0, LP_EUNSUP,
	 "oci.archive.header"},
	{"size of letters", {{"a", NULL, '0', "size", NULL}}, NULL, 0, LP_EFORMAT,
	 "oci.archive.header"},
	{"body past the end", {{"a", NULL, '0', "77777777777", "hi"}}, NULL, 0, LP_ESHORT,
	 "oci.archive.size"},
	{"size wraps", {{"a", NULL, '0', "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0}},
	 NULL, 0, LP_EFORMAT, "oci.archive.header"},
	{"negative size", {{"a", NULL, '0', "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0}},
	 NULL, 0, LP_EFORMAT, "oci.archive.header"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		LP_AUTO(lp_archive_free) struct lp_archive a = {0};
		static uint8_t tar[16 * BLOCK];
		LP_AUTO(lp_fd_close) int fd = -1;
		const struct lp_archive_member *m = NULL;
		struct lp_err err = {0};

		memset(tar, 0, sizeof(tar));
		fd = make_file(tar, put_tar(tar, cases[i].member));
		CHECK(lp_archive_open(&a, fd, &err) == cases[i].want, "%s: %s", cases[i].name,
		      err.msg);
		if (cases[i].want)
			CHECK(err.rule && !strcmp(err.rule, cases[i].rule), "%s breaks %s",
			      cases[i].name, cases[i].rule);
		if (cases[i].find)
			m = lp_archive_find(&a, cases[i].find);
		CHECK(cases[i].find ? m && m->bytes == cases[i].bytes : !a.n, "%s: found",
		      cases[i].name);
	}
}

static void test_other_bytes(void)
{
	static const char words[1024] = "not a tar";
	static uint8_t tar[4 * BLOCK];
	LP_AUTO(lp_fd_close) int text = make_file(words, sizeof(words));
	LP_AUTO(lp_fd_close) int none = make_file("", 0);
	LP_AUTO(lp_fd_close) int flipped = -1;
	struct lp_archive a;
	struct lp_err err = {0};

	CHECK(lp_archive_open(&a, text, &err) == LP_EFORMAT && err.at == 0, "text");
	CHECK(!lp_archive_open(&a, none, &err) && !a.n, "an empty file has no members");
	put_tar(tar, cases[0].member);
	tar[0] ^= 1;
	flipped = make_file(tar, sizeof(tar));
	CHECK(lp_archive_open(&a, flipped, &err) == LP_EFORMAT, "a flipped bit breaks the sum");
}

int main(void)
{
	test_cases();
	test_other_bytes();
	return test_done();
}
