// SPDX-License-Identifier: MIT
#include "base/stream.h"
#include "base/file.h"
#include "testing/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char text[] = "hello, stream";
#define TEXT (sizeof(text) - 1)

/* Gives one byte at a time, then fails or ends. */
struct slow_reader {
	struct lp_reader reader;
	size_t at, fail_at;
};

static enum lp_code slow_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct slow_reader *s = (struct slow_reader *)r;

	(void)n;
	if (s->at == s->fail_at)
		return lp_fail(err, LP_EREMOTE, s->at, NULL, "cut");
	*got = s->at < TEXT;
	if (*got)
		memcpy(p, text + s->at++, 1);
	return LP_OK;
}

static enum lp_code full_write(struct lp_writer *w, const void *p, size_t n, struct lp_err *err)
{
	(void)w, (void)p, (void)n;
	return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "no space");
}

static void test_read_full(void)
{
	struct slow_reader s = {.reader = {slow_read}, .fail_at = SIZE_MAX};
	struct lp_err err = {0};
	char got[20] = "";
	uint64_t dropped = 99;

	CHECK(!lp_read_full(&s.reader, got, 5, &err) && !memcmp(got, "hello", 5), "in small parts");
	CHECK(lp_read_full(&s.reader, got, 9, &err) == LP_ESHORT && err.at == 8,
	      "one byte more than there is: %s", err.msg);
	CHECK(!lp_read_rest(&s.reader, &dropped, &err) && !dropped, "nothing is left");
	s.at = 6;
	CHECK(!lp_read_rest(&s.reader, &dropped, &err) && dropped == TEXT - 6, "the rest");
	s.at = 0;
	CHECK(!lp_read_rest(&s.reader, NULL, &err), "the rest, uncounted");
	s = (struct slow_reader){.reader = {slow_read}, .fail_at = 3};
	CHECK(lp_read_full(&s.reader, got, 5, &err) == LP_EREMOTE, "a failure comes through");
	CHECK(lp_read_rest(&s.reader, NULL, &err) == LP_EREMOTE, "also from the rest");
}

static void test_hash(void)
{
	LP_AUTO(lp_hash_reader_free) struct lp_hash_reader r = {0};
	LP_AUTO(lp_hash_writer_free) struct lp_hash_writer w = {0}, counter = {0};
	struct lp_digest want, got;
	struct lp_mem_reader mem;
	struct lp_err err = {0};

	lp_digest_of(LP_SHA256, text, TEXT, &want);
	lp_mem_reader_open(&mem, text, TEXT);
	if (lp_hash_reader_open(&r, &mem.reader, LP_SHA256, &err) ||
	    lp_hash_writer_open(&counter, NULL, LP_SHA256, &err) ||
	    lp_hash_writer_open(&w, &counter.writer, LP_SHA256, &err))
		return;
	CHECK(!lp_copy(&r.reader, &w.writer, TEXT, &err) && r.bytes == TEXT && w.bytes == TEXT &&
	      counter.bytes == TEXT, "counted on the way");
	lp_hash_end(&r.hash, &got);
	CHECK(lp_digest_equal(&want, &got), "hashed by the reader");
	lp_hash_end(&w.hash, &got);
	CHECK(lp_digest_equal(&want, &got), "by the writer");
	lp_hash_end(&counter.hash, &got);
	CHECK(lp_digest_equal(&want, &got), "and behind it");
}

static void test_copy(void)
{
	struct lp_writer full = {full_write};
	struct slow_reader s = {.reader = {slow_read}, .fail_at = SIZE_MAX};
	LP_AUTO(lp_fd_close) int fd = memfd_create("copy", MFD_CLOEXEC);
	struct lp_fd_writer to;
	struct lp_fd_reader from;
	struct lp_err err = {0};
	char got[20] = "";

	lp_fd_writer_open(&to, fd);
	CHECK(!lp_copy(&s.reader, &to.writer, 5, &err) && s.at == 5, "no more than was asked for");
	CHECK(lp_copy(&s.reader, &to.writer, 100, &err) == LP_ESHORT && err.at == 8,
	      "the reader ends: %s", err.msg);
	CHECK(lseek(fd, 0, SEEK_SET) == 0, "rewind");
	lp_fd_reader_open(&from, fd);
	CHECK(!lp_read_full(&from.reader, got, TEXT, &err) && !strcmp(got, text), "through a file");
	s.at = 0;
	CHECK(lp_copy(&s.reader, &full, 5, &err) == LP_ESYSTEM && s.at == 1, "the writer fails");
	lp_fd_reader_open(&from, -1);
	CHECK(lp_read_full(&from.reader, got, 1, &err) == LP_ESYSTEM, "no file");
}

/* A part of a stream, whatever the pieces are in which that comes. */
static void test_part(void)
{
	static const struct {
		uint64_t off, end;
		const char *want;
	} cases[] = {{0, 8, "abcdefgh"}, {0, 3, "abc"}, {2, 6, "cdef"}, {5, 100, "fgh"},
		     {4, 4, ""}, {8, 9, ""}};
	struct lp_err err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step <= 8; step++) {
			LP_AUTO(lp_buf_writer_free) struct lp_buf_writer to = LP_BUF_WRITER(8);
			struct lp_part part = {.off = cases[i].off, .end = cases[i].end};
			size_t n = strlen(cases[i].want);
			bool passed = true;

			while (part.at < 8 && passed) {
				size_t piece = 8 - part.at < step ? 8 - part.at : step;

				passed = !lp_part_pass(&part, "abcdefgh" + part.at, piece,
						       &to.writer, &err);
			}
			CHECK(passed && to.buf.len == n &&
				      (!n || !memcmp(to.buf.p, cases[i].want, n)),
			      "part %zu in pieces of %zu", i, step);
		}
}

static void test_kept(void)
{
	LP_AUTO(lp_buf_writer_free) struct lp_buf_writer to = LP_BUF_WRITER(5);
	struct lp_err err = {0};

	CHECK(!lp_write(&to.writer, "abc", 3, &err) && !lp_write(&to.writer, "de", 2, &err) &&
	      to.buf.len == 5 && !memcmp(to.buf.p, "abcde", 5), "what was written is kept");
	CHECK(lp_write(&to.writer, "f", 1, &err) == LP_ELIMIT, "not more than that");
}

int main(void)
{
	test_read_full();
	test_hash();
	test_copy();
	test_part();
	test_kept();
	return test_done();
}
